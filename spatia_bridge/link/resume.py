"""What a client that attaches must be sent. Reads memory, maybe its archive: to be run off the loop."""

from dataclasses import dataclass

from spatia_bridge.errors import NotFoundError, StoreError
from spatia_bridge.link.chunks import ChunkQueue, digest_bytes
from spatia_bridge.link.commands import Attach
from spatia_bridge.link.events import RevisionMade
from spatia_bridge.link.messages import Resume
from spatia_bridge.memory.history import Memory
from spatia_bridge.memory.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Opening:
    """Where a client starts.

    Attributes:
        chunks: marked with what it lacks.
        resumed: it lacks only what changed since its revision; otherwise everything, and it must drop what it has.
        head: the newest revision.
    """

    chunks: ChunkQueue
    resumed: bool
    head: RevisionMade


def open_chunks(memory: Memory, command: Attach) -> Opening:
    """Compare what the client says it holds with the head.

    A claim that does not hold (unknown revision, another digest) is no error: the client gets everything.
    """
    revision = memory.head_revision()
    snapshot = memory.at(revision.number)
    held = _held(memory, command.resume)
    chunks = ChunkQueue(snapshot, held, command.compression, command.credit_bytes, command.batch_bytes, command.tables)
    return Opening(chunks, held is not None, RevisionMade(revision, snapshot, memory.can_undo, memory.can_redo))


def _held(memory: Memory, resume: Resume | None) -> Snapshot | None:
    if resume is None:
        return None
    try:
        snapshot = memory.at(resume.revision)
    except (NotFoundError, StoreError):
        return None
    return snapshot if digest_bytes(snapshot.packed_digest) == resume.digest else None
