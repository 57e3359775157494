// A whole client on a page: BridgeExample.exe [URL] [SESSION]
//
// Connects, waits until it holds all of memory, puts a small red pillar into the scene, has a clip generated past it, fetches the
// clip's first frame by number, throws the clip away and takes the pillar back out.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Spatia.Bridge;
using Spatia.Bridge.Protocol;

static class BridgeExample
{
    static readonly Stopwatch Clock = Stopwatch.StartNew();

    static void Main(string[] words)
    {
        var options = new SessionOptions { Reconnect = false };
        if (words.Length > 0) options.Url = words[0];
        if (words.Length > 1) options.Session = words[1];
        bool done;
        using (var session = new Session(options, new WebSocketTransport())) done = Run(session);
        // not by returning: Mono then aborts the thread of its timers, a socket's among them, and crashes when that was sorting them
        Environment.Exit(done ? 0 : 1);
    }

    static bool Run(Session session)
    {
        session.Connected += welcome => Console.WriteLine("connected to \"" + welcome.Session + "\"");
        session.Disconnected += reason => Console.WriteLine("disconnected: " + reason);
        session.Refused += error => Console.WriteLine("refused: " + error.Message + " (" + error.Remedy + ")");
        session.ErrorReported += error => Console.WriteLine("error: " + error.Message + " (" + error.Remedy + ")");
        session.Progressed += progress =>
            Console.WriteLine("job " + progress.Job + ": " + progress.Stage + " " + progress.Done + " of " + progress.Total);
        session.FrameReceived += (frame, request) => Save(frame);

        session.Open();
        if (!Until(session, 60, () => session.Mirror.Clean)) return false;
        Console.WriteLine(session.Mirror.Points + " points in " + session.Mirror.Chunks + " chunks");

        Reply inserted = Ask(session, "insert", new ClientMessage { Edit = new Edit { Insert = Pillar() } });
        if (!inserted.Ok) return false;
        Until(session, 60, () => session.Mirror.Clean && session.Mirror.SyncedRevision >= (long)inserted.Done.Revision);
        Console.WriteLine("now " + session.Mirror.Points + " points");

        bool made = Clip(session);
        bool undone = Ask(session, "undo", new ClientMessage { Undo = new Undo() }).Ok;
        session.Close();
        return made && undone;
    }

    static bool Clip(Session session)
    {
        var path = new Trajectory { Cameras = new List<Camera> { CameraAt(-0.2, 0), CameraAt(0.2, 1.5) } };
        var clip = new Generate { Prompt = "a pillar", Trajectory = path, Clips = 1, Width = 160, Height = 96 };
        Reply begun = Ask(session, "generate", new ClientMessage { Generate = clip });
        if (!begun.Ok) return false;
        Func<Progress> job = () => session.Jobs.ContainsKey(begun.Done.Job) ? session.Jobs[begun.Done.Job] : new Progress();
        bool ended = Until(session, 300, () => job().Stage == Stage.Done || job().Stage == Stage.Failed);
        if (!ended || job().Stage != Stage.Done) return false;  // the take of the last clip waits for a decision, the job does not
        uint take = job().Take;
        Ask(session, "fetch", new ClientMessage { FetchFrames = new FetchFrames { Take = take, Count = 1 } });
        return Ask(session, "discard", new ClientMessage { Discard = new Discard { Take = take } }).Ok;
    }

    /// <summary>Moves the link until a condition holds; false if it does not in time, or the link is over.</summary>
    static bool Until(Session session, double seconds, Func<bool> condition)
    {
        double end = Clock.Elapsed.TotalSeconds + seconds;
        while (!condition())
        {
            session.Update(Clock.Elapsed.TotalSeconds);
            if (Clock.Elapsed.TotalSeconds > end || session.State == SessionState.Idle) return false;
            Thread.Sleep(5);
        }
        return true;
    }

    /// <summary>Asks, waits, and tells what came of it.</summary>
    static Reply Ask(Session session, string what, ClientMessage request)
    {
        Reply answer = null;
        session.Request(request, reply => answer = reply);
        if (!Until(session, 300, () => answer != null)) throw new TimeoutException(what);
        Console.WriteLine(what + ": " + (answer.Ok ? "done" : answer.Error.Message));
        return answer;
    }

    static Insert Pillar()
    {
        const int count = 4000;
        var positions = new float[3 * count];
        var rgb = new byte[3 * count];
        for (int i = 0; i < count; ++i)
        {
            positions[3 * i] = 0.01f * (i % 20);
            positions[3 * i + 1] = 0.01f * (i / 400) - 0.2f;
            positions[3 * i + 2] = 1 + 0.01f * (i / 20 % 20);
            rgb[3 * i] = 220;
            rgb[3 * i + 1] = rgb[3 * i + 2] = 30;
        }
        var bytes = new byte[positions.Length * sizeof(float)];
        Buffer.BlockCopy(positions, 0, bytes, 0, bytes.Length);
        return new Insert
        {
            Count = count,
            Positions = new ArraySegment<byte>(bytes),
            Rgb = new ArraySegment<byte>(rgb),
            Diameters = new ArraySegment<byte>(BitConverter.GetBytes(0.01f)),
        };
    }

    static Camera CameraAt(double x, double timeSecs)  // OpenCV axes: it looks along +z
    {
        return new Camera
        {
            Pose = new Pose { Position = new Vector3 { X = x, Z = -1 }, Rotation = new Quaternion { W = 1 } },
            Intrinsics = new Intrinsics { Fx = 100, Fy = 100, Cx = 80, Cy = 48, Width = 160, Height = 96 },
            TimeSecs = timeSecs,
        };
    }

    static void Save(TakeFrame frame)
    {
        if (frame.Colour == null) return;
        ArraySegment<byte> data = frame.Colour.Data;
        using (FileStream file = File.Create("frame.jpg")) file.Write(data.Array, data.Offset, data.Count);
        Console.WriteLine("frame " + frame.Number + " of take " + frame.Take + " is in frame.jpg, " + data.Count + " bytes");
    }
}
