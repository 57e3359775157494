using System;
using System.Collections.Generic;
using Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    public sealed class SessionOptions
    {
        public string Url = "ws://127.0.0.1:50052";
        public string Session = "my-level";
        public string ClientName = "c#";
        /// <summary>Whose axes and units go in and out.</summary>
        public Engine Engine = Engine.OpenCV;
        public string Token = "";
        /// <summary>Make the session if there is none.</summary>
        public bool Create = true;
        /// <summary>Frames of takes come as they are made.</summary>
        public bool PushFrames;
        public bool Reconnect = true;
        /// <summary>Of chunk data that may be on its way.</summary>
        public ulong CreditBytes = 4 << 20;
        public double ConnectTimeoutSecs = 10;
        /// <summary>Before it tries again; doubles each time.</summary>
        public double FirstWaitSecs = 0.5;
        public double LongestWaitSecs = 15;
    }

    /// <summary>The answer to one request: Done, or else Error.</summary>
    public sealed class Reply
    {
        public readonly Done Done;
        public readonly Error Error;

        internal Reply(Done done, Error error)
        {
            Done = done;
            Error = error;
        }

        public bool Ok { get { return Done != null; } }
    }

    public enum SessionState { Idle, Waiting, Connecting, Greeting, Live }

    /// <summary>The live link from the client's side, with no thread and no clock of its own.
    /// <code>
    /// Idle ──Open──▶ Connecting ──▶ Greeting ──welcome──▶ Live
    ///   ▲                ▲              │                  │
    ///   └─Close, refused─┴── Waiting ◀──┴── link broke ────┘
    /// </code>
    /// While it waits it tries again by itself, ever more seldom, and a client that was in sync gets only what changed meanwhile.
    /// What it is asked for without a link fails at once: nothing is queued across links. Everything is told from within Update,
    /// Open, Close and Request, on the caller's thread; any member may be called from there.</summary>
    public sealed class Session : ITransportEvents, IDisposable
    {
        public const uint ProtocolVersion = 1;
        const ulong HelloRequest = 1;
        const ulong CreditStepBytes = 256 << 10;
        static readonly string[] Final = { "UNAUTHENTICATED", "NOT_FOUND", "INVALID_INPUT", "PROTOCOL", "VERSION_MISMATCH" };

        readonly ITransport _transport;
        readonly Random _random = new Random();
        readonly PacketWriter _writer = new PacketWriter();
        readonly Dictionary<ulong, Action<Reply>> _replies = new Dictionary<ulong, Action<Reply>>();
        PacketReader _reader = new PacketReader();
        double _sinceSecs = double.NaN;  // when an Update first saw the state
        double _waitSecs;
        int _attempt;
        long _link;  // counts links: who calls out looks whether it is still in the one it was in
        ulong _nextRequest = HelloRequest + 1;
        ulong _owedBytes;

        public Session(SessionOptions options, ITransport transport)
        {
            Options = options;
            _transport = transport;
        }

        public SessionOptions Options { get; private set; }
        public SessionState State { get; private set; }
        public PointMirror Mirror { get; } = new PointMirror();
        /// <summary>The newest that the server told.</summary>
        public Welcome Welcome { get; private set; } = new Welcome();
        public Revision Revision { get; private set; } = new Revision();
        public Recording Recording { get; private set; } = new Recording();
        public Dictionary<uint, Take> Takes { get; } = new Dictionary<uint, Take>();
        public Dictionary<ulong, Progress> Jobs { get; } = new Dictionary<ulong, Progress>();

        /// <summary>The server said welcome; Resumed: only what changed will come.</summary>
        public event Action<Welcome> Connected = delegate { };
        public event Action<string> Disconnected = delegate { };
        /// <summary>It tries again in so many seconds; the attempt's number.</summary>
        public event Action<double, int> Waiting = delegate { };
        /// <summary>To try again would not help.</summary>
        public event Action<Error> Refused = delegate { };
        /// <summary>Where the points lie changed.</summary>
        public event Action SpaceChanged = delegate { };
        public event Action<Revision> RevisionChanged = delegate { };
        /// <summary>The mirror is exactly this revision.</summary>
        public event Action<long> Synced = delegate { };
        public event Action<Progress> Progressed = delegate { };
        public event Action<Take> TakeChanged = delegate { };
        /// <summary>A frame and the request it answers; 0: it was pushed.</summary>
        public event Action<TakeFrame, ulong> FrameReceived = delegate { };
        public event Action<LiveProjection> LiveProjectionReceived = delegate { };
        public event Action<Recording> RecordingChanged = delegate { };
        public event Action<Pong> Ponged = delegate { };
        /// <summary>What no reply tells of.</summary>
        public event Action<Error> ErrorReported = delegate { };

        // ---------------------------------------------------------------------------------------------------- connecting

        /// <summary>Connects and stays connected until Close or until it is refused; uses what Options say now.</summary>
        public void Open()
        {
            if (State != SessionState.Idle && State != SessionState.Waiting) return;
            Enter(SessionState.Connecting);
            ++_link;
            _transport.Open(Options.Url, this);
        }

        /// <summary>Leaves. The session goes on at the server; the mirror keeps what it has.</summary>
        public void Close()
        {
            _attempt = 0;
            if (State == SessionState.Idle) return;
            bool linked = State != SessionState.Waiting;
            _transport.Close();
            if (linked) EndLink("closed here", SessionState.Idle);
            else Enter(SessionState.Idle);
        }

        /// <summary>Leaves and lets go of the transport.</summary>
        public void Dispose()
        {
            Close();
            _transport.Dispose();
            Mirror.Dispose();
        }

        /// <summary>Moves the link; to be called often, say every frame. nowSecs grows steadily; messages are handled for about
        /// budgetSecs, the rest waits.</summary>
        public void Update(double nowSecs, double budgetSecs = 0.006)
        {
            _transport.Poll(budgetSecs);
            if (double.IsNaN(_sinceSecs)) _sinceSecs = nowSecs;
            double passedSecs = nowSecs - _sinceSecs;
            if (State == SessionState.Waiting && passedSecs >= _waitSecs)
            {
                Open();
            }
            else if ((State == SessionState.Connecting || State == SessionState.Greeting) && passedSecs > Options.ConnectTimeoutSecs)
            {
                _transport.Close();
                Broken("no answer in " + (int)Options.ConnectTimeoutSecs + " s");
            }
        }

        void ITransportEvents.OnOpen()
        {
            if (State != SessionState.Connecting) return;
            _reader = new PacketReader();
            Resume resume = Mirror.Restore();
            if (State != SessionState.Connecting) return;  // who was told of it left
            var hello = new Hello
            {
                ProtocolVersion = ProtocolVersion, ClientName = Options.ClientName, Engine = Options.Engine,
                Session = Options.Session, Create = Options.Create, Token = Options.Token, Resume = resume,
                CreditBytes = Options.CreditBytes, PushFrames = Options.PushFrames, BatchChunks = true,
            };
            hello.Compressions.Add(Compression.Gzip);
            _owedBytes = 0;
            State = SessionState.Greeting;
            Send(new ClientMessage { RequestId = HelloRequest, Hello = hello });
        }

        void ITransportEvents.OnClosed(string reason) { Broken(reason); }

        void Broken(string reason)
        {
            if (State == SessionState.Idle || State == SessionState.Waiting) return;
            long link = _link;
            EndLink(reason, Options.Reconnect ? SessionState.Waiting : SessionState.Idle);
            if (State != SessionState.Waiting || link != _link) return;
            // up to three tenths less, so that clients of one server do not come back all at once
            _waitSecs = Math.Min(Options.FirstWaitSecs * Math.Pow(2, _attempt), Options.LongestWaitSecs) * (1 - 0.3 * _random.NextDouble());
            ++_attempt;
            Waiting(_waitSecs, _attempt);
        }

        /// <summary>Ends the link here; everyone who waits for an answer is told.</summary>
        void EndLink(string reason, SessionState next)
        {
            bool wasLive = State == SessionState.Live;
            Enter(next);
            var unanswered = new List<Action<Reply>>(_replies.Values);
            _replies.Clear();
            foreach (Action<Reply> handler in unanswered)
            {
                if (handler != null) handler(Unavailable(reason));
            }
            if (wasLive || next == SessionState.Idle) Disconnected(reason);
        }

        void Enter(SessionState next)
        {
            State = next;
            _sinceSecs = double.NaN;
        }

        /// <summary>What came is not what the server stated: drop it and get everything again.</summary>
        void StartAnew(string fault)
        {
            _transport.Close();
            Mirror.Forget();
            Broken(fault);
        }

        // ------------------------------------------------------------------------------------------------------ requests

        /// <summary>Asks: one body of a ClientMessage, such as new ClientMessage { Undo = new Undo() }. The handler is called once,
        /// with the answer or UNAVAILABLE. The request's number, 0 without a link.</summary>
        /// <exception cref="ArgumentException">Two bodies, or text that is no text.</exception>
        public ulong Request(ClientMessage message, Action<Reply> handler = null)
        {
            if (State != SessionState.Live)
            {
                if (handler != null) handler(Unavailable("there is no link"));
                return 0;
            }
            message.RequestId = _nextRequest++;
            List<byte[]> packets = _writer.Packets(message);  // may throw: then there is nothing to answer
            _replies[message.RequestId] = handler;
            packets.ForEach(_transport.Send);
            return message.RequestId;
        }

        /// <summary>Sends what wants no answer (poses, all views of a sweep but the last); dropped without a link.</summary>
        public void Tell(ClientMessage message)
        {
            if (State != SessionState.Live) return;
            message.RequestId = 0;
            Send(message);
        }

        void Send(ClientMessage message)
        {
            _writer.Packets(message).ForEach(_transport.Send);
        }

        static Reply Unavailable(string reason)
        {
            return new Reply(null, new Error { Code = "UNAVAILABLE", Message = reason, Remedy = "connect again" });
        }

        void Answer(ulong requestId, Reply reply)
        {
            Action<Reply> handler;
            if (!_replies.TryGetValue(requestId, out handler)) return;
            _replies.Remove(requestId);
            if (handler != null) handler(reply);
        }

        // ------------------------------------------------------------------------------------------------------ messages

        void ITransportEvents.OnPacket(ArraySegment<byte> packet)
        {
            if (State != SessionState.Greeting && State != SessionState.Live) return;
            ServerMessage message;
            try
            {
                message = _reader.Add(packet);
            }
            catch (CorruptDataException error)
            {
                StartAnew("a message could not be read: " + error.Message);
                return;
            }
            if (message != null) Handle(message);
        }

        void Handle(ServerMessage message)
        {
            bool live = State == SessionState.Live;
            if (message.Error != null)
            {
                HandleError(message.Error, message.RequestId);
            }
            else if (live == (message.Welcome != null))
            {
                StartAnew(live ? "the server says welcome twice" : "the server's first message is no welcome");
            }
            else
            {
                string fault = live ? ApplyToMirror(message) : HandleWelcome(message.Welcome);
                if (fault != null) StartAnew(fault);
                else if (live) Note(message);
            }
        }

        /// <summary>What is wrong with it, else null.</summary>
        string HandleWelcome(Welcome welcome)
        {
            if (!welcome.Resumed) Mirror.Forget();
            if (State != SessionState.Greeting) return null;
            try
            {
                Mirror.Apply(welcome.Space ?? new Space());
            }
            catch (CorruptDataException error)
            {
                return error.Message;
            }
            Enter(SessionState.Live);
            Welcome = welcome;
            Revision = welcome.Revision ?? new Revision();
            Recording = welcome.Recording ?? new Recording();
            Takes.Clear();
            Jobs.Clear();
            foreach (Take take in welcome.Takes) Takes[take.Number] = take;
            long link = _link;
            Connected(welcome);
            if (link == _link && State == SessionState.Live) SpaceChanged();
            if (link == _link && State == SessionState.Live) RevisionChanged(Revision);
            return null;
        }

        void HandleError(Error error, ulong requestId)
        {
            bool asked = _replies.ContainsKey(requestId);
            long link = _link;
            Answer(requestId, new Reply(null, error));
            if (link != _link || (State != SessionState.Greeting && State != SessionState.Live)) return;
            if (error.Fatal && Array.IndexOf(Final, error.Code) >= 0)
            {
                _transport.Close();
                EndLink(error.Message, SessionState.Idle);
                Refused(error);
            }
            else if (!asked)
            {
                ErrorReported(error);
            }
        }

        /// <summary>Takes what is about chunks; what is wrong with it, else null.</summary>
        string ApplyToMirror(ServerMessage message)
        {
            try
            {
                if (message.ChunkPart != null) ApplyPart(message.ChunkPart);
                if (message.ChunkParts != null)
                {
                    long link = _link;
                    foreach (ChunkPart part in message.ChunkParts.Parts)
                    {
                        if (link == _link && State == SessionState.Live) ApplyPart(part);
                    }
                }
                if (message.ChunksRemoved != null) Mirror.Apply(message.ChunksRemoved);
                if (message.Synced != null) Mirror.Apply(message.Synced);
                if (message.Space != null) Mirror.Apply(message.Space);
                return null;
            }
            catch (CorruptDataException error)
            {
                return error.Message;
            }
        }

        /// <summary>Applies a part and gives credit back for it, in few messages.</summary>
        void ApplyPart(ChunkPart part)
        {
            Mirror.Apply(part);
            _owedBytes += (ulong)part.Data.Count;
            if (State != SessionState.Live || _owedBytes < Math.Min(Options.CreditBytes / 8, CreditStepBytes)) return;
            Send(new ClientMessage { Credit = new Credit { Bytes = _owedBytes } });
            _owedBytes = 0;
        }

        /// <summary>Keeps the newest news and passes it on.</summary>
        void Note(ServerMessage message)
        {
            if (message.Done != null)
            {
                Answer(message.RequestId, new Reply(message.Done, null));
            }
            else if (message.Synced != null)
            {
                _attempt = 0;
                Synced(Mirror.SyncedRevision);
            }
            else if (message.Space != null)
            {
                SpaceChanged();
            }
            else if (message.Revision != null)
            {
                Revision = message.Revision;
                RevisionChanged(message.Revision);
            }
            else if (message.Progress != null)
            {
                Jobs[message.Progress.Job] = message.Progress;
                Progressed(message.Progress);
            }
            else if (message.Take != null)
            {
                Takes[message.Take.Number] = message.Take;
                TakeChanged(message.Take);
            }
            else if (message.TakeFrame != null)
            {
                FrameReceived(message.TakeFrame, message.RequestId);
            }
            else if (message.LiveProjection != null)
            {
                LiveProjectionReceived(message.LiveProjection);
            }
            else if (message.Recording != null)
            {
                Recording = message.Recording;
                RecordingChanged(message.Recording);
            }
            else if (message.Pong != null)
            {
                Ponged(message.Pong);
            }
        }
    }
}
