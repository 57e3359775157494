// Lets a test drive the Unity components over the stubs: commands by standard input, answers by standard output, each a msgpack map
// after its length (32 bits, big endian). What there is to ask stands in tests/engines/unity_scene.py.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Spatia.Bridge;
using Spatia.Bridge.Editor;
using UnityEditor;
using UnityEngine;
using UnityEngine.Playables;
using Graphics = UnityEngine.Graphics;
using Wire = Spatia.Bridge.Protocol;

sealed class Command : IMessage
{
    public string What = "", Text = "", Session = "";
    public List<double> Numbers = new List<double>();
    public ArraySegment<byte> Data, More;
    public List<ArraySegment<byte>> Packets = new List<ArraySegment<byte>>();

    public void Fields(FieldVisitor visit)
    {
        visit.Value("do", ref What);
        visit.Value("text", ref Text);
        visit.Value("session", ref Session);
        visit.Value("numbers", ref Numbers);
        visit.Value("data", ref Data);
        visit.Value("more", ref More);
        visit.Value("packets", ref Packets);
    }
}

sealed class Call : IMessage
{
    public ArraySegment<byte> Records;
    public List<double> WorldFromBytes = new List<double>();
    public double Spread;
    public uint Vertices;

    public void Fields(FieldVisitor visit)
    {
        visit.Value("records", ref Records);
        visit.Value("world_from_bytes", ref WorldFromBytes);
        visit.Value("spread", ref Spread);
        visit.Value("vertices", ref Vertices);
    }
}

sealed class Answer : IMessage
{
    public bool Ok, UpToDate;
    public string Fault = "", State = "", Text = "";
    public List<double> Numbers = new List<double>();
    public ArraySegment<byte> Data;
    public List<ArraySegment<byte>> Packets = new List<ArraySegment<byte>>();
    public List<string> Events = new List<string>();
    public ulong Revision, Points, Shown, Synced;
    public List<Call> Calls = new List<Call>();

    public void Fields(FieldVisitor visit)
    {
        visit.Value("ok", ref Ok);
        visit.Value("up_to_date", ref UpToDate);
        visit.Value("fault", ref Fault);
        visit.Value("state", ref State);
        visit.Value("text", ref Text);
        visit.Value("numbers", ref Numbers);
        visit.Value("data", ref Data);
        visit.Value("packets", ref Packets);
        visit.Value("events", ref Events);
        visit.Value("revision", ref Revision);
        visit.Value("points", ref Points);
        visit.Value("shown", ref Shown);
        visit.Value("synced", ref Synced);
        visit.Messages("calls", ref Calls);
    }
}

static class UnityDriver
{
    static readonly Stopwatch Clock = Stopwatch.StartNew();
    static readonly List<string> Events = new List<string>();
    static readonly List<byte[]> Frames = new List<byte[]>();
    static SpatiaBridge _bridge;
    static SpatiaMemory _memory;
    static SpatiaCameraRig _rig;
    static SpatiaFrameDisplay _display;
    static Camera _camera;
    static Task<Reply> _asked;
    static Wire.LiveProjection _projection;

    static int Main()
    {
        Stream input = Console.OpenStandardInput(), output = Console.OpenStandardOutput();
        var head = new byte[4];
        while (ReadAll(input, head))
        {
            var data = new byte[head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3]];
            if (!ReadAll(input, data)) return 1;
            var answer = new Answer();
            try
            {
                Obey(FieldReader.Decode<Command>(new ArraySegment<byte>(data)), answer);
            }
            catch (Exception error)
            {
                answer.Fault = error.ToString();
            }
            byte[] said = FieldWriter.Encode(answer);
            output.Write(new[] { (byte)(said.Length >> 24), (byte)(said.Length >> 16), (byte)(said.Length >> 8), (byte)said.Length }, 0, 4);
            output.Write(said, 0, said.Length);
            output.Flush();
        }
        return 0;
    }

    static bool ReadAll(Stream input, byte[] to)
    {
        for (int at = 0; at < to.Length;)
        {
            int got = input.Read(to, at, to.Length - at);
            if (got <= 0) return false;
            at += got;
        }
        return true;
    }

    static void Obey(Command command, Answer answer)
    {
        switch (command.What)
        {
            case "intrinsics": Intrinsics(command, answer); break;
            case "region": Region(command, answer); break;
            case "path": Path(command, answer); break;
            case "detail": Detail(command, answer); break;
            case "grpc": GrpcCall.Run(command, answer); break;
            case "schemes": Schemes(command, answer); break;
            case "open": Open(command); break;
            case "state": State(answer); break;
            case "camera": Place(_camera.transform, command.Numbers, 0); break;
            case "anchor": Place(_memory.transform, command.Numbers, 0); break;
            case "draw": Draw(command, answer); break;
            case "request": _asked = _bridge.Request(FieldReader.Decode<Wire.ClientMessage>(command.Data)); break;
            case "seed": Seed(command); break;
            case "edit": MemoryEdits.Instance.Do(_bridge, FieldReader.Decode<Wire.Edit>(command.Data), command.Text); break;
            case "undo": Undo.PerformUndo(); break;
            case "redo": Undo.PerformRedo(); break;
            case "end": End(command); break;
            case "projection": Projection(answer); break;
            case "frames": TellFrames(answer); break;
            case "display": Display(command, answer); break;
            case "fly": Fly(command, answer); break;
            case "ply": Ply(answer); break;
            case "mesh": BakeMesh(answer); break;
            default: throw new ArgumentException("no such command: " + command.What);
        }
    }

    // -------------------------------------------------------------------------------------------------------------- maths

    /// <summary>physical, field of view, focal length, sensor (2), shift (2), gate fit, drawn size (2), image size (2) → fx, fy,
    /// cx, cy, then the projection that they stand for.</summary>
    static void Intrinsics(Command command, Answer answer)
    {
        List<double> n = command.Numbers;
        Camera camera = new GameObject("camera").AddComponent<Camera>();
        camera.usePhysicalProperties = n[0] != 0;
        camera.fieldOfView = (float)n[1];
        camera.focalLength = (float)n[2];
        camera.sensorSize = new Vector2((float)n[3], (float)n[4]);
        camera.lensShift = new Vector2((float)n[5], (float)n[6]);
        camera.gateFit = (Camera.GateFitMode)(int)n[7];
        camera.pixelWidth = (int)n[8];
        camera.pixelHeight = (int)n[9];
        Wire.Intrinsics found = SpatiaIntrinsics.Of(camera, (int)n[10], (int)n[11]);
        answer.Numbers.AddRange(new[] { found.Fx, found.Fy, found.Cx, found.Cy });
        Matrix4x4 projection = SpatiaIntrinsics.ToProjection(found, 0.3f, 100);
        Wire.Intrinsics again = SpatiaIntrinsics.Of(projection, (int)n[10], (int)n[11]);
        answer.Numbers.AddRange(new[] { again.Fx, again.Fy, again.Cx, again.Cy });
        camera.orthographic = true;
        answer.Ok = SpatiaIntrinsics.Of(camera, 10, 10) == null;
    }

    /// <summary>The anchor (8), the region (8), sphere, size (3), radius, the target (7) → the region's message; the
    /// motion's.</summary>
    static void Region(Command command, Answer answer)
    {
        List<double> n = command.Numbers;
        SpatiaMemory memory = new GameObject("memory").AddComponent<SpatiaMemory>();
        Place(memory.transform, n, 0);
        SpatiaRegion region = new GameObject("region").AddComponent<SpatiaRegion>();
        Place(region.transform, n, 8);
        region.shape = n[16] != 0 ? SpatiaRegion.Shape.Sphere : SpatiaRegion.Shape.Box;
        region.size = new Vector3((float)n[17], (float)n[18], (float)n[19]);
        region.radius = (float)n[20];
        Transform target = new GameObject("target").transform;
        Place(target, n, 21);
        Pose motion = region.MotionTo(new Pose(target.position, target.rotation), memory);
        answer.Packets.Add(new ArraySegment<byte>(FieldWriter.Encode(region.Message(memory))));
        answer.Packets.Add(new ArraySegment<byte>(FieldWriter.Encode(SpatiaWire.Pose(motion))));
        UnityEngine.Object.DestroyImmediate(memory);
    }

    /// <summary>Keys of 9 (time, then a transform) → the path's cameras, those after a way through a clip and through a director,
    /// each a trajectory.</summary>
    static void Path(Command command, Answer answer)
    {
        var path = new SpatiaCameraPath();
        Transform holder = new GameObject("key").transform;
        for (int i = 0; i < command.Numbers.Count; i += 9)
        {
            Place(holder, command.Numbers, i + 1);
            path.Add(command.Numbers[i], new Pose(holder.position, holder.rotation));
        }
        Camera camera = new GameObject("camera").AddComponent<Camera>();
        PlayableDirector director = new GameObject("director").AddComponent<PlayableDirector>();
        director.duration = path.LengthSecs;
        director.Moves = timeSecs =>
        {
            Pose pose = path.Sample(timeSecs);
            camera.transform.SetPositionAndRotation(pose.position, pose.rotation);
        };
        SpatiaCameraPath[] paths = { path, SpatiaCameraPath.FromClip(path.ToClip()), SpatiaCameraPath.FromDirector(director, null, camera) };
        Wire.Intrinsics lens = SpatiaIntrinsics.Of(camera, 96, 64);
        foreach (SpatiaCameraPath each in paths) answer.Packets.Add(new ArraySegment<byte>(FieldWriter.Encode(each.ToTrajectory(lens, 16))));
    }

    /// <summary>Detail pixels, budget, then points and spacing of each chunk → how much coarser, then how many are drawn of each.
    /// </summary>
    static void Detail(Command command, Answer answer)
    {
        var seen = new List<LevelOfDetail.Seen>();
        for (int i = 2; i < command.Numbers.Count; i += 2)
        {
            seen.Add(new LevelOfDetail.Seen { Points = (int)command.Numbers[i], SpacingPixels = command.Numbers[i + 1] });
        }
        double detail = command.Numbers[0], coarser = LevelOfDetail.Coarser(seen, detail, (long)command.Numbers[1]);
        answer.Numbers.Add(coarser);
        foreach (LevelOfDetail.Seen each in seen) answer.Numbers.Add(LevelOfDetail.Drawn(each, detail, coarser));
    }

    sealed class Ears : ITransportEvents
    {
        public readonly List<string> Heard = new List<string>();
        public void OnOpen() { Heard.Add("open"); }
        public void OnPacket(ArraySegment<byte> packet) { }
        public void OnClosed(string reason) { Heard.Add(reason); }
    }

    /// <summary>What comes of opening an address for which there is no transport.</summary>
    static void Schemes(Command command, Answer answer)
    {
        var ears = new Ears();
        using (ITransport transport = SpatiaTransports.Any())
        {
            transport.Open(command.Text, ears);
            transport.Poll(0.01);
            transport.Poll(0.01);
        }
        answer.Events = ears.Heard;
    }

    // -------------------------------------------------------------------------------------------------------------- scene

    /// <summary>The address; field of view, image size.</summary>
    static void Open(Command command)
    {
        if (_bridge != null)
        {
            Messages.Send(_bridge, "OnDisable");
            Messages.Send(_memory, "OnDisable");
            Messages.Send(_bridge, "OnDestroy");
            foreach (UnityEngine.Object each in new UnityEngine.Object[] { _bridge, _memory, _rig }) UnityEngine.Object.DestroyImmediate(each);
        }
        Events.Clear();
        Frames.Clear();
        _camera = new GameObject("camera").AddComponent<Camera>();
        _camera.fieldOfView = (float)command.Numbers[0];
        _camera.pixelWidth = (int)command.Numbers[1];
        _camera.pixelHeight = (int)command.Numbers[2];
        _memory = new GameObject("memory").AddComponent<SpatiaMemory>();
        _bridge = new GameObject("bridge").AddComponent<SpatiaBridge>();
        _bridge.url = command.Text;
        _bridge.session = command.Session;
        _bridge.Memory = _memory;
        _bridge.Connected += welcome => Events.Add(welcome.Resumed ? "resumed" : "anew");
        _bridge.Disconnected += reason => Events.Add("gone");
        _bridge.Reconnecting += (secs, attempt) => Events.Add("waiting " + attempt);
        _bridge.Refused += error => Events.Add("refused " + error.Code);
        _bridge.ErrorReported += error => Events.Add("error " + error.Message);
        _bridge.FrameReceived += frame => Frames.Add(FieldWriter.Encode(frame));
        _bridge.LiveProjectionReceived += projection => _projection = projection;
        _bridge.onTakePending.AddListener(take => Events.Add("pending " + take));
        MemoryEdits.Instance.Said += note => Events.Add("said " + note);
        _rig = _camera.gameObject.AddComponent<SpatiaCameraRig>();
        _rig.bridge = _bridge;
        _rig.PoseSent += camera => Events.Add("pose");
        _display = new GameObject("display").AddComponent<SpatiaFrameDisplay>();
        _display.bridge = _bridge;
        Messages.Send(_bridge, "Start");
    }

    /// <summary>One frame of the game.</summary>
    static void State(Answer answer)
    {
        Thread.Sleep(10);
        Time.unscaledDeltaTime = Time.deltaTime = 0.03f;
        Time.realtimeSinceStartupAsDouble = Clock.Elapsed.TotalSeconds;
        Messages.Send(_bridge, "Update");
        Messages.Send(_rig, "LateUpdate");
        Messages.Send(_display, "Update");
        Messages.Send(_memory, "LateUpdate");
        answer.State = _bridge.Link.State.ToString().ToLowerInvariant();
        answer.Ok = _bridge.Mirror.Clean;
        answer.UpToDate = _memory.IsUpToDate;
        answer.Revision = _bridge.Revision.Number;
        answer.Synced = (ulong)Math.Max(_bridge.Mirror.SyncedRevision, 0);
        answer.Points = (ulong)_bridge.Mirror.Points;
        answer.Shown = (ulong)_memory.ShownPoints;
        answer.Data = new ArraySegment<byte>(_bridge.Mirror.Digest());
        answer.Events = new List<string>(Events);
        if (_asked == null || !_asked.IsCompleted) return;
        Reply reply = _asked.Result;
        _asked = null;
        answer.Text = reply.Ok ? "done" : reply.Error.Code + " " + reply.Error.Message;
        if (reply.Ok) answer.Numbers.AddRange(new double[] { reply.Done.Revision, reply.Done.Take, reply.Done.Job });
    }

    /// <summary>Detail pixels, budget → what is drawn for the camera, by both kinds of pipeline in turn.</summary>
    static void Draw(Command command, Answer answer)
    {
        _memory.detailPixels = (float)command.Numbers[0];
        _memory.pointBudget = (long)command.Numbers[1];
        Graphics.Calls.Clear();
        if (command.Text == "srp") UnityEngine.Rendering.RenderPipelineManager.Begin(_camera);
        else Camera.onPreCull(_camera);
        foreach (Graphics.Drawn drawn in Graphics.Calls)
        {
            var call = new Call { Records = new ArraySegment<byte>(drawn.Records), Spread = drawn.Spread, Vertices = (uint)drawn.Vertices };
            for (int i = 0; i < 12; ++i) call.WorldFromBytes.Add(drawn.WorldFromBytes[i / 4, i % 4]);
            answer.Calls.Add(call);
        }
        answer.Numbers.Add(_memory.DrawnPoints);
    }

    /// <summary>Captures through the camera what the graphics card is said to hold then: a PNG, float32 rows from the
    /// bottom.</summary>
    static void Seed(Command command)
    {
        Texture2D.Png = Copy(command.Data);
        Texture2D.Raw = Copy(command.More);
        var size = new Vector2Int(_camera.pixelWidth, _camera.pixelHeight);
        _asked = _bridge.SeedViews(SpatiaCapture.View(_bridge, _camera, size.x, size.y));
    }

    static byte[] Copy(ArraySegment<byte> data)
    {
        var copy = new byte[data.Count];
        Buffer.BlockCopy(data.Array, data.Offset, copy, 0, data.Count);
        return copy;
    }

    /// <summary>Lets the editor end play, reload scripts or quit.</summary>
    static void End(Command command)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(EditorLink).TypeHandle);  // as [InitializeOnLoad] does
        if (command.Text == "play") EditorApplication.ChangePlayMode(PlayModeStateChange.ExitingPlayMode);
        if (command.Text == "reload") AssemblyReloadEvents.Reload();
        if (command.Text == "quit") EditorApplication.Quit();
    }

    static void Projection(Answer answer)
    {
        if (_projection == null) return;
        answer.Ok = true;
        answer.Data = new ArraySegment<byte>(FieldWriter.Encode(_projection));
        _projection = null;
    }

    static void TellFrames(Answer answer)
    {
        foreach (byte[] frame in Frames) answer.Packets.Add(new ArraySegment<byte>(frame));
        Frames.Clear();
    }

    /// <summary>What the display shows; a number: it plays that take from its first frame.</summary>
    static void Display(Command command, Answer answer)
    {
        if (command.Numbers.Count > 0) _display.Play((uint)command.Numbers[0]);
        answer.Numbers.AddRange(new double[] { _display.Take, _display.Number });
        if (_display.Texture != null) answer.Data = new ArraySegment<byte>(_display.Texture.Loaded);
    }

    /// <summary>Transforms (8), a frame each → the path that a recorder makes of them; then it plays, and the camera's last place.
    /// </summary>
    static void Fly(Command command, Answer answer)
    {
        SpatiaPathRecorder recorder = new GameObject("recorder").AddComponent<SpatiaPathRecorder>();
        recorder.rig = _rig;
        Time.deltaTime = 0.1f;
        recorder.StartRecording();
        for (int i = 0; i < command.Numbers.Count; i += 8)
        {
            Place(_camera.transform, command.Numbers, i);
            Messages.Send(recorder, "Update");
        }
        recorder.Play();
        recorder.Played += () => answer.Ok = true;
        Place(_camera.transform, command.Numbers, 0);
        for (int i = 0; i < 100 && recorder.Playing; ++i) Messages.Send(recorder, "Update");
        Vector3 place = _camera.transform.position;
        answer.Numbers.AddRange(new double[] { place.x, place.y, place.z });
        answer.Data = new ArraySegment<byte>(FieldWriter.Encode(recorder.ToTrajectory(10)));
    }

    static void Ply(Answer answer)
    {
        var stream = new MemoryStream();
        SpatiaBake.WritePly(_bridge.Mirror, stream);
        answer.Data = new ArraySegment<byte>(stream.ToArray());
    }

    /// <summary>float32: vertices (4 N, 3), then corners and widths (4 N, 3), then indices as floats.</summary>
    static void BakeMesh(Answer answer)
    {
        Mesh mesh = SpatiaBake.ToMesh(_bridge.Mirror);
        var all = new List<float>();
        foreach (Vector3 each in mesh.Vertices) all.AddRange(new[] { each.x, each.y, each.z });
        foreach (Vector3 each in mesh.Corners) all.AddRange(new[] { each.x, each.y, each.z });
        foreach (int each in mesh.Triangles) all.Add(each);
        var bytes = new byte[4 * all.Count];
        Buffer.BlockCopy(all.ToArray(), 0, bytes, 0, bytes.Length);
        answer.Data = new ArraySegment<byte>(bytes);
    }

    /// <summary>Position, turn (axis and degrees), even scale: eight numbers.</summary>
    static void Place(Transform transform, List<double> n, int at)
    {
        transform.position = new Vector3((float)n[at], (float)n[at + 1], (float)n[at + 2]);
        transform.rotation = Quaternion.AngleAxis((float)n[at + 6], new Vector3((float)n[at + 3], (float)n[at + 4], (float)n[at + 5]));
        transform.localScale = Vector3.one * (float)n[at + 7];
    }
}
