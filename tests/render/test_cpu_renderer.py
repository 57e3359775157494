"""The fast path: the contract, equality with the plain twin, threads."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scenes import Patch, checks, room, snapshot
from spatia_bridge.frames import Projection
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import RECORD
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import cpu_renderer, cull, splat
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.render.numpy_renderer import NumpyRenderer
from tests.contracts.renderer import RendererContract, blue, camera, red, wall


class TestCpuRenderer(RendererContract):
    def make(self) -> CpuRenderer:
        return CpuRenderer()


def assert_equal(a: Projection, b: Projection) -> None:
    """To the bit: both follow the same float32 arithmetic in the same order."""
    assert np.array_equal(a.coverage, b.coverage)
    assert np.array_equal(a.depth_m, b.depth_m)
    assert np.array_equal(a.colour, b.colour)
    assert np.array_equal(a.confidence, b.confidence)


def random_snapshot(seed: int, chunks: int, points: int, voxel_m: float) -> Snapshot:
    """Records with every byte random, around the origin, on several levels."""
    rng = np.random.default_rng(seed)
    found = {}
    for _ in range(chunks):
        level = int(rng.integers(0, 4))
        index = ChunkIndex(level, *(int(i) for i in rng.integers(-2, 3, 3)))
        records = np.frombuffer(rng.bytes(points * RECORD.itemsize), RECORD)
        _, first = np.unique(records["xyz"] >> 2, axis=0, return_index=True)
        found[index] = Chunk(index, records[first])
    return Snapshot(voxel_m, found, points=sum(map(len, found.values())))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    chunks=st.integers(1, 6),
    points=st.integers(1, 400),
    voxel_m=st.sampled_from([0.001, 0.02, 0.3]),
    size=st.sampled_from([(1, 1), (7, 33), (64, 48), (130, 90)]),
    focal=st.sampled_from([(20.0, 20.0), (60.0, 75.0), (400.0, 300.0)]),
    direction=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1),
)
def test_twins_agree_on_random_records(seed, chunks, points, voxel_m, size, focal, direction) -> None:  # type: ignore[no-untyped-def]
    base = random_snapshot(seed, chunks, points, voxel_m)
    eye = np.random.default_rng(seed).normal(0, 40 * voxel_m, 3)
    view = Camera(Intrinsics(*focal, size[0] * 0.4, size[1] * 0.6, *size), se3.look_at(eye, eye + np.array(direction)))
    assert_equal(CpuRenderer().render(base, view), NumpyRenderer().render(base, view))


@cache
def screens() -> Snapshot:
    """Walls one behind the other, each wider than the one before."""
    return snapshot([wall(2 + i / 2, 0.6 + 0.4 * i, (checks, red, blue)[i % 3]) for i in range(7)], 0.02)


@settings(max_examples=15, deadline=None)
@given(eye=st.tuples(*[st.floats(-0.8, 0.8)] * 3), yaw=st.floats(-0.6, 0.6), focal=st.floats(25, 60))
def test_twins_agree_on_small_splats_in_batches(eye: tuple[float, float, float], yaw: float, focal: float) -> None:
    target = np.array(eye) + (np.sin(yaw), 0, np.cos(yaw))
    view = camera(53, 37, focal, se3.look_at(eye, target))
    assert_equal(CpuRenderer().render(screens(), view), NumpyRenderer().render(screens(), view))


def test_those_are_batches_with_homes() -> None:
    selection = cull.select(cull.ChunkTable.of(screens()), splat.canvas(camera(53, 37, 40)))
    assert len(cull.batches(selection)) > 1 and selection.widest_px[-1] > 0


@pytest.mark.parametrize("level", [0, 2])
def test_twins_agree_on_a_room(level: int) -> None:
    base = snapshot(room((6, 3, 5), 4), 0.08 / (1 << level), level=level)
    for yaw in (0.0, 1.2, 2.9):
        eye = np.array((0.3, -1.5, 1.5))
        view = camera(200, 120, 110, se3.look_at(eye, eye + np.array((np.sin(yaw), 0.2, np.cos(yaw)))))
        assert_equal(CpuRenderer().render(base, view), NumpyRenderer().render(base, view))


def test_the_number_of_bands_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    base, view = snapshot(room((6, 3, 5), 4), 0.08), camera(200, 150, 110, se3.look_at((0, -1.5, 1), (1, -1, 4)))
    expected = CpuRenderer().render(base, view)
    for workers in (1, 3, 9):
        monkeypatch.setattr(cpu_renderer, "core_count", lambda workers=workers: workers)
        assert_equal(expected, CpuRenderer().render(base, view))


def test_bands_cover_every_row_once() -> None:
    table, view = cpu_renderer.TableCache().get(snapshot([wall(4.0, 1.0)], 0.05)), camera(300, 400)
    seen = cpu_renderer.select(table, view)
    bands = cpu_renderer._bands(seen, slice(0, len(seen.rows)), 400)
    assert [row for low, high in bands for row in range(low, high)] == list(range(400))


def test_many_threads_may_render_at_once() -> None:
    renderer, bases = CpuRenderer(), [snapshot([wall(z, 4.0)], 0.06) for z in (3.0, 4.0)]
    jobs = [(bases[i % 2], camera(120 + 16 * (i % 3), 90, pose=se3.look_at((0.05 * i, 0, 0), (0, 0, 3)))) for i in range(24)]
    expected = [renderer.render(*job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        for a, b in zip(expected, pool.map(lambda job: renderer.render(*job), jobs), strict=True):
            assert_equal(a, b)


def test_one_video_may_be_read_by_many_threads() -> None:
    calls: list[Camera] = []
    renderer, base = CpuRenderer(), snapshot([wall(4.0, 3.0)], 0.06)
    cameras = [camera(pose=se3.look_at((0.1 * i, 0, 0), (0, 0, 4))) for i in range(4)]
    video = renderer.project(base, cameras)
    render = video._render
    video._render = lambda view: (calls.append(view), render(view))[1]  # type: ignore[func-returns-value]
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda i: video[i % 4], range(32)))
    assert len(calls) == 4 and all(frames[i] is video[i % 4] for i in range(32))


def test_the_renderer_keeps_no_snapshot_alive() -> None:
    renderer, base = CpuRenderer(), snapshot([wall(4.0, 1.0)], 0.1)
    renderer.render(base, camera())
    gone = weakref.ref(base)
    del base
    gc.collect()
    assert gone() is None


def test_a_view_of_the_seed_gives_the_seed_back() -> None:
    """A wall sampled at the pixels' own density, seen by the same camera at the same size."""
    view = camera(160, 120, 140)
    base = snapshot([Patch((-3, -3, 3.0), (0, 6, 0), (6, 0, 0), checks)], 3.0 / 140)
    projection = CpuRenderer().render(base, view)
    x, y = (view.back_project(np.full((120, 160), 3.0, np.float32))[..., i].ravel() + 3 for i in (0, 1))
    truth = checks(y, x).reshape(120, 160, 3)
    assert (np.abs(projection.colour.astype(int) - truth).max(axis=2) < 12).mean() > 0.9  # but for the squares' edges
