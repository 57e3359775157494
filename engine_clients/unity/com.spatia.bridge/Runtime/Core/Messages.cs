using System;
using System.Collections.Generic;

// The messages of the live link, as protos/spatia/v1/bridge.proto has them; what each field means is said there. A namespace of
// its own, since engines have a Camera, a Vector3 and so on too. Null = absent; geometry is in the client's own axes and units.
namespace Spatia.Bridge.Protocol
{
    public enum Engine { Unspecified, OpenCV, Unity, Godot, Unreal }
    public enum ImageFormat { Unspecified, Png, Jpeg, Raw, RawRgba8, Float16Zstd }
    public enum RowOrder { Unspecified, TopDown, BottomUp }
    public enum ColourSpace { Unspecified, Srgb, Linear }
    public enum DepthConvention { Unspecified, Planar, Ray }
    public enum Compression { Unspecified, None, Zstd, Gzip }
    public enum Cause { Unspecified, Empty, Seed, Take, Edit, Undo, Redo, Fork }
    public enum Stage { Unspecified, Queued, Projecting, Generating, Waiting, Updating, Done, Cancelled, Failed }
    public enum TakeState { Unspecified, Generating, Pending, Accepted, Discarded, Cancelled, Rejected }

    /// <summary>What enums are called on the wire, by value.</summary>
    public static class Names
    {
        public static readonly string[] Engine =
        {
            "ENGINE_UNSPECIFIED", "ENGINE_OPENCV", "ENGINE_UNITY",
            "ENGINE_GODOT", "ENGINE_UNREAL",
        };
        public static readonly string[] ImageFormat =
        {
            "IMAGE_FORMAT_UNSPECIFIED", "IMAGE_FORMAT_PNG", "IMAGE_FORMAT_JPEG",
            "IMAGE_FORMAT_RAW", "IMAGE_FORMAT_RAW_RGBA8", "IMAGE_FORMAT_FLOAT16_ZSTD",
        };
        public static readonly string[] RowOrder = { "ROW_ORDER_UNSPECIFIED", "ROW_ORDER_TOP_DOWN", "ROW_ORDER_BOTTOM_UP" };
        public static readonly string[] ColourSpace =
        {
            "COLOUR_SPACE_UNSPECIFIED", "COLOUR_SPACE_SRGB",
            "COLOUR_SPACE_LINEAR",
        };
        public static readonly string[] DepthConvention =
        {
            "DEPTH_CONVENTION_UNSPECIFIED", "DEPTH_CONVENTION_PLANAR",
            "DEPTH_CONVENTION_RAY",
        };
        public static readonly string[] Compression =
        {
            "COMPRESSION_UNSPECIFIED", "COMPRESSION_NONE",
            "COMPRESSION_ZSTD", "COMPRESSION_GZIP",
        };
        public static readonly string[] Cause =
        {
            "CAUSE_UNSPECIFIED", "CAUSE_EMPTY", "CAUSE_SEED", "CAUSE_TAKE",
            "CAUSE_EDIT", "CAUSE_UNDO", "CAUSE_REDO", "CAUSE_FORK",
        };
        public static readonly string[] Stage =
        {
            "STAGE_UNSPECIFIED", "STAGE_QUEUED", "STAGE_PROJECTING", "STAGE_GENERATING", "STAGE_WAITING",
            "STAGE_UPDATING", "STAGE_DONE", "STAGE_CANCELLED", "STAGE_FAILED",
        };
        public static readonly string[] TakeState =
        {
            "TAKE_STATE_UNSPECIFIED", "TAKE_STATE_GENERATING", "TAKE_STATE_PENDING", "TAKE_STATE_ACCEPTED",
            "TAKE_STATE_DISCARDED", "TAKE_STATE_CANCELLED", "TAKE_STATE_REJECTED",
        };
    }

    public sealed class Vector3 : IMessage
    {
        public double X;
        public double Y;
        public double Z;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("x", ref X);
            visit.Value("y", ref Y);
            visit.Value("z", ref Z);
        }
    }

    public sealed class Quaternion : IMessage
    {
        public double X;
        public double Y;
        public double Z;
        public double W;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("x", ref X);
            visit.Value("y", ref Y);
            visit.Value("z", ref Z);
            visit.Value("w", ref W);
        }
    }

    public sealed class Pose : IMessage
    {
        public Vector3 Position;
        public Quaternion Rotation;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("position", ref Position);
            visit.Message("rotation", ref Rotation);
        }
    }

    public sealed class Intrinsics : IMessage
    {
        public double Fx;
        public double Fy;
        public double Cx;
        public double Cy;
        public uint Width;
        public uint Height;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("fx", ref Fx);
            visit.Value("fy", ref Fy);
            visit.Value("cx", ref Cx);
            visit.Value("cy", ref Cy);
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
        }
    }

    public sealed class Camera : IMessage
    {
        public Pose Pose;
        public Intrinsics Intrinsics;
        public double TimeSecs;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("pose", ref Pose);
            visit.Message("intrinsics", ref Intrinsics);
            visit.Value("time_secs", ref TimeSecs);
        }
    }

    public sealed class Box : IMessage
    {
        public Pose Pose;
        public Vector3 HalfSize;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("pose", ref Pose);
            visit.Message("half_size", ref HalfSize);
        }
    }

    public sealed class Sphere : IMessage
    {
        public Vector3 Centre;
        public double Radius;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("centre", ref Centre);
            visit.Value("radius", ref Radius);
        }
    }

    public sealed class Region : IMessage
    {
        public Box Box;
        public Sphere Sphere;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("box", ref Box);
            visit.Message("sphere", ref Sphere);
            visit.OneOf(Present.Count(Box, Sphere));
        }
    }

    public sealed class Space : IMessage
    {
        public List<double> ClientFromChunk = new List<double>();
        public double VoxelSizeM;
        public bool Mirrored;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("client_from_chunk", ref ClientFromChunk);
            visit.Value("voxel_size_m", ref VoxelSizeM);
            visit.Value("mirrored", ref Mirrored);
        }
    }

    public sealed class Image : IMessage
    {
        public ImageFormat Format;
        public uint Width;
        public uint Height;
        public ArraySegment<byte> Data;

        public void Fields(FieldVisitor visit)
        {
            int formatValue = (int)Format;
            visit.Enum("format", Names.ImageFormat, ref formatValue);
            Format = (ImageFormat)formatValue;
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
            visit.Value("data", ref Data);
        }
    }

    public sealed class View : IMessage
    {
        public Camera Camera;
        public Image Colour;
        public ColourSpace ColourSpace;
        public Image Depth;
        public DepthConvention DepthConvention;
        public double MetresPerUnit;
        public Image ObjectIds;
        public Image Dynamic;
        public RowOrder RowOrder;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("camera", ref Camera);
            visit.Message("colour", ref Colour);
            int colourValue = (int)ColourSpace;
            visit.Enum("colour_space", Names.ColourSpace, ref colourValue);
            ColourSpace = (ColourSpace)colourValue;
            visit.Message("depth", ref Depth);
            int depthValue = (int)DepthConvention;
            visit.Enum("depth_convention", Names.DepthConvention, ref depthValue);
            DepthConvention = (DepthConvention)depthValue;
            visit.Value("metres_per_unit", ref MetresPerUnit);
            visit.Message("object_ids", ref ObjectIds);
            visit.Message("dynamic", ref Dynamic);
            int rowValue = (int)RowOrder;
            visit.Enum("row_order", Names.RowOrder, ref rowValue);
            RowOrder = (RowOrder)rowValue;
        }
    }

    public sealed class Resume : IMessage
    {
        public ulong Revision;
        public ArraySegment<byte> Digest;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("revision", ref Revision);
            visit.Value("digest", ref Digest);
        }
    }

    public sealed class Hello : IMessage
    {
        public uint ProtocolVersion;
        public string ClientName = "";
        public Engine Engine;
        public string Session = "";
        public bool Create;
        public string Token = "";
        public Resume Resume;
        public List<Compression> Compressions = new List<Compression>();
        public ulong CreditBytes;
        public bool PushFrames;
        public bool BatchChunks;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("protocol_version", ref ProtocolVersion);
            visit.Value("client_name", ref ClientName);
            int engineValue = (int)Engine;
            visit.Enum("engine", Names.Engine, ref engineValue);
            Engine = (Engine)engineValue;
            visit.Value("session", ref Session);
            visit.Value("create", ref Create);
            visit.Value("token", ref Token);
            visit.Message("resume", ref Resume);
            List<int> values = Compressions.ConvertAll(each => (int)each);
            visit.Enums("compressions", Names.Compression, ref values);
            Compressions = values.ConvertAll(each => (Compression)each);
            visit.Value("credit_bytes", ref CreditBytes);
            visit.Value("push_frames", ref PushFrames);
            visit.Value("batch_chunks", ref BatchChunks);
        }
    }

    public sealed class PoseUpdate : IMessage
    {
        public Camera Camera;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("camera", ref Camera);
        }
    }

    public sealed class Record : IMessage
    {
        public bool On;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("on", ref On);
        }
    }

    public sealed class Seed : IMessage
    {
        public View View;
        public bool More;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("view", ref View);
            visit.Value("more", ref More);
        }
    }

    public sealed class Trajectory : IMessage
    {
        public List<Camera> Cameras = new List<Camera>();

        public void Fields(FieldVisitor visit)
        {
            visit.Messages("cameras", ref Cameras);
        }
    }

    public sealed class Generate : IMessage
    {
        public string Prompt = "";
        public ulong Seed;
        public string Generator = "";
        public Trajectory Trajectory;
        public uint Clips;
        public bool AutoAccept;
        public uint Width;
        public uint Height;
        public string TrajectoryName = "";

        public void Fields(FieldVisitor visit)
        {
            visit.Value("prompt", ref Prompt);
            visit.Value("seed", ref Seed);
            visit.Value("generator", ref Generator);
            visit.Message("trajectory", ref Trajectory);
            visit.Value("clips", ref Clips);
            visit.Value("auto_accept", ref AutoAccept);
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
            visit.Value("trajectory_name", ref TrajectoryName);
        }
    }

    public sealed class Cancel : IMessage
    {
        public ulong Job;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("job", ref Job);
        }
    }

    public sealed class Accept : IMessage
    {
        public uint Take;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("take", ref Take);
        }
    }

    public sealed class Discard : IMessage
    {
        public uint Take;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("take", ref Take);
        }
    }

    public sealed class Move : IMessage
    {
        public Region Region;
        public Pose Motion;
        public bool Copy;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("region", ref Region);
            visit.Message("motion", ref Motion);
            visit.Value("copy", ref Copy);
        }
    }

    public sealed class Recolour : IMessage
    {
        public Region Region;
        public uint Rgb;
        public double Strength;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("region", ref Region);
            visit.Value("rgb", ref Rgb);
            visit.Value("strength", ref Strength);
        }
    }

    public sealed class Insert : IMessage
    {
        public uint Count;
        public ArraySegment<byte> Positions;
        public ArraySegment<byte> Rgb;
        public ArraySegment<byte> Diameters;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("count", ref Count);
            visit.Value("positions", ref Positions);
            visit.Value("rgb", ref Rgb);
            visit.Value("diameters", ref Diameters);
        }
    }

    public sealed class Ruler : IMessage
    {
        public Vector3 Start;
        public Vector3 End;
        public double Metres;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("start", ref Start);
            visit.Message("end", ref End);
            visit.Value("metres", ref Metres);
        }
    }

    public sealed class Realign : IMessage
    {
        public double Scale;
        public Vector3 Down;
        public Ruler Ruler;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("scale", ref Scale);
            visit.Message("down", ref Down);
            visit.Message("ruler", ref Ruler);
        }
    }

    public sealed class Edit : IMessage
    {
        public Region Remove;
        public Region Lock;
        public uint? Unlock;
        public Move Move;
        public Recolour Recolour;
        public Insert Insert;
        public Realign Realign;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("remove", ref Remove);
            visit.Message("lock", ref Lock);
            visit.Value("unlock", ref Unlock);
            visit.Message("move", ref Move);
            visit.Message("recolour", ref Recolour);
            visit.Message("insert", ref Insert);
            visit.Message("realign", ref Realign);
            visit.OneOf(Present.Count(Remove, Lock, Unlock, Move, Recolour, Insert, Realign));
        }
    }

    public sealed class Undo : IMessage
    {
        public void Fields(FieldVisitor visit) { }
    }

    public sealed class Redo : IMessage
    {
        public void Fields(FieldVisitor visit) { }
    }

    public sealed class Credit : IMessage
    {
        public ulong Bytes;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("bytes", ref Bytes);
        }
    }

    public sealed class LiveView : IMessage
    {
        public bool On;
        public uint Width;
        public uint Height;
        public double MaxRateHz;
        public bool Depth;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("on", ref On);
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
            visit.Value("max_rate_hz", ref MaxRateHz);
            visit.Value("depth", ref Depth);
        }
    }

    public sealed class FetchFrames : IMessage
    {
        public uint Take;
        public uint First;
        public uint Count;
        public bool Depth;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("take", ref Take);
            visit.Value("first", ref First);
            visit.Value("count", ref Count);
            visit.Value("depth", ref Depth);
        }
    }

    public sealed class Ping : IMessage
    {
        public ulong Nonce;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("nonce", ref Nonce);
        }
    }

    public sealed class Fragment : IMessage
    {
        public ulong Id;
        public uint Part;
        public uint Parts;
        public ArraySegment<byte> Data;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("id", ref Id);
            visit.Value("part", ref Part);
            visit.Value("parts", ref Parts);
            visit.Value("data", ref Data);
        }
    }

    public sealed class ClientMessage : IMessage
    {
        public ulong RequestId;
        public Hello Hello;
        public PoseUpdate Pose;
        public Record Record;
        public Seed Seed;
        public Generate Generate;
        public Cancel Cancel;
        public Accept Accept;
        public Discard Discard;
        public Edit Edit;
        public Undo Undo;
        public Redo Redo;
        public Credit Credit;
        public LiveView LiveView;
        public FetchFrames FetchFrames;
        public Ping Ping;
        public Fragment Fragment;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("request_id", ref RequestId);
            visit.Message("hello", ref Hello);
            visit.Message("pose", ref Pose);
            visit.Message("record", ref Record);
            visit.Message("seed", ref Seed);
            visit.Message("generate", ref Generate);
            visit.Message("cancel", ref Cancel);
            visit.Message("accept", ref Accept);
            visit.Message("discard", ref Discard);
            visit.Message("edit", ref Edit);
            visit.Message("undo", ref Undo);
            visit.Message("redo", ref Redo);
            visit.Message("credit", ref Credit);
            visit.Message("live_view", ref LiveView);
            visit.Message("fetch_frames", ref FetchFrames);
            visit.Message("ping", ref Ping);
            visit.Message("fragment", ref Fragment);
            visit.OneOf(Present.Count(
                Hello, Pose, Record, Seed, Generate, Cancel, Accept, Discard, Edit, Undo, Redo, Credit, LiveView,
                FetchFrames, Ping, Fragment));
        }
    }

    public sealed class GeneratorInfo : IMessage
    {
        public string Name = "";
        public uint Width;
        public uint Height;
        public uint NewFrames;
        public uint PrecedingFrames;
        public double Fps;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("name", ref Name);
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
            visit.Value("new_frames", ref NewFrames);
            visit.Value("preceding_frames", ref PrecedingFrames);
            visit.Value("fps", ref Fps);
        }
    }

    public sealed class Limits : IMessage
    {
        public ulong MaxMessageBytes;
        public uint MaxPoseRateHz;
        public uint MaxViewsPerSeed;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("max_message_bytes", ref MaxMessageBytes);
            visit.Value("max_pose_rate_hz", ref MaxPoseRateHz);
            visit.Value("max_views_per_seed", ref MaxViewsPerSeed);
        }
    }

    public sealed class Done : IMessage
    {
        public ulong Revision;
        public uint Take;
        public ulong Job;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("revision", ref Revision);
            visit.Value("take", ref Take);
            visit.Value("job", ref Job);
        }
    }

    public sealed class Error : IMessage
    {
        public string Code = "";
        public string Message = "";
        public string Remedy = "";
        public bool Fatal;
        public ulong Job;
        public Dictionary<string, double> Details = new Dictionary<string, double>();

        public void Fields(FieldVisitor visit)
        {
            visit.Value("code", ref Code);
            visit.Value("message", ref Message);
            visit.Value("remedy", ref Remedy);
            visit.Value("fatal", ref Fatal);
            visit.Value("job", ref Job);
            visit.Value("details", ref Details);
        }
    }

    public sealed class Revision : IMessage
    {
        public ulong Number;
        public Cause Cause;
        public ulong ContentOf;
        public string Note = "";
        public uint Take;
        public ulong Points;
        public ulong Chunks;
        public ArraySegment<byte> Digest;
        public Dictionary<string, double> Health = new Dictionary<string, double>();
        public bool CanUndo;
        public bool CanRedo;
        public uint Locks;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("number", ref Number);
            int causeValue = (int)Cause;
            visit.Enum("cause", Names.Cause, ref causeValue);
            Cause = (Cause)causeValue;
            visit.Value("content_of", ref ContentOf);
            visit.Value("note", ref Note);
            visit.Value("take", ref Take);
            visit.Value("points", ref Points);
            visit.Value("chunks", ref Chunks);
            visit.Value("digest", ref Digest);
            visit.Value("health", ref Health);
            visit.Value("can_undo", ref CanUndo);
            visit.Value("can_redo", ref CanRedo);
            visit.Value("locks", ref Locks);
        }
    }

    public sealed class ChunkIndex : IMessage
    {
        public uint Level;
        public int X;
        public int Y;
        public int Z;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("level", ref Level);
            visit.Value("x", ref X);
            visit.Value("y", ref Y);
            visit.Value("z", ref Z);
        }
    }

    public sealed class ChunkPart : IMessage
    {
        public ChunkIndex Index;
        public uint TotalPoints;
        public uint First;
        public uint Count;
        public Compression Compression;
        public uint RawSize;
        public ArraySegment<byte> Data;
        public ArraySegment<byte> PackedHash;

        public void Fields(FieldVisitor visit)
        {
            visit.Message("index", ref Index);
            visit.Value("total_points", ref TotalPoints);
            visit.Value("first", ref First);
            visit.Value("count", ref Count);
            int compressionValue = (int)Compression;
            visit.Enum("compression", Names.Compression, ref compressionValue);
            Compression = (Compression)compressionValue;
            visit.Value("raw_size", ref RawSize);
            visit.Value("data", ref Data);
            visit.Value("packed_hash", ref PackedHash);
        }
    }

    public sealed class ChunkParts : IMessage
    {
        public List<ChunkPart> Parts = new List<ChunkPart>();

        public void Fields(FieldVisitor visit)
        {
            visit.Messages("parts", ref Parts);
        }
    }

    public sealed class ChunksRemoved : IMessage
    {
        public List<ChunkIndex> Indexes = new List<ChunkIndex>();

        public void Fields(FieldVisitor visit)
        {
            visit.Messages("indexes", ref Indexes);
        }
    }

    public sealed class Synced : IMessage
    {
        public ulong Revision;
        public ArraySegment<byte> Digest;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("revision", ref Revision);
            visit.Value("digest", ref Digest);
        }
    }

    public sealed class Progress : IMessage
    {
        public ulong Job;
        public Stage Stage;
        public uint Done;
        public uint Total;
        public double RemainingSecs;
        public uint Clip;
        public uint Clips;
        public uint Take;
        public Error Error;
        public Image Preview;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("job", ref Job);
            int stageValue = (int)Stage;
            visit.Enum("stage", Names.Stage, ref stageValue);
            Stage = (Stage)stageValue;
            visit.Value("done", ref Done);
            visit.Value("total", ref Total);
            visit.Value("remaining_secs", ref RemainingSecs);
            visit.Value("clip", ref Clip);
            visit.Value("clips", ref Clips);
            visit.Value("take", ref Take);
            visit.Message("error", ref Error);
            visit.Message("preview", ref Preview);
        }
    }

    public sealed class Reference : IMessage
    {
        public uint Take;
        public uint Frame;
        public string Reason = "";

        public void Fields(FieldVisitor visit)
        {
            visit.Value("take", ref Take);
            visit.Value("frame", ref Frame);
            visit.Value("reason", ref Reason);
        }
    }

    public sealed class Take : IMessage
    {
        public uint Number;
        public TakeState State;
        public uint FramesDone;
        public uint FramesTotal;
        public string Prompt = "";
        public ulong Seed;
        public string Generator = "";
        public ulong BaseRevision;
        public double Fps;
        public uint Width;
        public uint Height;
        public List<Reference> References = new List<Reference>();
        public string Remark = "";

        public void Fields(FieldVisitor visit)
        {
            visit.Value("number", ref Number);
            int stateValue = (int)State;
            visit.Enum("state", Names.TakeState, ref stateValue);
            State = (TakeState)stateValue;
            visit.Value("frames_done", ref FramesDone);
            visit.Value("frames_total", ref FramesTotal);
            visit.Value("prompt", ref Prompt);
            visit.Value("seed", ref Seed);
            visit.Value("generator", ref Generator);
            visit.Value("base_revision", ref BaseRevision);
            visit.Value("fps", ref Fps);
            visit.Value("width", ref Width);
            visit.Value("height", ref Height);
            visit.Messages("references", ref References);
            visit.Value("remark", ref Remark);
        }
    }

    public sealed class TakeFrame : IMessage
    {
        public uint Take;
        public uint Number;
        public Image Colour;
        public Image Depth;
        public Camera Camera;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("take", ref Take);
            visit.Value("number", ref Number);
            visit.Message("colour", ref Colour);
            visit.Message("depth", ref Depth);
            visit.Message("camera", ref Camera);
        }
    }

    public sealed class LiveProjection : IMessage
    {
        public double PoseTimeSecs;
        public ulong Revision;
        public Image Colour;
        public Image Depth;
        public double Coverage;
        public Camera Camera;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("pose_time_secs", ref PoseTimeSecs);
            visit.Value("revision", ref Revision);
            visit.Message("colour", ref Colour);
            visit.Message("depth", ref Depth);
            visit.Value("coverage", ref Coverage);
            visit.Message("camera", ref Camera);
        }
    }

    public sealed class Recording : IMessage
    {
        public bool On;
        public uint Poses;
        public double DurationSecs;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("on", ref On);
            visit.Value("poses", ref Poses);
            visit.Value("duration_secs", ref DurationSecs);
        }
    }

    public sealed class Pong : IMessage
    {
        public ulong Nonce;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("nonce", ref Nonce);
        }
    }

    public sealed class Welcome : IMessage
    {
        public uint ProtocolVersion;
        public string ServerVersion = "";
        public string Session = "";
        public Space Space;
        public Revision Revision;
        public List<GeneratorInfo> Generators = new List<GeneratorInfo>();
        public List<Take> Takes = new List<Take>();
        public Compression Compression;
        public Limits Limits;
        public bool Resumed;
        public Recording Recording;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("protocol_version", ref ProtocolVersion);
            visit.Value("server_version", ref ServerVersion);
            visit.Value("session", ref Session);
            visit.Message("space", ref Space);
            visit.Message("revision", ref Revision);
            visit.Messages("generators", ref Generators);
            visit.Messages("takes", ref Takes);
            int compressionValue = (int)Compression;
            visit.Enum("compression", Names.Compression, ref compressionValue);
            Compression = (Compression)compressionValue;
            visit.Message("limits", ref Limits);
            visit.Value("resumed", ref Resumed);
            visit.Message("recording", ref Recording);
        }
    }

    public sealed class ServerMessage : IMessage
    {
        public ulong RequestId;
        public Welcome Welcome;
        public Done Done;
        public Error Error;
        public Revision Revision;
        public Space Space;
        public ChunkPart ChunkPart;
        public ChunksRemoved ChunksRemoved;
        public Synced Synced;
        public Progress Progress;
        public Take Take;
        public TakeFrame TakeFrame;
        public LiveProjection LiveProjection;
        public Recording Recording;
        public Pong Pong;
        public Fragment Fragment;
        public ChunkParts ChunkParts;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("request_id", ref RequestId);
            visit.Message("welcome", ref Welcome);
            visit.Message("done", ref Done);
            visit.Message("error", ref Error);
            visit.Message("revision", ref Revision);
            visit.Message("space", ref Space);
            visit.Message("chunk_part", ref ChunkPart);
            visit.Message("chunks_removed", ref ChunksRemoved);
            visit.Message("synced", ref Synced);
            visit.Message("progress", ref Progress);
            visit.Message("take", ref Take);
            visit.Message("take_frame", ref TakeFrame);
            visit.Message("live_projection", ref LiveProjection);
            visit.Message("recording", ref Recording);
            visit.Message("pong", ref Pong);
            visit.Message("fragment", ref Fragment);
            visit.Message("chunk_parts", ref ChunkParts);
            visit.OneOf(Present.Count(
                Welcome, Done, Error, Revision, Space, ChunkPart, ChunksRemoved, Synced, Progress, Take, TakeFrame,
                LiveProjection, Recording, Pong, Fragment, ChunkParts));
        }
    }

    static class Present
    {
        internal static int Count(params object[] members) { return Array.FindAll(members, each => each != null).Length; }
    }
}
