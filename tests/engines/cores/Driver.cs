// Lets a test drive the C# core: commands by standard input, answers by standard output, each a msgpack map after its length
// (32 bits, big endian). What there is to ask stands in tests/engines/cores.py.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Spatia.Bridge;
using Spatia.Bridge.Protocol;

sealed class Step : IMessage
{
    public string What = "", Text = "";
    public ArraySegment<byte> Data;
    public double Number;

    public void Fields(FieldVisitor visit)
    {
        visit.Value("what", ref What);
        visit.Value("text", ref Text);
        visit.Value("data", ref Data);
        visit.Value("number", ref Number);
    }
}

sealed class Command : IMessage
{
    public string What = "", Text = "", Session = "";
    public int Engine;
    public ArraySegment<byte> Data;
    public List<ArraySegment<byte>> Packets = new List<ArraySegment<byte>>();
    public List<Step> Steps = new List<Step>();
    public uint Size;
    public bool Flag;

    public void Fields(FieldVisitor visit)
    {
        visit.Value("do", ref What);
        visit.Value("text", ref Text);
        visit.Value("session", ref Session);
        visit.Enum("engine", Names.Engine, ref Engine);
        visit.Value("data", ref Data);
        visit.Value("packets", ref Packets);
        visit.Messages("steps", ref Steps);
        visit.Value("size", ref Size);
        visit.Value("flag", ref Flag);
    }
}

sealed class Answered : IMessage
{
    public ulong Request, Revision, Job;
    public uint Take;
    public bool Ok;
    public string Code = "", Message = "";
    public Dictionary<string, double> Details = new Dictionary<string, double>();

    public void Fields(FieldVisitor visit)
    {
        visit.Value("request", ref Request);
        visit.Value("ok", ref Ok);
        visit.Value("revision", ref Revision);
        visit.Value("take", ref Take);
        visit.Value("job", ref Job);
        visit.Value("code", ref Code);
        visit.Value("message", ref Message);
        visit.Value("details", ref Details);
    }
}

sealed class Frame : IMessage
{
    public uint Take, Number;
    public ulong Request;
    public ArraySegment<byte> Colour, Depth;

    public void Fields(FieldVisitor visit)
    {
        visit.Value("take", ref Take);
        visit.Value("number", ref Number);
        visit.Value("request", ref Request);
        visit.Value("colour", ref Colour);
        visit.Value("depth", ref Depth);
    }
}

sealed class Answer : IMessage
{
    public bool Ok, Clean, Resumed;
    public string Fault = "", State = "";
    public ArraySegment<byte> Data, Digest;
    public List<ArraySegment<byte>> Packets = new List<ArraySegment<byte>>();
    public List<string> Events = new List<string>();
    public uint Width, Height, Channels, Bits;
    public ulong Revision, Synced, Points, Chunks, Changed, Request;
    public List<Answered> Replies = new List<Answered>();
    public List<Take> Takes = new List<Take>();
    public List<Progress> Jobs = new List<Progress>();
    public List<Frame> Frames = new List<Frame>();

    public void Fields(FieldVisitor visit)
    {
        visit.Value("ok", ref Ok);
        visit.Value("fault", ref Fault);
        visit.Value("data", ref Data);
        visit.Value("packets", ref Packets);
        visit.Value("events", ref Events);
        visit.Value("width", ref Width);
        visit.Value("height", ref Height);
        visit.Value("channels", ref Channels);
        visit.Value("bits", ref Bits);
        visit.Value("state", ref State);
        visit.Value("revision", ref Revision);
        visit.Value("synced", ref Synced);
        visit.Value("points", ref Points);
        visit.Value("chunks", ref Chunks);
        visit.Value("changed", ref Changed);
        visit.Value("request", ref Request);
        visit.Value("clean", ref Clean);
        visit.Value("resumed", ref Resumed);
        visit.Value("digest", ref Digest);
        visit.Messages("replies", ref Replies);
        visit.Messages("takes", ref Takes);
        visit.Messages("jobs", ref Jobs);
        visit.Messages("frames", ref Frames);
    }
}

/// <summary>Everything that a session tells, as words.</summary>
sealed class Log
{
    public List<string> Events = new List<string>();
    public List<double> WaitsSecs = new List<double>();
    public List<Frame> Frames = new List<Frame>();
    public List<Answered> Replies = new List<Answered>();
    public ulong Changed;

    public void Listen(Session session)
    {
        session.Mirror.ChunkChanged += key => ++Changed;
        session.Mirror.Cleared += () => Events.Add("cleared");
        session.Connected += welcome => Events.Add(welcome.Resumed ? "resumed" : "connected");
        session.Disconnected += reason => Events.Add("disconnected: " + reason);
        session.Waiting += (secs, attempt) => { Events.Add("waiting " + attempt); WaitsSecs.Add(secs); };
        session.Refused += error => Events.Add("refused: " + error.Code);
        session.Synced += revision => Events.Add("synced " + revision);
        session.ErrorReported += error => Events.Add("error: " + error.Code);
        session.FrameReceived += (frame, request) => Frames.Add(new Frame
        {
            Take = frame.Take, Number = frame.Number, Request = request,
            Colour = frame.Colour == null ? new ArraySegment<byte>() : frame.Colour.Data,
            Depth = frame.Depth == null ? new ArraySegment<byte>() : frame.Depth.Data,
        });
    }

    public Action<Reply> Answer(ulong place)
    {
        return reply => Replies.Add(reply.Ok
            ? new Answered { Request = place, Ok = true, Revision = reply.Done.Revision, Take = reply.Done.Take, Job = reply.Done.Job }
            : new Answered { Request = place, Code = reply.Error.Code, Message = reply.Error.Message, Details = reply.Error.Details });
    }
}

/// <summary>A transport that is all words.</summary>
sealed class Script : ITransport
{
    readonly Log _log;
    public ITransportEvents Events;
    public List<ArraySegment<byte>> Sent = new List<ArraySegment<byte>>();

    public Script(Log log) { _log = log; }

    public void Open(string url, ITransportEvents events)
    {
        _log.Events.Add("open " + url);
        Events = events;
    }

    public void Send(byte[] packet) { Sent.Add(new ArraySegment<byte>(packet)); }
    public void Close() { _log.Events.Add("close"); }
    public void Poll(double budgetSecs) { }
    public void Dispose() { }
}

static class Driver
{
    static readonly Stopwatch Clock = Stopwatch.StartNew();
    static readonly Log LiveLog = new Log();
    static Session _live;
    static ulong _asked;

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
            catch (CorruptDataException error)
            {
                answer.Ok = false;
                answer.Fault = error.Message;
            }
            byte[] said = FieldWriter.Encode(answer);
            output.Write(new[] { (byte)(said.Length >> 24), (byte)(said.Length >> 16), (byte)(said.Length >> 8), (byte)said.Length }, 0, 4);
            output.Write(said, 0, said.Length);
            output.Flush();
        }
        if (_live != null) _live.Dispose();
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
            case "recode": Recode(command, answer); break;
            case "protobuf": Protobuf(command, answer); break;
            case "split": Split(command, answer); break;
            case "join": Join(command, answer); break;
            case "mirror": Mirror(command, answer); break;
            case "play": Play(command, answer); break;
            case "inflate": Decompress(command, answer); break;
            case "png": DecodePng(command, answer); break;
            case "open": Open(command); break;
            case "request": Request(command, answer); break;
            case "tell": _live.Tell(FieldReader.Decode<ClientMessage>(command.Data)); break;
            case "state": State(answer); break;
            case "close": _live.Close(); break;
            case "positions": answer.Data = Positions(_live.Mirror); break;
            default: answer.Fault = "no such command"; break;
        }
    }

    // ---------------------------------------------------------------------------------------------------- without a link

    static void Recode(Command command, Answer answer)
    {
        IMessage message;
        if (command.Text == "ClientMessage") message = FieldReader.Decode<ClientMessage>(command.Data);
        else message = FieldReader.Decode<ServerMessage>(command.Data);
        answer.Ok = true;
        answer.Data = new ArraySegment<byte>(FieldWriter.Encode(message));
    }

    /// <summary>A message's protobuf as msgpack, or with flag the other way.</summary>
    static void Protobuf(Command command, Answer answer)
    {
        bool client = command.Text == "ClientMessage";
        answer.Data = new ArraySegment<byte>(client ? Converted<ClientMessage>(command) : Converted<ServerMessage>(command));
        answer.Ok = true;
    }

    static byte[] Converted<T>(Command command) where T : class, IMessage, new()
    {
        if (command.Flag) return ProtobufWriter.Encode(FieldReader.Decode<T>(command.Data));
        return FieldWriter.Encode(ProtobufReader.Decode<T>(command.Data));
    }

    static void Split(Command command, Answer answer)
    {
        var message = FieldReader.Decode<ClientMessage>(command.Data);
        foreach (byte[] packet in new PacketWriter().Packets(message)) answer.Packets.Add(new ArraySegment<byte>(packet));
    }

    static void Join(Command command, Answer answer)
    {
        var reader = new PacketReader();
        foreach (ArraySegment<byte> packet in command.Packets)
        {
            ServerMessage message = reader.Add(packet);
            if (message != null) answer.Packets.Add(new ArraySegment<byte>(FieldWriter.Encode(message)));
        }
    }

    /// <summary>Feeds chunk messages to a mirror until one is at fault.</summary>
    static void Mirror(Command command, Answer answer)
    {
        var mirror = new PointMirror();
        mirror.ChunkChanged += key => ++answer.Changed;
        try
        {
            foreach (ArraySegment<byte> packet in command.Packets)
            {
                var message = FieldReader.Decode<ServerMessage>(packet);
                if (message.ChunkPart != null) mirror.Apply(message.ChunkPart);
                if (message.ChunksRemoved != null) mirror.Apply(message.ChunksRemoved);
                if (message.Synced != null) mirror.Apply(message.Synced);
                if (message.Space != null) mirror.Apply(message.Space);
            }
        }
        catch (CorruptDataException error)
        {
            answer.Fault = error.Message;
        }
        if (command.Flag) mirror.Restore();
        Tell(mirror, answer);
        answer.Data = Positions(mirror);
    }

    /// <summary>Plays a script of what transport, clock and caller do; the packets sent, what was told, the waits.</summary>
    static void Play(Command command, Answer answer)
    {
        var log = new Log();
        var transport = new Script(log);
        var session = new Session(new SessionOptions { Session = command.Session }, transport);
        log.Listen(session);
        ulong place = 0;
        foreach (Step step in command.Steps)
        {
            switch (step.What)
            {
                case "open": session.Open(); break;
                case "close": session.Close(); break;
                case "tick": session.Update(step.Number); break;
                case "opened": transport.Events.OnOpen(); break;
                case "packet": transport.Events.OnPacket(step.Data); break;
                case "broken": transport.Events.OnClosed(step.Text); break;
                case "request": session.Request(FieldReader.Decode<ClientMessage>(step.Data), log.Answer(++place)); break;
                case "tell": session.Tell(FieldReader.Decode<ClientMessage>(step.Data)); break;
            }
        }
        Tell(session.Mirror, answer);
        answer.State = session.State.ToString().ToLowerInvariant();
        answer.Packets = transport.Sent;
        answer.Events = log.Events;
        answer.Replies = log.Replies;
        answer.Data = Doubles(log.WaitsSecs);
    }

    static void Decompress(Command command, Answer answer)
    {
        var raw = new byte[command.Size];
        Inflate.Decompress(command.Text == "gzip" ? Compression.Gzip : Compression.None, command.Data, raw, 0, raw.Length);
        answer.Ok = true;
        answer.Data = new ArraySegment<byte>(raw);
    }

    static void DecodePng(Command command, Answer answer)
    {
        Png png = Png.Decode(command.Data);
        answer.Ok = true;
        answer.Width = (uint)png.Width;
        answer.Height = (uint)png.Height;
        answer.Channels = (uint)png.Channels;
        answer.Bits = (uint)png.Bits;
        answer.Data = new ArraySegment<byte>(png.Samples);
    }

    // ----------------------------------------------------------------------------------------------------- with a server

    static void Open(Command command)
    {
        if (_live == null)
        {
            _live = new Session(new SessionOptions(), new WebSocketTransport());
            LiveLog.Listen(_live);
        }
        _live.Close();
        _live.Options.Url = command.Text;
        _live.Options.Session = command.Session;
        _live.Options.Engine = (Engine)command.Engine;
        _live.Options.PushFrames = command.Flag;
        _live.Options.FirstWaitSecs = 0.1;
        _live.Open();
    }

    static void Request(Command command, Answer answer)
    {
        var message = FieldReader.Decode<ClientMessage>(command.Data);
        answer.Request = ++_asked;
        _live.Request(message, LiveLog.Answer(_asked));
    }

    /// <summary>Moves for a moment, then tells how things are; frames, replies and events are told once.</summary>
    static void State(Answer answer)
    {
        Thread.Sleep(10);
        _live.Update(Clock.Elapsed.TotalSeconds, 0.05);
        Tell(_live.Mirror, answer);
        answer.State = _live.State.ToString().ToLowerInvariant();
        answer.Revision = _live.Revision.Number;
        answer.Resumed = _live.Welcome.Resumed;
        answer.Takes.AddRange(_live.Takes.Values);
        answer.Jobs.AddRange(_live.Jobs.Values);
        answer.Changed = LiveLog.Changed;
        answer.Events = LiveLog.Events;
        answer.Replies = LiveLog.Replies;
        answer.Frames = LiveLog.Frames;
        LiveLog.Changed = 0;
        LiveLog.Events = new List<string>();
        LiveLog.Replies = new List<Answered>();
        LiveLog.Frames = new List<Frame>();
    }

    static void Tell(PointMirror mirror, Answer answer)
    {
        answer.Points = (ulong)mirror.Points;
        answer.Chunks = (ulong)mirror.Chunks;
        answer.Clean = mirror.Clean;
        answer.Synced = (ulong)Math.Max(mirror.SyncedRevision, 0);
        answer.Digest = new ArraySegment<byte>(mirror.Digest());
    }

    /// <summary>float64 (N, 3) of all points in the client's axes and units, in no order.</summary>
    static ArraySegment<byte> Positions(PointMirror mirror)
    {
        var found = new List<double>();
        foreach (ChunkKey key in mirror.Keys())
        {
            Affine affine = mirror.ClientFromBytes(key);
            ArraySegment<byte> shown = mirror.Shown(key);
            for (int i = shown.Offset; i < shown.Offset + shown.Count; i += PointMirror.PointBytes)
            {
                for (int row = 0; row < 3; ++row) found.Add(affine.Apply(row, shown.Array[i], shown.Array[i + 1], shown.Array[i + 2]));
            }
        }
        return Doubles(found);
    }

    static ArraySegment<byte> Doubles(List<double> values)
    {
        var bytes = new byte[values.Count * sizeof(double)];
        Buffer.BlockCopy(values.ToArray(), 0, bytes, 0, bytes.Length);
        return new ArraySegment<byte>(bytes);
    }
}
