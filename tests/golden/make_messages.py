"""Messages and their bytes, as msgpack and as protobuf: what a client in another language must be able to read.

python -m tests.golden.make_messages        writes messages.json again; only when the protocol's version was raised on purpose
"""

import json
from pathlib import Path

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import Stage
from spatia_bridge.memory.history import Cause
from spatia_bridge.wire import maps
from spatia_bridge.wire.convert import serialise

PATH = Path(__file__).with_name("messages.json")
POSE = msg.Pose(msg.Vector3(1.5, 0.0, -2.0), msg.Quaternion(w=1.0))
MESSAGES = {
    "hello": msg.ClientMessage(
        1,
        msg.Hello(
            1,
            "gödot",
            Engine.GODOT,
            "hall",
            True,
            "s3cret",
            msg.Resume(7, bytes(range(32))),
            (msg.Compression.ZSTD, msg.Compression.GZIP),
            4 << 20,
        ),
    ),
    "pose": msg.ClientMessage(0, msg.PoseUpdate(msg.Camera(POSE, msg.Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480), 0.25))),
    "undo": msg.ClientMessage(2, msg.Undo()),
    "unlock the first": msg.ClientMessage(3, msg.Edit(unlock=0)),
    "remove a ball": msg.ClientMessage(4, msg.Edit(remove=msg.Region(msg.Sphere(msg.Vector3(z=-0.0), 0.5)))),
    "integers beyond 2^53": msg.ClientMessage((1 << 53) - 1, msg.Ping(1 << 53)),
    "the largest integer": msg.ClientMessage(5, msg.Ping((1 << 64) - 1)),
    "seed": msg.ClientMessage(6, msg.Seed(msg.View(colour=msg.Image(msg.ImageFormat.RAW, 1, 1, b"\x00\x80\xff")), more=True)),
    "fragment": msg.ClientMessage(6, msg.Fragment(9, 0, 2, b"abc")),
    "welcome": msg.ServerMessage(
        1,
        msg.Welcome(
            1,
            "0.1.0",
            "hall",
            msg.Space((0.01, 0.0, 0.0, 0.0, 0.0, -0.01, 0.0, 0.0, 0.0, 0.0, -0.01, 0.0), 0.04),
            msg.Revision(3, Cause.SEED, 3, "", 0, 1000, 12, bytes(32), {"agreement": 0.5}, can_undo=True),
            (msg.GeneratorInfo("reproject", 832, 480, 25, 4, 16.0),),
            (),
            msg.Compression.GZIP,
            msg.Limits(64 << 20, 240, 64),
        ),
    ),
    "chunk part": msg.ServerMessage(
        0, msg.ChunkPart(msg.ChunkIndex(0, -1, 0, 2), 2, 0, 2, msg.Compression.NONE, 16, bytes(range(16)), bytes(32))
    ),
    "progress": msg.ServerMessage(0, msg.Progress(1, Stage.GENERATING, 3, 25, -1.0, 1, 2, 4)),
    "error": msg.ServerMessage(8, msg.Error("REJECTED_UPDATE", "it disagrees", "look at it", details={"agreement": 0.125})),
    "nothing": msg.ServerMessage(),
}


def entries() -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "type": type(message).__name__,
            "msgpack_hex": maps.pack(message).hex(),
            "protobuf_hex": serialise(message).hex(),
        }
        for name, message in MESSAGES.items()
    ]


if __name__ == "__main__":
    PATH.write_text(json.dumps(entries(), indent=1) + "\n")
