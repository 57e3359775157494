using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Spatia.Bridge
{
    /// <summary>What transports by tasks have in common. A connection is worked on by the thread pool; what comes waits in a
    /// queue for Poll. Nothing here ever waits for a socket, so that leaving play mode cannot hang on one.</summary>
    public abstract class QueuedTransport : ITransport
    {
        Connection _connection;
        ITransportEvents _events;

        /// <summary>A connection that has not begun.</summary>
        protected abstract Connection Connect(string url);

        public void Open(string url, ITransportEvents events)
        {
            Close();
            _events = events;
            _connection = Connect(url);
            _connection.Begin();
        }

        public void Send(byte[] packet)
        {
            if (_connection != null) _connection.Send(packet);
        }

        public void Close()
        {
            if (_connection == null) return;
            _connection.Stop();
            _connection = null;
        }

        public void Dispose() { Close(); }

        public void Poll(double budgetSecs)
        {
            Connection connection = _connection;
            Stopwatch clock = Stopwatch.StartNew();
            Event next;
            while (connection != null && connection == _connection && connection.TryTake(out next))
            {
                if (next.Packet != null) _events.OnPacket(new ArraySegment<byte>(next.Packet));
                else if (next.ClosedBecause == null) _events.OnOpen();
                else
                {
                    _connection = null;
                    _events.OnClosed(next.ClosedBecause);
                }
                if (clock.Elapsed.TotalSeconds >= budgetSecs) return;
            }
        }

        internal struct Event
        {
            public byte[] Packet;
            public string ClosedBecause;  // null, and no packet: it is open
        }

        /// <summary>One connection, from the first to the last; it outlives the transport's interest in it only to say
        /// goodbye.</summary>
        protected abstract class Connection
        {
            const int MaxWaitingBytes = 16 << 20;  // of packets that Poll has not handed out: then nothing more is read
            static readonly TimeSpan CloseWait = TimeSpan.FromSeconds(1);

            readonly CancellationTokenSource _over = new CancellationTokenSource();
            readonly ConcurrentQueue<Event> _came = new ConcurrentQueue<Event>();
            readonly ConcurrentQueue<byte[]> _leaving = new ConcurrentQueue<byte[]>();
            readonly SemaphoreSlim _toSend = new SemaphoreSlim(0);
            long _waitingBytes;
            volatile bool _stopping;

            /// <summary>Connects, calls Opened, sends and receives until the link ends; why it did.</summary>
            protected abstract Task<string> Live(CancellationToken over);

            /// <summary>The link is over.</summary>
            protected abstract void Free();

            public void Begin() { Task.Run(Run); }

            public void Send(byte[] packet)
            {
                _leaving.Enqueue(packet);
                _toSend.Release();
            }

            public void Stop()
            {
                _stopping = true;
                _over.CancelAfter(CloseWait);
                _toSend.Release();
            }

            internal bool TryTake(out Event next)
            {
                if (!_came.TryDequeue(out next)) return false;
                if (next.Packet != null) Interlocked.Add(ref _waitingBytes, -next.Packet.Length);
                return true;
            }

            protected void Opened() { _came.Enqueue(new Event()); }

            /// <summary>Hands a packet to Poll; completes when there is room for more.</summary>
            protected async Task Came(byte[] packet)
            {
                Interlocked.Add(ref _waitingBytes, packet.Length);
                _came.Enqueue(new Event { Packet = packet });
                while (Interlocked.Read(ref _waitingBytes) > MaxWaitingBytes) await Task.Delay(5, _over.Token).ConfigureAwait(false);
            }

            /// <summary>The next packet to send; null: say goodbye.</summary>
            protected async Task<byte[]> ToSend()
            {
                while (true)
                {
                    await _toSend.WaitAsync(_over.Token).ConfigureAwait(false);
                    byte[] packet;
                    if (_stopping) return null;
                    if (_leaving.TryDequeue(out packet)) return packet;
                }
            }

            /// <summary>Receives until the link ends, then ends the sending too.</summary>
            protected async Task<string> UntilOver(Task sending, Task<string> receiving)
            {
                try
                {
                    return await receiving.ConfigureAwait(false);
                }
                finally
                {
                    _over.Cancel();
                    await Task.WhenAny(sending).ConfigureAwait(false);
                }
            }

            protected static Exception Innermost(Exception error)
            {
                while (error.InnerException != null) error = error.InnerException;
                return error;
            }

            async Task Run()
            {
                string reason;
                try
                {
                    reason = await Live(_over.Token).ConfigureAwait(false);
                }
                catch (Exception error)  // whatever a socket throws, and platforms differ in that, is the end of this link
                {
                    reason = Innermost(error).Message;
                }
                _over.Cancel();
                Free();
                _came.Enqueue(new Event { ClosedBecause = string.IsNullOrEmpty(reason) ? "the connection broke" : reason });
            }
        }
    }
}
