using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Net.WebSockets;
using System.Threading;
using System.Threading.Tasks;

namespace Spatia.Bridge
{
    /// <summary>A WebSocket by System.Net.WebSockets, which Unity has on every platform but WebGL. Sockets are worked on by the
    /// thread pool; what comes waits in a queue for Poll. Nothing here ever waits for a socket, so that leaving play mode cannot
    /// hang on one.</summary>
    public sealed class WebSocketTransport : ITransport
    {
        const int MaxWaitingBytes = 16 << 20;  // of packets that Poll has not handed out: then the socket is read no further
        static readonly TimeSpan CloseWait = TimeSpan.FromSeconds(1);

        Connection _connection;
        ITransportEvents _events;

        public void Open(string url, ITransportEvents events)
        {
            Close();
            _events = events;
            _connection = new Connection(url);
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

        struct Event
        {
            public byte[] Packet;
            public string ClosedBecause;  // null, and no packet: it is open
        }

        /// <summary>One connection, from the first to the last; it outlives the transport's interest in it only to say goodbye.</summary>
        sealed class Connection
        {
            readonly ClientWebSocket _socket = new ClientWebSocket();
            readonly CancellationTokenSource _over = new CancellationTokenSource();
            readonly ConcurrentQueue<Event> _came = new ConcurrentQueue<Event>();
            readonly ConcurrentQueue<byte[]> _leaving = new ConcurrentQueue<byte[]>();
            readonly SemaphoreSlim _toSend = new SemaphoreSlim(0);
            long _waitingBytes;
            volatile bool _stopping;

            public Connection(string url)
            {
                _socket.Options.AddSubProtocol(PacketWriter.Subprotocol);
                Task.Run(() => Run(url));
            }

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

            public bool TryTake(out Event next)
            {
                if (!_came.TryDequeue(out next)) return false;
                if (next.Packet != null) Interlocked.Add(ref _waitingBytes, -next.Packet.Length);
                return true;
            }

            async Task Run(string url)
            {
                string reason;
                try
                {
                    reason = await Live(url).ConfigureAwait(false);
                }
                catch (Exception error)  // whatever a socket throws, and platforms differ in that, is the end of this link
                {
                    reason = Innermost(error).Message;
                }
                _over.Cancel();
                _socket.Dispose();
                _came.Enqueue(new Event { ClosedBecause = string.IsNullOrEmpty(reason) ? "the connection broke" : reason });
            }

            async Task<string> Live(string url)
            {
                try
                {
                    await _socket.ConnectAsync(new Uri(url), _over.Token).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    return "nobody answers at " + url + ": " + Innermost(error).Message;
                }
                if (_socket.SubProtocol != PacketWriter.Subprotocol) return "the server does not speak " + PacketWriter.Subprotocol;
                _came.Enqueue(new Event());
                Task sending = SendAll();
                try
                {
                    return await ReceiveAll().ConfigureAwait(false);
                }
                finally
                {
                    _over.Cancel();
                    await Task.WhenAny(sending).ConfigureAwait(false);
                }
            }

            async Task SendAll()
            {
                while (true)
                {
                    await _toSend.WaitAsync(_over.Token).ConfigureAwait(false);
                    byte[] packet;
                    if (_stopping)
                    {
                        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", _over.Token).ConfigureAwait(false);
                        return;
                    }
                    if (!_leaving.TryDequeue(out packet)) continue;
                    var data = new ArraySegment<byte>(packet);
                    await _socket.SendAsync(data, WebSocketMessageType.Binary, true, _over.Token).ConfigureAwait(false);
                }
            }

            /// <summary>Until the link ends; why it did.</summary>
            async Task<string> ReceiveAll()
            {
                var buffer = new ArraySegment<byte>(new byte[16 << 10]);
                var message = new MemoryStream();
                while (true)
                {
                    WebSocketReceiveResult got = await _socket.ReceiveAsync(buffer, _over.Token).ConfigureAwait(false);
                    if (got.MessageType == WebSocketMessageType.Close) return _socket.CloseStatusDescription;
                    if (got.MessageType != WebSocketMessageType.Binary) return "the server sent a text message";
                    message.Write(buffer.Array, 0, got.Count);
                    if (message.Length > PacketReader.MaxPacketBytes) return "the server sent too large a message";
                    if (!got.EndOfMessage) continue;
                    Interlocked.Add(ref _waitingBytes, message.Length);
                    _came.Enqueue(new Event { Packet = message.ToArray() });
                    message.SetLength(0);
                    while (Interlocked.Read(ref _waitingBytes) > MaxWaitingBytes) await Task.Delay(5, _over.Token).ConfigureAwait(false);
                }
            }

            static Exception Innermost(Exception error)
            {
                while (error.InnerException != null) error = error.InnerException;
                return error;
            }
        }
    }
}
