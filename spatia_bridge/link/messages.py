"""The messages of the live link and of management, free of any transport: one dataclass a proto message, with its field names.

`wire` converts them generically, so the rules are strict. A field has the proto field's name. A sub-message is `X | None` (absent
= None), a repeated field a tuple, a map a Mapping, an enum `E | None` (None = unspecified; members carry the proto names without
their prefix). A oneof of distinct messages is one field with the oneof's name and the union as its type; the members of any other
oneof stay fields, None where absent. What a field means stands in `protos/spatia/v1/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link.events import Stage, TakeState
from spatia_bridge.memory.history import Cause

PROTOCOL_VERSION = 1


class ImageFormat(Enum):
    """How an Image's data is written."""

    PNG = "png"
    JPEG = "jpeg"
    RAW = "raw"
    RAW_RGBA8 = "raw_rgba8"
    FLOAT16_ZSTD = "float16_zstd"


class RowOrder(Enum):
    """Which row of a raw image comes first; None means TOP_DOWN."""

    TOP_DOWN = "top_down"
    BOTTOM_UP = "bottom_up"


class ColourSpace(Enum):
    """What colour values are proportional to; None means SRGB."""

    SRGB = "srgb"
    LINEAR = "linear"


class DepthConvention(Enum):
    """Along which line depth is measured; None means PLANAR."""

    PLANAR = "planar"
    RAY = "ray"


class Compression(Enum):
    """Of chunk parts; values are `codec.compression`'s names. None means NONE."""

    NONE = "none"
    ZSTD = "zstd"
    GZIP = "gzip"


# ---------------------------------------------------------------------------------------------------------------- geometry


@dataclass(frozen=True, slots=True)
class Vector3:
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


@dataclass(frozen=True, slots=True)
class Quaternion:
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    w: float = 0.0


@dataclass(frozen=True, slots=True)
class Pose:
    position: Vector3 | None = None
    rotation: Quaternion | None = None


@dataclass(frozen=True, slots=True)
class Intrinsics:
    fx: float = 0.0
    fy: float = 0.0
    cx: float = 0.0
    cy: float = 0.0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Camera:
    pose: Pose | None = None
    intrinsics: Intrinsics | None = None
    time_secs: float = 0.0


@dataclass(frozen=True, slots=True)
class Box:
    pose: Pose | None = None
    half_size: Vector3 | None = None


@dataclass(frozen=True, slots=True)
class Sphere:
    centre: Vector3 | None = None
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Region:
    shape: Box | Sphere | None = None


@dataclass(frozen=True, slots=True)
class Space:
    client_from_chunk: tuple[float, ...] = ()
    voxel_size_m: float = 0.0
    mirrored: bool = False


# ------------------------------------------------------------------------------------------------------------------ images


@dataclass(frozen=True, slots=True)
class Image:
    format: ImageFormat | None = None
    width: int = 0
    height: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class View:
    camera: Camera | None = None
    colour: Image | None = None
    colour_space: ColourSpace | None = None
    depth: Image | None = None
    depth_convention: DepthConvention | None = None
    metres_per_unit: float = 0.0
    object_ids: Image | None = None
    dynamic: Image | None = None
    row_order: RowOrder | None = None


# --------------------------------------------------------------------------------------------------------- client messages


@dataclass(frozen=True, slots=True)
class Resume:
    revision: int = 0
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Hello:
    protocol_version: int = 0
    client_name: str = ""
    engine: Engine | None = None
    session: str = ""
    create: bool = False
    token: str = ""
    resume: Resume | None = None
    compressions: tuple[Compression | None, ...] = ()
    credit_bytes: int = 0
    push_frames: bool = False
    batch_chunks: bool = False
    batch_bytes: int = 0
    chunk_tables: bool = False
    packet_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PoseUpdate:
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class Record:
    on: bool = False


@dataclass(frozen=True, slots=True)
class Seed:
    view: View | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Trajectory:
    cameras: tuple[Camera, ...] = ()


@dataclass(frozen=True, slots=True)
class Generate:
    prompt: str = ""
    seed: int = 0
    generator: str = ""
    trajectory: Trajectory | None = None
    clips: int = 0
    auto_accept: bool = False
    width: int = 0
    height: int = 0
    trajectory_name: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    job: int = 0


@dataclass(frozen=True, slots=True)
class Accept:
    take: int = 0


@dataclass(frozen=True, slots=True)
class Discard:
    take: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    region: Region | None = None
    motion: Pose | None = None
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Recolour:
    region: Region | None = None
    rgb: int = 0
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class Insert:
    count: int = 0
    positions: bytes = b""
    rgb: bytes = b""
    diameters: bytes = b""


@dataclass(frozen=True, slots=True)
class Ruler:
    start: Vector3 | None = None
    end: Vector3 | None = None
    metres: float = 0.0


@dataclass(frozen=True, slots=True)
class Realign:
    scale: float = 0.0
    down: Vector3 | None = None
    ruler: Ruler | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """At most one of them is not None."""

    remove: Region | None = None
    lock: Region | None = None
    unlock: int | None = None
    move: Move | None = None
    recolour: Recolour | None = None
    insert: Insert | None = None
    realign: Realign | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    pass


@dataclass(frozen=True, slots=True)
class Redo:
    pass


@dataclass(frozen=True, slots=True)
class Credit:
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class LiveView:
    on: bool = False
    width: int = 0
    height: int = 0
    max_rate_hz: float = 0.0
    depth: bool = False


@dataclass(frozen=True, slots=True)
class FetchFrames:
    take: int = 0
    first: int = 0
    count: int = 0
    depth: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    nonce: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    id: int = 0
    part: int = 0
    parts: int = 0
    data: bytes = b""


ClientBody = (
    Hello
    | PoseUpdate
    | Record
    | Seed
    | Generate
    | Cancel
    | Accept
    | Discard
    | Edit
    | Undo
    | Redo
    | Credit
    | LiveView
    | FetchFrames
    | Ping
    | Fragment
)


@dataclass(frozen=True, slots=True)
class ClientMessage:
    request_id: int = 0
    body: ClientBody | None = None


# --------------------------------------------------------------------------------------------------------- server messages


@dataclass(frozen=True, slots=True)
class GeneratorInfo:
    name: str = ""
    width: int = 0
    height: int = 0
    new_frames: int = 0
    preceding_frames: int = 0
    fps: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    max_message_bytes: int = 0
    max_pose_rate_hz: int = 0
    max_views_per_seed: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    revision: int = 0
    take: int = 0
    job: int = 0


@dataclass(frozen=True, slots=True)
class Error:
    code: str = ""
    message: str = ""
    remedy: str = ""
    fatal: bool = False
    job: int = 0
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revision:
    number: int = 0
    cause: Cause | None = None
    content_of: int = 0
    note: str = ""
    take: int = 0
    points: int = 0
    chunks: int = 0
    digest: bytes = b""
    health: Mapping[str, float] = field(default_factory=dict)
    can_undo: bool = False
    can_redo: bool = False
    locks: int = 0


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    level: int = 0
    x: int = 0
    y: int = 0
    z: int = 0


@dataclass(frozen=True, slots=True)
class ChunkPart:
    index: ChunkIndex | None = None
    total_points: int = 0
    first: int = 0
    count: int = 0
    compression: Compression | None = None
    raw_size: int = 0
    data: bytes = b""
    packed_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class ChunkParts:
    parts: tuple[ChunkPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ChunkTable:
    rows: bytes = b""
    data: bytes = b""
    synced: "Synced | None" = None


@dataclass(frozen=True, slots=True)
class ChunksRemoved:
    indexes: tuple[ChunkIndex, ...] = ()


@dataclass(frozen=True, slots=True)
class Synced:
    revision: int = 0
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Progress:
    job: int = 0
    stage: Stage | None = None
    done: int = 0
    total: int = 0
    remaining_secs: float = 0.0
    clip: int = 0
    clips: int = 0
    take: int = 0
    error: Error | None = None
    preview: Image | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    take: int = 0
    frame: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    number: int = 0
    state: TakeState | None = None
    frames_done: int = 0
    frames_total: int = 0
    prompt: str = ""
    seed: int = 0
    generator: str = ""
    base_revision: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    references: tuple[Reference, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class TakeFrame:
    take: int = 0
    number: int = 0
    colour: Image | None = None
    depth: Image | None = None
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class LiveProjection:
    pose_time_secs: float = 0.0
    revision: int = 0
    colour: Image | None = None
    depth: Image | None = None
    coverage: float = 0.0
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    on: bool = False
    poses: int = 0
    duration_secs: float = 0.0


@dataclass(frozen=True, slots=True)
class Pong:
    nonce: int = 0


@dataclass(frozen=True, slots=True)
class Welcome:
    protocol_version: int = 0
    server_version: str = ""
    session: str = ""
    space: Space | None = None
    revision: Revision | None = None
    generators: tuple[GeneratorInfo, ...] = ()
    takes: tuple[Take, ...] = ()
    compression: Compression | None = None
    limits: Limits | None = None
    resumed: bool = False
    recording: Recording | None = None


ServerBody = (
    Welcome
    | Done
    | Error
    | Revision
    | Space
    | ChunkPart
    | ChunkParts
    | ChunkTable
    | ChunksRemoved
    | Synced
    | Progress
    | Take
    | TakeFrame
    | LiveProjection
    | Recording
    | Pong
    | Fragment
)


@dataclass(frozen=True, slots=True)
class ServerMessage:
    request_id: int = 0
    body: ServerBody | None = None
