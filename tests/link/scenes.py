"""Memories and links for tests of the live link: chunks of random points, no fusion, no session."""

import numpy as np

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import commands
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import RevisionMade
from spatia_bridge.link.link import Attachment, Link
from spatia_bridge.link.resume import open_chunks
from spatia_bridge.memory import RECORD, Chunk, ChunkIndex, Memory, Revision, Update

PLENTY = 1 << 40


def chunk(index: ChunkIndex, points: int, seed: int = 0) -> Chunk:
    """A chunk of that many points in random voxels."""
    rng = np.random.default_rng([seed, points, *(i & 0xFFFFFFFF for i in index)])
    voxels = rng.choice(64**3, points, replace=False)
    records = np.zeros(points, RECORD)
    records["xyz"] = np.stack([voxels % 64, voxels // 64 % 64, voxels // 4096], axis=1) * 4 + 1
    records["rgb"] = rng.integers(0, 256, (points, 3))
    records["footprint"], records["confidence"] = 128, 200
    return Chunk(index, records)


def commit(memory: Memory, *changes: tuple[ChunkIndex, Chunk | None], voxel_size_m: float | None = None) -> Revision:
    return memory.commit(Update(dict(changes), voxel_size_m=voxel_size_m), memory.snapshot())


def event_of(memory: Memory) -> RevisionMade:
    return RevisionMade(memory.head_revision(), memory.snapshot(), memory.can_undo, memory.can_redo)


def hello(credit_bytes: int = PLENTY, resume: msg.Resume | None = None, **more) -> msg.ClientMessage:
    fields = {
        "protocol_version": 1,
        "client_name": "test",
        "engine": Engine.OPENCV,
        "session": "s",
        "create": True,
        "compressions": (msg.Compression.ZSTD,),
        "credit_bytes": credit_bytes,
        "resume": resume,
    }
    return msg.ClientMessage(1, msg.Hello(**{**fields, **more}))


def attach(link: Link, memory: Memory, message: msg.ClientMessage | None = None, **attachment) -> None:
    """Say hello and answer it as a driver would."""
    (command,) = link.receive(message or hello(), 0.0)
    assert isinstance(command, commands.Attach)
    link.attach(Attachment(command.session, open_chunks(memory, command), **attachment))


def opened(memory: Memory, message: msg.ClientMessage | None = None, **attachment) -> Link:
    """A link past its welcome, the welcome not pulled yet."""
    link = Link()
    attach(link, memory, message, **attachment)
    return link


def pull(link: Link, now: float = 0.0, limit: int = 100_000) -> list[msg.ServerMessage]:
    """All messages there are."""
    messages = []
    while len(messages) < limit and (message := link.next_message(now)) is not None:
        messages.append(message)
    return messages


def bodies(link: Link, kind: type, now: float = 0.0) -> list:
    return [m.body for m in pull(link, now) if isinstance(m.body, kind)]


def fed(messages: list[msg.ServerMessage], mirror: PointMirror | None = None) -> PointMirror:
    """A mirror that took these messages."""
    mirror = mirror or PointMirror()
    for message in messages:
        mirror.apply(message.body)
    return mirror


def same(mirror: PointMirror, memory: Memory) -> bool:
    """Byte for byte."""
    return dict(mirror.chunks) == {index: each.packed() for index, each in memory.snapshot().chunks.items()}
