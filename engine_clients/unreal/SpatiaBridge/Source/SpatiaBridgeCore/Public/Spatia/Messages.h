// The messages of the live link, as protos/spatia/v1/bridge.proto has them; what each field means is said there.
//
// Every message names its fields once, in `fields`, for reading and writing alike (see Fields.h). A sub-message that may be absent
// is an optional, a oneof is a variant whose first alternative is "none". Bytes are views: of a message that came, into the packet,
// valid while it is handled; of one to be sent, the caller's, valid until `Session::request` returns.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "Spatia/Bytes.h"

namespace spatia {

// Enums travel by name. Index = value; what a newer server may add reads as `unspecified`.
enum class Engine { unspecified, opencv, unity, godot, unreal };
enum class ImageFormat { unspecified, png, jpeg, raw, raw_rgba8, float16_zstd };
enum class RowOrder { unspecified, top_down, bottom_up };
enum class ColourSpace { unspecified, srgb, linear };
enum class DepthConvention { unspecified, planar, ray };
enum class Compression { unspecified, none, zstd, gzip };
enum class Cause { unspecified, empty, seed, take, edit, undo, redo, fork };
enum class Stage { unspecified, queued, projecting, generating, waiting, updating, done, cancelled, failed };
enum class TakeState { unspecified, generating, pending, accepted, discarded, cancelled, rejected };

template <class Enum>
struct EnumNames;
#define SPATIA_ENUM(TYPE, COUNT, ...)                                           \
    template <>                                                                 \
    struct EnumNames<TYPE> {                                                    \
        static constexpr std::array<const char*, COUNT> names = {__VA_ARGS__};  \
    };
SPATIA_ENUM(Engine, 5, "ENGINE_UNSPECIFIED", "ENGINE_OPENCV", "ENGINE_UNITY", "ENGINE_GODOT", "ENGINE_UNREAL")
SPATIA_ENUM(ImageFormat, 6, "IMAGE_FORMAT_UNSPECIFIED", "IMAGE_FORMAT_PNG", "IMAGE_FORMAT_JPEG", "IMAGE_FORMAT_RAW",
            "IMAGE_FORMAT_RAW_RGBA8", "IMAGE_FORMAT_FLOAT16_ZSTD")
SPATIA_ENUM(RowOrder, 3, "ROW_ORDER_UNSPECIFIED", "ROW_ORDER_TOP_DOWN", "ROW_ORDER_BOTTOM_UP")
SPATIA_ENUM(ColourSpace, 3, "COLOUR_SPACE_UNSPECIFIED", "COLOUR_SPACE_SRGB", "COLOUR_SPACE_LINEAR")
SPATIA_ENUM(DepthConvention, 3, "DEPTH_CONVENTION_UNSPECIFIED", "DEPTH_CONVENTION_PLANAR", "DEPTH_CONVENTION_RAY")
SPATIA_ENUM(Compression, 4, "COMPRESSION_UNSPECIFIED", "COMPRESSION_NONE", "COMPRESSION_ZSTD", "COMPRESSION_GZIP")
SPATIA_ENUM(Cause, 8, "CAUSE_UNSPECIFIED", "CAUSE_EMPTY", "CAUSE_SEED", "CAUSE_TAKE", "CAUSE_EDIT", "CAUSE_UNDO", "CAUSE_REDO",
            "CAUSE_FORK")
SPATIA_ENUM(Stage, 9, "STAGE_UNSPECIFIED", "STAGE_QUEUED", "STAGE_PROJECTING", "STAGE_GENERATING", "STAGE_WAITING",
            "STAGE_UPDATING", "STAGE_DONE", "STAGE_CANCELLED", "STAGE_FAILED")
SPATIA_ENUM(TakeState, 7, "TAKE_STATE_UNSPECIFIED", "TAKE_STATE_GENERATING", "TAKE_STATE_PENDING", "TAKE_STATE_ACCEPTED",
            "TAKE_STATE_DISCARDED", "TAKE_STATE_CANCELLED", "TAKE_STATE_REJECTED")
#undef SPATIA_ENUM

// Names and members of a message: `visit` is called with each name and what it names. Once for const, once for mutable messages.
#define SPATIA_FIELDS(...)                         \
    template <class Self, class Visit>             \
    static void fields(Self& m, Visit& visit) {    \
        static_cast<void>(m);                      \
        static_cast<void>(visit);                  \
        __VA_ARGS__;                               \
    }

// ------------------------------------------------------------------------------------------------------------- geometry
// All in the client's own axes and units.

struct Vector3 {
    double x = 0, y = 0, z = 0;
    SPATIA_FIELDS(visit("x", m.x), visit("y", m.y), visit("z", m.z))
};

struct Quaternion {
    double x = 0, y = 0, z = 0, w = 0;
    SPATIA_FIELDS(visit("x", m.x), visit("y", m.y), visit("z", m.z), visit("w", m.w))
};

struct Pose {
    std::optional<Vector3> position;
    std::optional<Quaternion> rotation;
    SPATIA_FIELDS(visit("position", m.position), visit("rotation", m.rotation))
};

struct Intrinsics {
    double fx = 0, fy = 0, cx = 0, cy = 0;
    std::uint32_t width = 0, height = 0;
    SPATIA_FIELDS(visit("fx", m.fx), visit("fy", m.fy), visit("cx", m.cx), visit("cy", m.cy), visit("width", m.width),
                  visit("height", m.height))
};

struct Camera {
    std::optional<Pose> pose;
    std::optional<Intrinsics> intrinsics;
    double time_secs = 0;
    SPATIA_FIELDS(visit("pose", m.pose), visit("intrinsics", m.intrinsics), visit("time_secs", m.time_secs))
};

struct Box {
    std::optional<Pose> pose;
    std::optional<Vector3> half_size;
    SPATIA_FIELDS(visit("pose", m.pose), visit("half_size", m.half_size))
};

struct Sphere {
    std::optional<Vector3> centre;
    double radius = 0;
    SPATIA_FIELDS(visit("centre", m.centre), visit("radius", m.radius))
};

struct Region {
    std::variant<std::monostate, Box, Sphere> shape;
    SPATIA_FIELDS(visit.oneof(m.shape, "box", "sphere"))
};

struct Space {
    std::vector<double> client_from_chunk;  // 12 numbers, a row-major 3×4 affine
    double voxel_size_m = 0;
    bool mirrored = false;
    SPATIA_FIELDS(visit("client_from_chunk", m.client_from_chunk), visit("voxel_size_m", m.voxel_size_m),
                  visit("mirrored", m.mirrored))
};

// --------------------------------------------------------------------------------------------------------------- images

struct Image {
    ImageFormat format = ImageFormat::unspecified;
    std::uint32_t width = 0, height = 0;
    ByteView data;
    SPATIA_FIELDS(visit("format", m.format), visit("width", m.width), visit("height", m.height), visit("data", m.data))
};

struct View {
    std::optional<Camera> camera;
    std::optional<Image> colour;
    ColourSpace colour_space = ColourSpace::unspecified;
    std::optional<Image> depth;
    DepthConvention depth_convention = DepthConvention::unspecified;
    double metres_per_unit = 0;
    std::optional<Image> object_ids;
    std::optional<Image> dynamic;
    RowOrder row_order = RowOrder::unspecified;
    SPATIA_FIELDS(visit("camera", m.camera), visit("colour", m.colour), visit("colour_space", m.colour_space),
                  visit("depth", m.depth), visit("depth_convention", m.depth_convention),
                  visit("metres_per_unit", m.metres_per_unit), visit("object_ids", m.object_ids), visit("dynamic", m.dynamic),
                  visit("row_order", m.row_order))
};

// ------------------------------------------------------------------------------------------------------ client messages

struct Resume {
    std::uint64_t revision = 0;
    ByteView digest;
    SPATIA_FIELDS(visit("revision", m.revision), visit("digest", m.digest))
};

struct Hello {
    std::uint32_t protocol_version = 0;
    std::string client_name;
    Engine engine = Engine::unspecified;
    std::string session;
    bool create = false;
    std::string token;
    std::optional<Resume> resume;
    std::vector<Compression> compressions;
    std::uint64_t credit_bytes = 0;
    bool push_frames = false;
    bool batch_chunks = false;
    SPATIA_FIELDS(visit("protocol_version", m.protocol_version), visit("client_name", m.client_name), visit("engine", m.engine),
                  visit("session", m.session), visit("create", m.create), visit("token", m.token), visit("resume", m.resume),
                  visit("compressions", m.compressions), visit("credit_bytes", m.credit_bytes),
                  visit("push_frames", m.push_frames), visit("batch_chunks", m.batch_chunks))
};

struct PoseUpdate {
    std::optional<Camera> camera;
    SPATIA_FIELDS(visit("camera", m.camera))
};

struct Record {
    bool on = false;
    SPATIA_FIELDS(visit("on", m.on))
};

struct Seed {
    std::optional<View> view;
    bool more = false;
    SPATIA_FIELDS(visit("view", m.view), visit("more", m.more))
};

struct Trajectory {
    std::vector<Camera> cameras;
    SPATIA_FIELDS(visit("cameras", m.cameras))
};

struct Generate {
    std::string prompt;
    std::uint64_t seed = 0;
    std::string generator;
    std::optional<Trajectory> trajectory;
    std::uint32_t clips = 0;
    bool auto_accept = false;
    std::uint32_t width = 0, height = 0;
    std::string trajectory_name;
    SPATIA_FIELDS(visit("prompt", m.prompt), visit("seed", m.seed), visit("generator", m.generator),
                  visit("trajectory", m.trajectory), visit("clips", m.clips), visit("auto_accept", m.auto_accept),
                  visit("width", m.width), visit("height", m.height), visit("trajectory_name", m.trajectory_name))
};

struct Cancel {
    std::uint64_t job = 0;
    SPATIA_FIELDS(visit("job", m.job))
};

struct Accept {
    std::uint32_t take = 0;
    SPATIA_FIELDS(visit("take", m.take))
};

struct Discard {
    std::uint32_t take = 0;
    SPATIA_FIELDS(visit("take", m.take))
};

// Alternatives of one oneof must differ in type.
struct Remove : Region {};
struct Lock : Region {};
struct Unlock {
    std::uint32_t place = 0;  // travels as the number alone
};

struct Move {
    std::optional<Region> region;
    std::optional<Pose> motion;
    bool copy = false;
    SPATIA_FIELDS(visit("region", m.region), visit("motion", m.motion), visit("copy", m.copy))
};

struct Recolour {
    std::optional<Region> region;
    std::uint32_t rgb = 0;
    double strength = 0;
    SPATIA_FIELDS(visit("region", m.region), visit("rgb", m.rgb), visit("strength", m.strength))
};

struct Insert {
    std::uint32_t count = 0;
    ByteView positions, rgb, diameters;
    SPATIA_FIELDS(visit("count", m.count), visit("positions", m.positions), visit("rgb", m.rgb),
                  visit("diameters", m.diameters))
};

struct Ruler {
    std::optional<Vector3> start, end;
    double metres = 0;
    SPATIA_FIELDS(visit("start", m.start), visit("end", m.end), visit("metres", m.metres))
};

struct Realign {
    double scale = 0;
    std::optional<Vector3> down;
    std::optional<Ruler> ruler;
    SPATIA_FIELDS(visit("scale", m.scale), visit("down", m.down), visit("ruler", m.ruler))
};

struct Edit {
    std::variant<std::monostate, Remove, Lock, Unlock, Move, Recolour, Insert, Realign> kind;
    SPATIA_FIELDS(visit.oneof(m.kind, "remove", "lock", "unlock", "move", "recolour", "insert", "realign"))
};

struct Undo {
    SPATIA_FIELDS()
};

struct Redo {
    SPATIA_FIELDS()
};

struct Credit {
    std::uint64_t bytes = 0;
    SPATIA_FIELDS(visit("bytes", m.bytes))
};

struct LiveView {
    bool on = false;
    std::uint32_t width = 0, height = 0;
    double max_rate_hz = 0;
    bool depth = false;
    SPATIA_FIELDS(visit("on", m.on), visit("width", m.width), visit("height", m.height), visit("max_rate_hz", m.max_rate_hz),
                  visit("depth", m.depth))
};

struct FetchFrames {
    std::uint32_t take = 0, first = 0, count = 0;
    bool depth = false;
    SPATIA_FIELDS(visit("take", m.take), visit("first", m.first), visit("count", m.count), visit("depth", m.depth))
};

struct Ping {
    std::uint64_t nonce = 0;
    SPATIA_FIELDS(visit("nonce", m.nonce))
};

struct Fragment {
    std::uint64_t id = 0;
    std::uint32_t part = 0, parts = 0;
    ByteView data;
    SPATIA_FIELDS(visit("id", m.id), visit("part", m.part), visit("parts", m.parts), visit("data", m.data))
};

using ClientBody = std::variant<std::monostate, Hello, PoseUpdate, Record, Seed, Generate, Cancel, Accept, Discard, Edit, Undo,
                                Redo, Credit, LiveView, FetchFrames, Ping, Fragment>;

struct ClientMessage {
    std::uint64_t request_id = 0;
    ClientBody body;
    SPATIA_FIELDS(visit("request_id", m.request_id),
                  visit.oneof(m.body, "hello", "pose", "record", "seed", "generate", "cancel", "accept", "discard", "edit",
                              "undo", "redo", "credit", "live_view", "fetch_frames", "ping", "fragment"))
};

// ------------------------------------------------------------------------------------------------------ server messages

struct GeneratorInfo {
    std::string name;
    std::uint32_t width = 0, height = 0, new_frames = 0, preceding_frames = 0;
    double fps = 0;
    SPATIA_FIELDS(visit("name", m.name), visit("width", m.width), visit("height", m.height), visit("new_frames", m.new_frames),
                  visit("preceding_frames", m.preceding_frames), visit("fps", m.fps))
};

struct Limits {
    std::uint64_t max_message_bytes = 0;
    std::uint32_t max_pose_rate_hz = 0, max_views_per_seed = 0;
    SPATIA_FIELDS(visit("max_message_bytes", m.max_message_bytes), visit("max_pose_rate_hz", m.max_pose_rate_hz),
                  visit("max_views_per_seed", m.max_views_per_seed))
};

struct Done {
    std::uint64_t revision = 0;
    std::uint32_t take = 0;
    std::uint64_t job = 0;
    SPATIA_FIELDS(visit("revision", m.revision), visit("take", m.take), visit("job", m.job))
};

struct Error {
    std::string code, message, remedy;
    bool fatal = false;
    std::uint64_t job = 0;
    std::map<std::string, double> details;
    SPATIA_FIELDS(visit("code", m.code), visit("message", m.message), visit("remedy", m.remedy), visit("fatal", m.fatal),
                  visit("job", m.job), visit("details", m.details))
};

struct Revision {
    std::uint64_t number = 0;
    Cause cause = Cause::unspecified;
    std::uint64_t content_of = 0;
    std::string note;
    std::uint32_t take = 0;
    std::uint64_t points = 0, chunks = 0;
    Bytes digest;  // kept, so it owns its bytes
    std::map<std::string, double> health;
    bool can_undo = false, can_redo = false;
    std::uint32_t locks = 0;
    SPATIA_FIELDS(visit("number", m.number), visit("cause", m.cause), visit("content_of", m.content_of), visit("note", m.note),
                  visit("take", m.take), visit("points", m.points), visit("chunks", m.chunks), visit("digest", m.digest),
                  visit("health", m.health), visit("can_undo", m.can_undo), visit("can_redo", m.can_redo),
                  visit("locks", m.locks))
};

struct ChunkIndex {
    std::uint32_t level = 0;
    std::int32_t x = 0, y = 0, z = 0;
    SPATIA_FIELDS(visit("level", m.level), visit("x", m.x), visit("y", m.y), visit("z", m.z))
};

inline bool operator==(const ChunkIndex& a, const ChunkIndex& b) {
    return std::tie(a.level, a.x, a.y, a.z) == std::tie(b.level, b.x, b.y, b.z);
}

struct ChunkPart {
    std::optional<ChunkIndex> index;
    std::uint32_t total_points = 0, first = 0, count = 0;
    Compression compression = Compression::unspecified;
    std::uint32_t raw_size = 0;
    ByteView data, packed_hash;
    SPATIA_FIELDS(visit("index", m.index), visit("total_points", m.total_points), visit("first", m.first),
                  visit("count", m.count), visit("compression", m.compression), visit("raw_size", m.raw_size),
                  visit("data", m.data), visit("packed_hash", m.packed_hash))
};

struct ChunkParts {
    std::vector<ChunkPart> parts;
    SPATIA_FIELDS(visit("parts", m.parts))
};

struct ChunksRemoved {
    std::vector<ChunkIndex> indexes;
    SPATIA_FIELDS(visit("indexes", m.indexes))
};

struct Synced {
    std::uint64_t revision = 0;
    ByteView digest;
    SPATIA_FIELDS(visit("revision", m.revision), visit("digest", m.digest))
};

struct Progress {
    std::uint64_t job = 0;
    Stage stage = Stage::unspecified;
    std::uint32_t done = 0, total = 0;
    double remaining_secs = 0;
    std::uint32_t clip = 0, clips = 0, take = 0;
    std::optional<Error> error;
    std::optional<Image> preview;
    SPATIA_FIELDS(visit("job", m.job), visit("stage", m.stage), visit("done", m.done), visit("total", m.total),
                  visit("remaining_secs", m.remaining_secs), visit("clip", m.clip), visit("clips", m.clips),
                  visit("take", m.take), visit("error", m.error), visit("preview", m.preview))
};

struct Reference {
    std::uint32_t take = 0, frame = 0;
    std::string reason;
    SPATIA_FIELDS(visit("take", m.take), visit("frame", m.frame), visit("reason", m.reason))
};

struct Take {
    std::uint32_t number = 0;
    TakeState state = TakeState::unspecified;
    std::uint32_t frames_done = 0, frames_total = 0;
    std::string prompt;
    std::uint64_t seed = 0;
    std::string generator;
    std::uint64_t base_revision = 0;
    double fps = 0;
    std::uint32_t width = 0, height = 0;
    std::vector<Reference> references;
    std::string remark;
    SPATIA_FIELDS(visit("number", m.number), visit("state", m.state), visit("frames_done", m.frames_done),
                  visit("frames_total", m.frames_total), visit("prompt", m.prompt), visit("seed", m.seed),
                  visit("generator", m.generator), visit("base_revision", m.base_revision), visit("fps", m.fps),
                  visit("width", m.width), visit("height", m.height), visit("references", m.references),
                  visit("remark", m.remark))
};

struct TakeFrame {
    std::uint32_t take = 0, number = 0;
    std::optional<Image> colour, depth;
    std::optional<Camera> camera;
    SPATIA_FIELDS(visit("take", m.take), visit("number", m.number), visit("colour", m.colour), visit("depth", m.depth),
                  visit("camera", m.camera))
};

struct LiveProjection {
    double pose_time_secs = 0;
    std::uint64_t revision = 0;
    std::optional<Image> colour, depth;
    double coverage = 0;
    std::optional<Camera> camera;
    SPATIA_FIELDS(visit("pose_time_secs", m.pose_time_secs), visit("revision", m.revision), visit("colour", m.colour),
                  visit("depth", m.depth), visit("coverage", m.coverage), visit("camera", m.camera))
};

struct Recording {
    bool on = false;
    std::uint32_t poses = 0;
    double duration_secs = 0;
    SPATIA_FIELDS(visit("on", m.on), visit("poses", m.poses), visit("duration_secs", m.duration_secs))
};

struct Pong {
    std::uint64_t nonce = 0;
    SPATIA_FIELDS(visit("nonce", m.nonce))
};

struct Welcome {
    std::uint32_t protocol_version = 0;
    std::string server_version, session;
    std::optional<Space> space;
    std::optional<Revision> revision;
    std::vector<GeneratorInfo> generators;
    std::vector<Take> takes;
    Compression compression = Compression::unspecified;
    std::optional<Limits> limits;
    bool resumed = false;
    std::optional<Recording> recording;
    SPATIA_FIELDS(visit("protocol_version", m.protocol_version), visit("server_version", m.server_version),
                  visit("session", m.session), visit("space", m.space), visit("revision", m.revision),
                  visit("generators", m.generators), visit("takes", m.takes), visit("compression", m.compression),
                  visit("limits", m.limits), visit("resumed", m.resumed), visit("recording", m.recording))
};

using ServerBody = std::variant<std::monostate, Welcome, Done, Error, Revision, Space, ChunkPart, ChunksRemoved, Synced, Progress,
                                Take, TakeFrame, LiveProjection, Recording, Pong, Fragment, ChunkParts>;

struct ServerMessage {
    std::uint64_t request_id = 0;
    ServerBody body;
    SPATIA_FIELDS(visit("request_id", m.request_id),
                  visit.oneof(m.body, "welcome", "done", "error", "revision", "space", "chunk_part", "chunks_removed", "synced",
                              "progress", "take", "take_frame", "live_projection", "recording", "pong", "fragment",
                              "chunk_parts"))
};

#undef SPATIA_FIELDS

// The msgpack bytes of a message.
SPATIABRIDGECORE_API Bytes encode(const ClientMessage& message);
SPATIABRIDGECORE_API Bytes encode(const ServerMessage& message);

// The message of msgpack bytes; false, with what is wrong in `fault`, if they are none. Unknown fields are passed over.
SPATIABRIDGECORE_API bool decode(ByteView data, ClientMessage& message, std::string& fault);
SPATIABRIDGECORE_API bool decode(ByteView data, ServerMessage& message, std::string& fault);

}  // namespace spatia
