"""The chunk queue: parts, credit, order, coalescing, removals, resume."""

import numpy as np
import pytest

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.codec.compression import decompress
from spatia_bridge.codec.tables import read_table, write_table
from spatia_bridge.errors import CodecError
from spatia_bridge.link import messages as msg
from spatia_bridge.link.chunks import ChunkQueue, digest_bytes
from spatia_bridge.link.limits import (
    BATCH_BYTES,
    COARSE_POINTS,
    MAX_BATCH_BYTES,
    PART_POINTS,
    REMOVED_BATCH,
    RESORT_SECS,
    TABLE_PARTS,
)
from spatia_bridge.link.messages import Compression
from spatia_bridge.link.priority import Backlog, spheres_in_view
from spatia_bridge.memory import ChunkIndex, Memory
from tests.link.scenes import PLENTY, bodies, chunk, commit, event_of, fed, hello, opened, pull, same
from tests.worlds import camera

A, B, C = ChunkIndex(0, 0, 0, 0), ChunkIndex(0, 1, 0, 0), ChunkIndex(1, -3, 2, 5)


def memory_of(*chunks, voxel_size_m=0.05):
    memory = Memory()
    commit(memory, *((each.index, each) for each in chunks), voxel_size_m=voxel_size_m)
    return memory


def index_of(part):
    return ChunkIndex(part.index.level, part.index.x, part.index.y, part.index.z)


def test_parts_of_one_chunk():
    memory = memory_of(chunk(A, 12_000))
    link = opened(memory)
    parts = bodies(link, msg.ChunkPart)
    assert [(p.first, p.count) for p in parts] == [
        (0, COARSE_POINTS),
        (COARSE_POINTS, PART_POINTS),
        (COARSE_POINTS + PART_POINTS, PART_POINTS),
        (COARSE_POINTS + 2 * PART_POINTS, 12_000 - COARSE_POINTS - 2 * PART_POINTS),
    ]
    held = memory.snapshot().chunks[A]
    raw = b"".join(decompress(p.compression.value, p.data, p.raw_size, 1 << 20) for p in parts)
    assert raw == held.packed()
    assert {p.packed_hash for p in parts} == {held.packed_hash}
    assert {p.total_points for p in parts} == {12_000}
    assert all(p.raw_size == 8 * p.count and len(p.data) <= 40 * 1024 for p in parts)


@pytest.mark.parametrize("compression", list(Compression))
def test_compressions(compression):
    memory = memory_of(chunk(A, 5000))
    mirror = fed(pull(opened(memory, hello(compressions=(compression,)))))
    assert mirror.clean and same(mirror, memory)
    none = pull(opened(memory, hello(compressions=())))
    assert {m.body.compression for m in none if isinstance(m.body, msg.ChunkPart)} == {Compression.NONE}


def test_coarse_parts_of_everything_come_before_the_fine_rest():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 2000) for x in range(5)))
    parts = bodies(opened(memory), msg.ChunkPart)
    assert [p.first for p in parts] == [0] * 5 + [COARSE_POINTS] * 5


def test_what_is_in_view_and_near_comes_first():
    memory = memory_of(*(chunk(ChunkIndex(0, 0, 0, z), 100) for z in range(-4, 4)))
    link = opened(memory)
    link._opening.chunks.look(camera(eye=(1.6, 1.6, 0.1), target=(1.6, 1.6, 5)))
    order = [index_of(p).z for p in bodies(link, msg.ChunkPart)]
    assert order == [0, -1, 1, 2, 3, -2, -3, -4]  # the sphere around -1 reaches into the view


def test_the_order_follows_the_camera_but_not_at_every_pose():
    memory = memory_of(*(chunk(ChunkIndex(0, 0, 0, z), 100) for z in range(-9, 9)))
    link = opened(memory)
    queue = link._opening.chunks
    queue.look(camera(eye=(1.6, 1.6, 0.1), target=(1.6, 1.6, 50)))
    assert index_of(queue.next_body(1.0)).z == 0
    queue.look(camera(eye=(1.6, 1.6, -0.1), target=(1.6, 1.6, -50)))
    assert index_of(queue.next_body(1.0 + RESORT_SECS / 2)).z == -1
    assert index_of(queue.next_body(1.01 + RESORT_SECS)).z == -2


def test_spheres_in_view():
    view = camera(eye=(0, 0, 0), target=(0, 0, 1))
    rng = np.random.default_rng(3)
    points = rng.uniform(-5, 5, (500, 3))
    pixels, depth = view.project(points)
    inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels[:, 0] <= 96) & (pixels[:, 1] <= 64)
    assert np.array_equal(spheres_in_view(view, points.T, np.zeros(500)), inside)
    assert spheres_in_view(view, points.T, np.full(500, 20.0)).all()


def test_credit_is_never_exceeded_and_slivers_are_saved_up():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 3000) for x in range(4)))
    link = opened(memory, hello(10_000))
    messages, credit = pull(link), 10_000
    while not isinstance(messages[-1].body, msg.Synced):
        sent = sum(len(m.body.data) for m in messages if isinstance(m.body, msg.ChunkPart))
        assert sent <= credit
        assert credit - sent < 8 * COARSE_POINTS or sent == 0
        link.receive(msg.ClientMessage(0, msg.Credit(700)), 0.0)
        credit += 700
        messages += pull(link)
    assert same(fed(messages), memory)
    parts = [m.body for m in messages if isinstance(m.body, msg.ChunkPart)]
    assert all(part.raw_size >= 1024 or part.first + part.count == part.total_points for part in parts)


def test_no_credit_no_chunks_but_everything_else():
    memory = memory_of(chunk(A, 10))
    link = opened(memory, hello(0))
    assert [type(m.body) for m in pull(link)] == [msg.Welcome]
    commit(memory, (B, chunk(B, 10)))
    link.notify(event_of(memory))
    assert [type(m.body) for m in pull(link)] == [msg.Revision]
    link.receive(msg.ClientMessage(0, msg.Credit(2**63)), 0.0)
    assert [type(m.body) for m in pull(link)] == [msg.ChunkPart, msg.ChunkPart, msg.Synced]


def test_changes_that_wait_are_sent_once():
    memory = memory_of(chunk(A, 100))
    link = opened(memory, hello(0))
    for seed in range(10):
        commit(memory, (A, chunk(A, 200, seed)))
        link.notify(event_of(memory))
    link.receive(msg.ClientMessage(0, msg.Credit(PLENTY)), 0.0)
    messages = pull(link)
    assert len([m for m in messages if isinstance(m.body, msg.ChunkPart)]) == 1
    assert same(fed(messages), memory)


def test_what_changes_and_changes_back_costs_nothing():
    memory = memory_of(chunk(A, 3000))
    link = opened(memory)
    mirror = fed(pull(link))
    commit(memory, (A, chunk(A, 3000, 5)), (B, chunk(B, 5)))
    link.notify(event_of(memory))
    memory.undo()
    link.notify(event_of(memory))
    after = pull(link)
    assert [type(m.body) for m in after] == [msg.Revision, msg.Revision, msg.Synced]
    assert same(fed(after, mirror), memory)


def test_a_chunk_that_changes_half_way_begins_again():
    memory = memory_of(chunk(A, 9000))
    link = opened(memory, hello(8 * 2000, compressions=()))
    messages = pull(link)
    commit(memory, (A, chunk(A, 4000, 1)))
    link.notify(event_of(memory))
    link.receive(msg.ClientMessage(0, msg.Credit(PLENTY)), 0.0)
    messages += pull(link)
    firsts = [m.body.first for m in messages if isinstance(m.body, msg.ChunkPart)]
    assert firsts.count(0) == 2
    assert same(fed(messages), memory)


def test_a_chunk_that_changes_back_half_way_is_sent_again():
    memory = memory_of(chunk(A, 3000))
    link = opened(memory, hello(8 * 4000, compressions=()))
    mirror = fed(pull(link))
    commit(memory, (A, chunk(A, 3000, 1)))
    link.notify(event_of(memory))
    fed(pull(link), mirror)
    assert A not in mirror.chunks  # its new version is begun
    memory.undo()
    link.notify(event_of(memory))
    link.receive(msg.ClientMessage(0, msg.Credit(PLENTY)), 0.0)
    assert same(fed(pull(link), mirror), memory)


def test_removed_chunks_go_in_batches_and_before_new_ones():
    many = [ChunkIndex(0, x, 0, z) for x in range(30) for z in range(30)]
    one = chunk(A, 5)
    memory = memory_of(*(type(one)(index, one.records) for index in many))
    link = opened(memory)
    mirror = fed(pull(link))
    commit(memory, *((index, None) for index in many[1:]), (C, chunk(C, 5)))
    link.notify(event_of(memory))
    messages = pull(link)
    assert [type(m.body) for m in messages] == [msg.Revision, msg.ChunksRemoved, msg.ChunksRemoved, msg.ChunkPart, msg.Synced]
    assert len(messages[1].body.indexes) == REMOVED_BATCH
    assert same(fed(messages, mirror), memory)


def test_a_chunk_that_goes_and_comes_back_unheard_of():
    """Held complete, or begun: the client must end with it, and need not be told in between."""
    memory = memory_of(chunk(A, 300), chunk(B, 3000))
    link = opened(memory, hello(8 * 1000, compressions=()))
    mirror = fed(pull(link))
    assert A in mirror.chunks and B in mirror.shown and B not in mirror.chunks
    commit(memory, (A, None), (B, None), (C, chunk(C, 1)))
    link.notify(event_of(memory))
    memory.undo()
    link.notify(event_of(memory))
    link.receive(msg.ClientMessage(0, msg.Credit(PLENTY)), 0.0)
    messages = pull(link)
    parts = [m.body for m in messages if isinstance(m.body, msg.ChunkPart)]
    assert [(index_of(p), p.first) for p in parts] == [(B, 700)]
    assert same(fed(messages, mirror), memory)


def test_a_chunk_never_sent_is_never_removed():
    memory = memory_of(chunk(A, 5), chunk(B, 5))
    link = opened(memory, hello(0))
    commit(memory, (A, None))
    link.notify(event_of(memory))
    link.receive(msg.ClientMessage(0, msg.Credit(PLENTY)), 0.0)
    assert not [m for m in pull(link) if isinstance(m.body, msg.ChunksRemoved)]


def test_an_edit_without_chunks_is_synced_too():
    from spatia_bridge.memory import LockRegion, Sphere

    memory = memory_of(chunk(A, 5))
    link = opened(memory)
    pull(link)
    memory.edit(LockRegion(Sphere(np.zeros(3), 1.0)))
    link.notify(event_of(memory))
    revision, synced = pull(link)
    assert revision.body.locks == 1
    assert synced.body == msg.Synced(2, digest_bytes(memory.snapshot().packed_digest))


def test_old_news_is_ignored_and_a_gap_is_bridged():
    memory = memory_of(chunk(A, 5))
    link = opened(memory)
    mirror = fed(pull(link))
    link.notify(event_of(memory))  # the revision of the welcome
    assert pull(link) == []
    commit(memory, (A, chunk(A, 6)))
    commit(memory, (B, chunk(B, 6)))
    link.notify(event_of(memory))
    assert same(fed(pull(link), mirror), memory)


def test_the_first_seed_tells_where_the_points_lie():
    memory = Memory()
    link = opened(memory)
    assert pull(link)[0].body.space.voxel_size_m == 0.02
    commit(memory, (A, chunk(A, 5)), voxel_size_m=0.125)
    link.notify(event_of(memory))
    messages = pull(link)
    assert [type(m.body) for m in messages] == [msg.Space, msg.Revision, msg.ChunkPart, msg.Synced]
    assert messages[0].body.voxel_size_m == 0.125


def test_resume_gives_what_a_full_sync_gives():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 700) for x in range(6)))
    mirror = fed(pull(opened(memory)))
    commit(memory, (A, chunk(A, 800)), (B, None), (C, chunk(C, 3)))
    link = opened(memory, hello(resume=mirror.resume()))
    messages = pull(link)
    assert messages[0].body.resumed
    assert {index_of(m.body) for m in messages if isinstance(m.body, msg.ChunkPart)} == {A, C}
    assert same(fed(messages, mirror), memory)
    assert fed(pull(opened(memory))).synced == mirror.synced


def test_resume_after_a_broken_transfer_goes_back_to_what_was_synced():
    memory = memory_of(chunk(A, 700), chunk(B, 700))
    mirror = fed(pull(opened(memory)))
    commit(memory, (A, chunk(A, 9000, 1)), (B, None))
    link = opened(memory, hello(20_000, resume=mirror.resume(), compressions=()))
    fed(pull(link), mirror)
    assert not mirror.clean and B not in mirror.chunks
    memory.undo()  # so nothing differs from what was synced, and nothing will come
    link = opened(memory, hello(resume=mirror.resume()))
    messages = pull(link)
    assert [type(m.body) for m in messages] == [msg.Welcome, msg.Synced]
    assert same(fed(messages, mirror), memory)


@pytest.mark.parametrize("claim", [msg.Resume(1, bytes(32)), msg.Resume(99, bytes(32))])
def test_a_wrong_claim_gets_everything(claim):
    memory = memory_of(chunk(A, 5))
    messages = pull(opened(memory, hello(resume=claim)))
    assert not messages[0].body.resumed
    assert same(fed(messages), memory)


def test_a_big_backlog_is_forgotten_as_it_is_sent():
    backlog = Backlog(0.05)
    indexes = [ChunkIndex(0, x, y, 0) for x in range(80) for y in range(80)]
    backlog.add(indexes)
    order = []
    while (index := backlog.first(0.0)) is not None:
        order.append(index)
        backlog.discard(index)
    assert sorted(order) == sorted(indexes)
    assert len(backlog._indexes) <= 1024
    distances = [np.hypot(i.x + 0.5, i.y + 0.5) for i in order]
    assert np.allclose(distances, sorted(distances))


def test_a_part_is_never_larger_than_its_points():
    """Little does not compress; credit counts on it."""
    memory = memory_of(chunk(A, 30_000), chunk(B, 1))
    queue = ChunkQueue(memory.snapshot(), None, Compression.GZIP, PLENTY)
    while not isinstance(body := queue.next_body(0.0), msg.Synced):
        assert len(body.data) <= body.raw_size


def test_batches_hold_the_same_parts_in_the_same_order_and_stay_small():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 700, x) for x in range(30)), chunk(B, 9000))
    one = [m.body for m in pull(opened(memory)) if isinstance(m.body, msg.ChunkPart)]
    found = [m.body for m in pull(opened(memory, hello(batch_chunks=True))) if isinstance(m.body, msg.ChunkPart | msg.ChunkParts)]
    batches = [body.parts if isinstance(body, msg.ChunkParts) else (body,) for body in found]
    assert [part for parts in batches for part in parts] == one
    assert len(batches) < len(one) / 2
    assert all(sum(len(part.data) for part in parts) <= BATCH_BYTES for parts in batches)


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("asked", [100_000, MAX_BATCH_BYTES, 1 << 31])
def test_a_client_may_ask_for_large_batches(asked, compression):
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 30_000 * (x + 1), x) for x in range(5)))
    greeting = hello(batch_chunks=True, batch_bytes=asked, compressions=(compression,), credit_bytes=2 << 20)
    link, granted, mirror = opened(memory, greeting), 2 << 20, PointMirror()
    sizes = []
    while not mirror.clean:
        for body in (m.body for m in pull(link)):
            mirror.apply(body)
            parts = body.parts if isinstance(body, msg.ChunkParts) else (body,) if isinstance(body, msg.ChunkPart) else ()
            sizes += [sum(len(part.data) for part in parts)] if parts else []
        assert sum(sizes) <= granted
        link.receive(msg.ClientMessage(0, msg.Credit(1 << 20)), 0.0)
        granted += 1 << 20
    assert same(mirror, memory)
    assert BATCH_BYTES < max(sizes) <= min(asked, MAX_BATCH_BYTES)


def tables(credit_bytes=PLENTY, **more):
    return hello(credit_bytes, compressions=(Compression.NONE,), chunk_tables=True, **more)


def parts_of(link):
    """Of every table there is: its parts."""
    return [list(read_table(body.rows, body.data)) for body in bodies(link, msg.ChunkTable)]


def test_tables_hold_the_same_parts_in_the_same_order_as_single_messages():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 700, x) for x in range(30)), chunk(B, 9000))
    single = bodies(opened(memory, hello(compressions=(Compression.NONE,))), msg.ChunkPart)
    found = parts_of(opened(memory, tables()))
    expected = [(index_of(p), p.total_points, p.first, p.packed_hash, p.data) for p in single]
    assert [(p.chunk_index, p.total_points, p.first, p.packed_hash, bytes(p.points)) for t in found for p in t] == expected
    assert all(sum(len(part.points) for part in table) <= BATCH_BYTES for table in found)


@pytest.mark.parametrize("asked", [0, 100_000, MAX_BATCH_BYTES, 1 << 31])
def test_tables_of_any_size_within_any_credit(asked):
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 30_000 * (x + 1), x) for x in range(5)), chunk(C, 3))
    link, granted, mirror, sizes = opened(memory, tables(1 << 20, batch_bytes=asked)), 1 << 20, PointMirror(), []
    while not mirror.clean:
        for body in (m.body for m in pull(link)):
            assert not isinstance(body, msg.ChunkPart | msg.ChunkParts)
            mirror.apply(body)
            sizes += [len(body.data)] if isinstance(body, msg.ChunkTable) else []
        assert sum(sizes) <= granted
        link.receive(msg.ClientMessage(0, msg.Credit(300_000)), 0.0)
        granted += 300_000
    assert same(mirror, memory)
    assert max(sizes) <= max(min(asked, MAX_BATCH_BYTES), BATCH_BYTES)


def test_what_fits_one_table_comes_whole():
    memory = memory_of(chunk(A, 2000), chunk(B, 2000), chunk(C, 600))
    link = opened(memory, tables())
    (table,) = parts_of(link)
    assert {(part.chunk_index, part.first, len(part.points) // 8) for part in table} == {(A, 0, 2000), (B, 0, 2000), (C, 0, 600)}
    commit(memory, (A, chunk(A, 2000, 1)), (C, None))
    link.notify(event_of(memory))
    (table,) = parts_of(link)
    assert [(part.chunk_index, part.first, len(part.points) // 8) for part in table] == [(A, 0, 2000)]


def test_the_last_table_says_that_it_is_the_last():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 30_000, x) for x in range(5)))
    found = bodies(opened(memory, tables()), msg.ChunkTable | msg.Synced)
    assert [isinstance(body, msg.ChunkTable) and body.synced is None for body in found] == [True] * (len(found) - 1) + [False]
    assert found[-1].synced == msg.Synced(1, digest_bytes(memory.snapshot().packed_digest))


def test_what_changed_comes_before_the_news_of_it_and_the_news_before_the_answer():
    memory = memory_of(chunk(A, 2000), chunk(B, 2000))
    link = opened(memory, tables())
    pull(link)
    commit(memory, (A, chunk(A, 2000, 1)))
    link.notify(event_of(memory))
    assert [type(m.body) for m in pull(link)] == [msg.ChunkTable, msg.Revision]
    commit(memory, (A, chunk(A, 2000, 2)))
    link.notify(event_of(memory))
    link.answer(9)
    assert [type(m.body) for m in pull(link)] == [msg.Revision, msg.Done, msg.ChunkTable]
    commit(memory, (A, None))  # no table tells of it
    link.notify(event_of(memory))
    assert [type(m.body) for m in pull(link)] == [msg.Revision, msg.ChunksRemoved, msg.Synced]


def test_there_are_as_many_rows_in_a_table_as_its_bound_says():
    memory = memory_of(*(chunk(ChunkIndex(0, x, 0, 0), 1, x) for x in range(TABLE_PARTS + 10)))
    assert [len(table) for table in parts_of(opened(memory, tables()))] == [TABLE_PARTS, 10]


def test_tables_are_for_those_who_read_them_uncompressed():
    memory = memory_of(chunk(A, 2000))
    for greeting in (hello(chunk_tables=True), hello(compressions=(Compression.NONE,), batch_chunks=True)):
        link = opened(memory, greeting)
        messages = pull(link)
        assert not any(isinstance(m.body, msg.ChunkTable) for m in messages)
        assert same(fed(messages), memory)


def test_a_table_that_is_not_what_it_says_is_refused():
    rows, data = write_table([(chunk(A, 600), 0, 600)])
    with pytest.raises(CodecError, match="hash"):
        PointMirror().apply(msg.ChunkTable(rows, bytes(len(data))))
