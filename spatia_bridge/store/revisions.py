"""The journal of revisions: chunk blobs, which place holds which blob from when on, and the revisions themselves.

A revision writes a row for each chunk that it changes and nothing for the others; the content of revision n is, for every place,
the newest row with a revision of at most n. That is one index search a place, so looking back costs O(places), not O(revisions).

Pruning drops the rows that no revision from the oldest kept one on looks at, and the blobs that none of the rest names.
"""

import hashlib
import sqlite3
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spatia_bridge.codec.compact import decode_compact, encode_compact
from spatia_bridge.errors import ConflictError, NotFoundError
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.history import DEFAULT_VOXEL_SIZE_M, Cause, Revision, pruned_error
from spatia_bridge.memory.regions import Region
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.store.clips import accept_clip_of
from spatia_bridge.store.database import Database, seal, unseal
from spatia_bridge.store.faults import damaged, parsed
from spatia_bridge.store.values import (
    plain_numbers,
    plain_region,
    plain_similarity,
    region_from_plain,
    similarity_from_plain,
)

_CONTENT = """
SELECT places.level, places.x, places.y, places.z, blobs.id, blobs.hash FROM places JOIN blobs ON blobs.id = (
    SELECT blob FROM chunk_at WHERE place = places.id AND revision <= ? ORDER BY revision DESC LIMIT 1)
"""
_CHANGED = "SELECT revision, level, x, y, z FROM chunk_at JOIN places ON places.id = place WHERE revision >= ?"
# What a place held before the oldest kept revision K: only the newest row up to K is looked at, and one that says "nothing" is
# as good as none. In this order, so that no older row comes to the fore.
_PRUNE = (
    """
    DELETE FROM chunk_at WHERE revision < :oldest AND EXISTS (
        SELECT 1 FROM chunk_at AS later
        WHERE later.place = chunk_at.place AND later.revision > chunk_at.revision AND later.revision <= :oldest)
    """,
    "DELETE FROM chunk_at WHERE revision < :oldest AND blob IS NULL",
    "DELETE FROM places WHERE id NOT IN (SELECT place FROM chunk_at)",
)
UNUSED_BLOBS = "DELETE FROM blobs WHERE id NOT IN (SELECT blob FROM chunk_at WHERE blob IS NOT NULL)"


class RevisionLog:
    """What `memory.history.Memory` asks of a journal and an archive. Safe across threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing = threading.Lock()  # between looking which blobs there are and naming them none may be pruned
        # What the process still holds is shared, not read again: snapshots from the archive then share chunks and regions with
        # the head, which compares them by identity first.
        self._chunks: weakref.WeakValueDictionary[tuple[ChunkIndex, bytes], Chunk] = weakref.WeakValueDictionary()
        self._regions: weakref.WeakValueDictionary[int, Region] = weakref.WeakValueDictionary()
        self._region_ids: weakref.WeakKeyDictionary[Region, int] = weakref.WeakKeyDictionary()

    def journal(self, revision: Revision, snapshot: Snapshot) -> None:
        """Keep a revision: when this returns it is on the disk; when it raises nothing of it is.

        Raises:
            ConflictError: the revision does not follow the newest one, or names a take that is not stored or was discarded.
            StoreError: disk full, no permission, damaged.
        """
        changed = [(index, snapshot.chunks.get(index)) for index in sorted(revision.changed)]
        with self._writing:
            regions = self._write(revision, snapshot, changed)
        self._remember((chunk for _, chunk in changed if chunk is not None), regions)

    def _write(self, revision: Revision, snapshot: Snapshot, changed: list[tuple[ChunkIndex, Chunk | None]]) -> dict[Region, int]:
        """The ids of the regions, which hold once this has returned."""
        fresh = self._encode_unknown(chunk for _, chunk in changed if chunk is not None)
        with self._database.transaction() as connection:
            newest = self._database.session_row()["revisions"]
            if revision.number != newest + 1:
                raise ConflictError(f"revision {revision.number} does not follow revision {newest}", "open the session again")
            regions = {region: self._region_id(connection, region) for region in snapshot.protected()}
            body = _plain_revision(revision, snapshot, regions)
            connection.execute("INSERT INTO revisions VALUES (?, ?)", (revision.number, seal(body)))
            connection.executemany("INSERT OR IGNORE INTO blobs (hash, data) VALUES (?, ?)", fresh)
            _write_places(connection, revision.number, changed)
            accept_clip_of(connection, revision)
            self._database.touch_session_row(connection, revisions=revision.number, points=snapshot.points)
        return regions

    @property
    def oldest(self) -> int:
        """The oldest revision whose content is kept."""
        return int(self._database.session_row().get("oldest", 1))

    @contextmanager
    def pruning(self, oldest: int) -> Iterator[sqlite3.Connection]:
        """Drop the content of the revisions before `oldest`, in one transaction with what the block does.

        Their rows stay, and so do regions: both are small, and say what there was.

        Raises:
            ConflictError: there is no such revision. StoreError: disk full, no permission, damaged.
        """
        with self._writing, self._database.transaction() as connection:
            row = self._database.session_row()
            if not 1 <= oldest <= max(row["revisions"], 1):
                raise ConflictError(f"revision {oldest} cannot be the oldest", f"use 1 to {row['revisions']}")
            for statement in _PRUNE:
                connection.execute(statement, {"oldest": oldest} if ":oldest" in statement else {})
            connection.execute(UNUSED_BLOBS)
            yield connection
            self._database.touch_session_row(connection, oldest=max(oldest, row.get("oldest", 1)))

    def _encode_unknown(self, chunks: Iterable[Chunk]) -> list[tuple[bytes, bytes]]:
        """(hash, data) of the chunks that the database lacks. Outside the transaction: readers need not wait for it."""
        by_hash = {chunk.record_hash: chunk for chunk in chunks}
        with self._database.reading():
            known = {h for h in by_hash if self._database.row("SELECT 1 FROM blobs WHERE hash = ?", (h,))}
        return [(h, encode_compact(chunk)) for h, chunk in by_hash.items() if h not in known]

    def _region_id(self, connection: sqlite3.Connection, region: Region) -> int:
        known = self._region_ids.get(region)
        if known is not None:
            return known
        body = seal(plain_region(region))
        digest = hashlib.sha256(body).digest()
        connection.execute("INSERT OR IGNORE INTO regions (hash, body) VALUES (?, ?)", (digest, body))
        return int(connection.execute("SELECT id FROM regions WHERE hash = ?", (digest,)).fetchone()[0])

    def _remember(self, chunks: Iterable[Chunk], regions: dict[Region, int]) -> None:
        for chunk in chunks:
            self._chunks[chunk.index, chunk.record_hash] = chunk
        for region, number in regions.items():
            self._region_ids[region] = number
            self._regions.setdefault(number, region)

    def load(self) -> tuple[list[Revision], Snapshot]:
        """Revisions 1…n, and the content of the last, verified against its digest.

        Reads every chunk of the head and one row a revision and changed chunk: O(points + history), once, at open.

        Raises:
            StoreError: something is missing or damaged, by name.
        """
        with self._database.reading():
            rows = self._database.rows("SELECT number, body FROM revisions ORDER BY number")
            changed: defaultdict[int, list[ChunkIndex]] = defaultdict(list)
            for number, *index in self._database.rows(_CHANGED, (self.oldest,)):
                changed[number].append(ChunkIndex(*index))
            count = self._database.session_row()["revisions"]
            if [number for number, _ in rows] != list(range(1, count + 1)):
                raise damaged(f"{self._database.what} has {len(rows)} revision rows where there must be {count}")
            revisions = [self._revision(number, body, changed[number])[0] for number, body in rows]
            return revisions, self.archive(count)

    def archive(self, number: int) -> Snapshot:
        """The content of any past revision, verified against its digest; 0 is the empty start.

        Costs one index search for every place that ever held a chunk, plus reading the chunks that no living snapshot has.

        Raises:
            NotFoundError: there is no such revision, or it was pruned.
            StoreError: something is missing or damaged, by name.
        """
        if number == 0:
            return Snapshot(DEFAULT_VOXEL_SIZE_M)
        with self._database.reading():
            if 0 < number < self.oldest:
                raise pruned_error(number, self.oldest)
            found = self._database.row("SELECT body FROM revisions WHERE number = ?", (number,))
            if found is None:
                raise NotFoundError(f"there is no revision {number}", "ask for one that the session lists")
            revision, extra = self._revision(number, found[0], ())
            chunks = [self._chunk(ChunkIndex(*index), blob, digest) for *index, blob, digest in self._content(number)]
            with parsed(f"revision {number}"):
                voxel_size_m, lock_ids, tombstone_ids, alignment = extra
                locks, tombstones = self._read_regions(lock_ids), self._read_regions(tombstone_ids)
                snapshot = Snapshot(voxel_size_m, alignment=similarity_from_plain(alignment)).with_changes(
                    {chunk.index: chunk for chunk in chunks}, locks=locks, tombstones=tombstones, revision=number
                )
        if f"{snapshot.record_digest:064x}" != revision.digest or len(snapshot.chunks) != revision.chunks:
            raise damaged(
                f"{self._database.what}: revision {number} has {len(snapshot.chunks)} chunks with digest "
                f"{snapshot.record_digest:064x}, it was committed with {revision.chunks} and {revision.digest}"
            )
        return snapshot

    def _content(self, number: int) -> list[tuple[Any, ...]]:
        return self._database.rows(_CONTENT, (number,))

    def _chunk(self, index: ChunkIndex, blob: int, digest: bytes) -> Chunk:
        chunk = self._chunks.get((index, digest))
        if chunk is None:
            what = f"{self._database.what}: chunk {tuple(index)}"
            found = self._database.row("SELECT data FROM blobs WHERE id = ?", (blob,))
            if found is None:
                raise damaged(f"{what} has lost its blob")
            with parsed(what):
                chunk = decode_compact(index, found[0], expect_hash=digest)
            self._chunks[index, digest] = chunk
        return chunk

    def _read_regions(self, ids: Sequence[int]) -> tuple[Region, ...]:
        regions = []
        for number in ids:
            region = self._regions.get(number)
            if region is None:
                found = self._database.row("SELECT body FROM regions WHERE id = ?", (number,))
                if found is None:
                    raise ValueError(f"region {number} is missing")
                region = region_from_plain(unseal(found[0], f"region {number}"))
                self._regions[number] = region
                self._region_ids[region] = number
            regions.append(region)
        return tuple(regions)

    def _revision(self, number: int, body: bytes, changed: Iterable[ChunkIndex]) -> tuple[Revision, list[Any]]:
        """The revision; its voxel size, region ids and alignment."""
        what = f"{self._database.what}: revision {number}"
        with parsed(what):
            stated, cause, content_of, note, clip, points, chunks, digest, health, *extra = unseal(body, what)
            if stated != number:
                raise ValueError(f"it says that it is revision {stated}")
            revision = Revision(
                number, Cause(cause), content_of, note, clip, points, chunks, digest, frozenset(changed), dict(health)
            )
        return revision, extra[:4]


def _plain_revision(revision: Revision, snapshot: Snapshot, regions: dict[Region, int]) -> list[Any]:
    return [
        revision.number,
        revision.cause.value,
        revision.content_of,
        revision.note,
        revision.clip,
        revision.points,
        revision.chunks,
        revision.digest,
        plain_numbers(revision.health),
        float(snapshot.voxel_size_m),
        [regions[region] for region in snapshot.locks],
        [regions[region] for region in snapshot.tombstones],
        plain_similarity(snapshot.alignment),
        time.time(),
    ]


def _write_places(connection: sqlite3.Connection, number: int, changed: list[tuple[ChunkIndex, Chunk | None]]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO places (level, x, y, z) VALUES (?, ?, ?, ?)", [tuple(map(int, index)) for index, _ in changed]
    )
    connection.executemany(
        "INSERT INTO chunk_at VALUES ((SELECT id FROM places WHERE level = ? AND x = ? AND y = ? AND z = ?), ?, "
        "(SELECT id FROM blobs WHERE hash = ?))",
        [(*map(int, index), number, None if chunk is None else chunk.record_hash) for index, chunk in changed],
    )
