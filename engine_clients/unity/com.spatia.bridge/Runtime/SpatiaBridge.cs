using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using UnityEngine;
using UnityEngine.Events;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>The connection to a spatia-bridge server: one session's memory comes in, your requests go out.
    /// <para>Put one into your scene, point Memory at a SpatiaMemory, press play. It connects, connects again when the line
    /// breaks, and then gets only what changed meanwhile. Everything the server tells is an event; everything you ask of it is a
    /// method whose answer can be awaited. In the editor the Spatia window drives it.</para></summary>
    [ExecuteAlways]
    [AddComponentMenu("Spatia/Spatia Bridge")]
    public sealed class SpatiaBridge : MonoBehaviour
    {
        const double LeastBudgetSecs = 0.005;  // a frame for what comes; more where frames take long anyway
        const double BudgetShare = 0.3;

        static readonly List<SpatiaBridge> Alive = new List<SpatiaBridge>();

        [Tooltip("Where the server is. spatia-bridge serve listens there.")]
        public string url = "ws://127.0.0.1:50052";
        [Tooltip("Which scene; several clients may be in one.")]
        public string session = "my-level";
        [Tooltip("Make the session if there is none.")]
        public bool create = true;
        [Tooltip("If the server wants one.")]
        public string token = "";
        [Tooltip("Connect when the game starts. In the editor the Spatia window does it.")]
        public bool connectOnStart = true;
        [Tooltip("Connect again, and again, when the line breaks.")]
        public bool reconnect = true;
        [Tooltip("Have frames of takes sent as they are made, without asking.")]
        public bool pushFrames = true;
        [SerializeField, Tooltip("What shows the points.")]
        SpatiaMemory _memory;

        public UnityEvent onConnected = new UnityEvent();
        public UnityEvent<string> onDisconnected = new UnityEvent<string>();
        public UnityEvent onSynced = new UnityEvent();
        [Tooltip("A take waits to be kept or discarded: its number.")]
        public UnityEvent<int> onTakePending = new UnityEvent<int>();
        [Tooltip("What went wrong, and what to do.")]
        public UnityEvent<string> onError = new UnityEvent<string>();

        /// <summary>The server said welcome; Resumed: only what changed will come.</summary>
        public event Action<Wire.Welcome> Connected = delegate { };
        /// <summary>The line is gone, or you left.</summary>
        public event Action<string> Disconnected = delegate { };
        /// <summary>It is gone and will be tried again in so many seconds; the attempt's number.</summary>
        public event Action<double, int> Reconnecting = delegate { };
        /// <summary>The server refuses this client: trying again would not help.</summary>
        public event Action<Wire.Error> Refused = delegate { };
        /// <summary>Another revision is the newest now (seed, take, edit, undo).</summary>
        public event Action<Wire.Revision> RevisionChanged = delegate { };
        /// <summary>What is held is exactly this revision.</summary>
        public event Action<long> Synced = delegate { };
        /// <summary>A job moved on.</summary>
        public event Action<Wire.Progress> Progressed = delegate { };
        /// <summary>A take began, has more frames, or was decided.</summary>
        public event Action<Wire.Take> TakeChanged = delegate { };
        /// <summary>A frame of a take: pushed, or fetched.</summary>
        public event Action<Wire.TakeFrame> FrameReceived = delegate { };
        /// <summary>Memory under your camera, if asked for by LiveView.</summary>
        public event Action<Wire.LiveProjection> LiveProjectionReceived = delegate { };
        /// <summary>The server began or ended to record the camera, or has more of it.</summary>
        public event Action<Wire.Recording> RecordingChanged = delegate { };
        /// <summary>Something went wrong that no answer tells of.</summary>
        public event Action<Wire.Error> ErrorReported = delegate { };

        Session _link;

        /// <summary>The session of the protocol core below: state, mirror, takes, jobs.</summary>
        public Session Link { get { return _link ?? (_link = MakeLink()); } }
        /// <summary>What is held of memory, with or without a component to show it.</summary>
        public PointMirror Mirror { get { return Link.Mirror; } }
        /// <summary>The newest revision that the server told of.</summary>
        public Wire.Revision Revision { get { return Link.Revision; } }
        public Wire.Recording Recording { get { return Link.Recording; } }
        /// <summary>Takes by number: those undecided, and those that came since.</summary>
        public Dictionary<uint, Wire.Take> Takes { get { return Link.Takes; } }
        public Dictionary<ulong, Wire.Progress> Jobs { get { return Link.Jobs; } }
        /// <summary>True when requests can be made.</summary>
        public bool IsConnectedToServer { get { return _link != null && _link.State == SessionState.Live; } }

        /// <summary>What shows the points.</summary>
        public SpatiaMemory Memory
        {
            get { return _memory; }
            set
            {
                _memory = value;
                if (value != null) value.Mirror = Mirror;
            }
        }

        // ------------------------------------------------------------------------------------------------------- connection

        /// <summary>Connects and stays connected until DisconnectFromServer.</summary>
        public void ConnectToServer()
        {
            Memory = _memory;
            Link.Close();
            SessionOptions options = Link.Options;
            options.Url = url;
            options.Session = session;
            options.Create = create;
            options.Token = token;
            options.Reconnect = reconnect;
            options.PushFrames = pushFrames;
            Link.Open();
        }

        /// <summary>Leaves. The session goes on without you; what is shown stays.</summary>
        public void DisconnectFromServer()
        {
            if (_link != null) _link.Close();
        }

        /// <summary>Ends the connections of all bridges, at once and without waiting.</summary>
        public static void DisconnectAll()
        {
            foreach (SpatiaBridge bridge in Alive.ToArray()) bridge.DisconnectFromServer();
        }

        /// <summary>Moves the link. Play mode calls it every frame; whoever shows memory outside of it must.</summary>
        public void Pump(double frameSecs)
        {
            double budgetSecs = Math.Max(LeastBudgetSecs, BudgetShare * frameSecs);
            if (_link != null) _link.Update(Time.realtimeSinceStartupAsDouble, budgetSecs);
        }

        /// <summary>Sends any request of the protocol, e.g. new ClientMessage { Undo = new Undo() }; the answer comes on the main
        /// thread.</summary>
        /// <exception cref="ArgumentException">Two bodies, or text that is no text.</exception>
        public Task<Reply> Request(Wire.ClientMessage message)
        {
            var answer = new TaskCompletionSource<Reply>();
            Link.Request(message, answer.SetResult);
            return answer.Task;
        }

        /// <summary>Sends what needs no answer; dropped without a connection.</summary>
        public void Tell(Wire.ClientMessage message) { Link.Tell(message); }

        // ------------------------------------------------------------------------------------------------------------ scene

        /// <summary>Makes what cameras see part of memory; views come from SpatiaCapture. One revision for all of them.</summary>
        /// <exception cref="ArgumentException">There is no view.</exception>
        public Task<Reply> SeedViews(IList<Wire.View> views)
        {
            if (views.Count == 0) throw new ArgumentException("there is no view: capture one first");
            for (int i = 0; i + 1 < views.Count; ++i) Tell(Seed(views[i], true));
            return Request(Seed(views[views.Count - 1], false));
        }

        /// <summary>Takes the points in a region out, and keeps it empty.</summary>
        public Task<Reply> RemoveRegion(Wire.Region region) { return Ask(new Wire.Edit { Remove = region }); }

        /// <summary>No take may change what is in there.</summary>
        public Task<Reply> LockRegion(Wire.Region region) { return Ask(new Wire.Edit { Lock = region }); }

        /// <summary>Lifts a lock, the first being 0.</summary>
        public Task<Reply> Unlock(uint place) { return Ask(new Wire.Edit { Unlock = place }); }

        /// <summary>Carries the points in a region elsewhere, or copies them; the motion is in the memory's space.</summary>
        public Task<Reply> MoveRegion(Wire.Region region, Pose motion, bool copy = false)
        {
            return Ask(new Wire.Edit { Move = new Wire.Move { Region = region, Motion = SpatiaWire.Pose(motion), Copy = copy } });
        }

        /// <summary>Mixes the colours in a region with one.</summary>
        public Task<Reply> RecolourRegion(Wire.Region region, Color colour, float strength = 1)
        {
            var recolour = new Wire.Recolour { Region = region, Rgb = SpatiaWire.Rgb(colour), Strength = strength };
            return Ask(new Wire.Edit { Recolour = recolour });
        }

        /// <summary>Takes back the newest change of memory; it becomes a new revision, so nothing is lost.</summary>
        public Task<Reply> Undo() { return Request(new Wire.ClientMessage { Undo = new Wire.Undo() }); }

        public Task<Reply> Redo() { return Request(new Wire.ClientMessage { Redo = new Wire.Redo() }); }

        // ------------------------------------------------------------------------------------------------------- generation

        /// <summary>Lets the server record the poses that a SpatiaCameraRig sends; on again forgets the earlier ones.</summary>
        public Task<Reply> Record(bool on) { return Request(new Wire.ClientMessage { Record = new Wire.Record { On = on } }); }

        /// <summary>Starts a job along the recorded path, or along what Trajectory says.</summary>
        public Task<Reply> Generate(Wire.Generate clip) { return Request(new Wire.ClientMessage { Generate = clip }); }

        /// <summary>Stops a job; 0 = all of them.</summary>
        public Task<Reply> Cancel(ulong job = 0)
        {
            return Request(new Wire.ClientMessage { Cancel = new Wire.Cancel { Job = job } });
        }

        /// <summary>Folds a take into memory.</summary>
        public Task<Reply> AcceptTake(uint take)
        {
            return Request(new Wire.ClientMessage { Accept = new Wire.Accept { Take = take } });
        }

        public Task<Reply> DiscardTake(uint take)
        {
            return Request(new Wire.ClientMessage { Discard = new Wire.Discard { Take = take } });
        }

        /// <summary>Frames of a take come by FrameReceived; count 0 = all from the first on.</summary>
        public Task<Reply> FetchFrames(uint take, uint first = 0, uint count = 0)
        {
            var frames = new Wire.FetchFrames { Take = take, First = first, Count = count };
            return Request(new Wire.ClientMessage { FetchFrames = frames });
        }

        /// <summary>Memory under this client's camera as it moves comes by LiveProjectionReceived.</summary>
        public Task<Reply> LiveView(bool on, int width = 320, int height = 180, double maxRateHz = 10)
        {
            var view = new Wire.LiveView();
            if (on) view = new Wire.LiveView { On = true, Width = (uint)width, Height = (uint)height, MaxRateHz = maxRateHz };
            return Request(new Wire.ClientMessage { LiveView = view });
        }

        // ----------------------------------------------------------------------------------------------------------- inside

        void OnEnable()
        {
            Alive.Add(this);
            if (_memory != null) _memory.Mirror = Mirror;
        }

        void Start()
        {
            if (connectOnStart && Application.isPlaying) ConnectToServer();
        }

        void Update()
        {
            if (Application.isPlaying) Pump(Time.unscaledDeltaTime);
        }

        void OnDisable()
        {
            Alive.Remove(this);
            DisconnectFromServer();
        }

        void OnDestroy()
        {
            if (_link != null) _link.Dispose();
        }

        Session MakeLink()
        {
            var options = new SessionOptions { ClientName = "unity", Engine = Wire.Engine.Unity };
            var link = new Session(options, SpatiaTransports.Any());
            link.Connected += welcome => { Connected(welcome); onConnected.Invoke(); };
            link.Disconnected += reason => { Disconnected(reason); onDisconnected.Invoke(reason); };
            link.Waiting += (secs, attempt) => Reconnecting(secs, attempt);
            link.Refused += error => { Refused(error); onError.Invoke(Words(error)); };
            link.RevisionChanged += revision => RevisionChanged(revision);
            link.SpaceChanged += () => { if (_memory != null) _memory.PlaceAll(); };
            link.Synced += revision => { Synced(revision); onSynced.Invoke(); };
            link.Progressed += progress => Progressed(progress);
            link.TakeChanged += TellTake;
            link.FrameReceived += (frame, request) => FrameReceived(frame);
            link.LiveProjectionReceived += projection => LiveProjectionReceived(projection);
            link.RecordingChanged += recording => RecordingChanged(recording);
            link.ErrorReported += error => { ErrorReported(error); onError.Invoke(Words(error)); };
            return link;
        }

        void TellTake(Wire.Take take)
        {
            TakeChanged(take);
            if (take.State == Wire.TakeState.Pending) onTakePending.Invoke((int)take.Number);
        }

        Task<Reply> Ask(Wire.Edit edit) { return Request(new Wire.ClientMessage { Edit = edit }); }

        static Wire.ClientMessage Seed(Wire.View view, bool more)
        {
            return new Wire.ClientMessage { Seed = new Wire.Seed { View = view, More = more } };
        }

        static string Words(Wire.Error error) { return error.Message + "; " + error.Remedy; }
    }
}
