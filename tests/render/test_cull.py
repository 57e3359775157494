"""Culling and level of detail: conservative, invisible, bounded by pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scenes import bricks, plaster, room, snapshot
from spatia_bridge.geometry import morton, se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import cull
from spatia_bridge.render.cpu_renderer import CpuRenderer
from tests.contracts.renderer import camera, wall
from tests.render.test_cpu_renderer import assert_equal, random_snapshot


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fov=st.floats(0.2, 2.6), voxel_m=st.sampled_from([0.01, 0.2]))
def test_culling_changes_no_pixel(seed: int, fov: float, voxel_m: float) -> None:
    """The frustum only leaves out what cannot be seen: chunk by chunk, drawn alone, it covers nothing."""
    rng = np.random.default_rng(seed)
    base = random_snapshot(seed, 5, 60, voxel_m)
    eye = rng.normal(0, 80 * voxel_m, 3)
    view = Camera(Intrinsics.from_vertical_fov(fov, 40, 30), se3.look_at(eye, eye + rng.normal(size=3)))
    table = cull.ChunkTable.of(base)
    kept = set(cull.select(table, view).rows.tolist())
    points = [chunk.points_world(voxel_m) for chunk in table.chunks]
    for row, chunk in enumerate(table.chunks):
        if row not in kept:
            pixels, depth = view.project(points[row])
            takes = len(chunk)
            radius = cull.SPLAT_DIAMETER / 2 * chunk.footprints_m(voxel_m)[:takes] * view.intrinsics.fx / np.maximum(depth, 1e-9)
            reach = np.maximum(radius, 1.0)
            seen = (depth > cull.NEAR_M) & (depth < cull.FAR_M)
            for axis, size in enumerate((40, 30)):
                seen &= (pixels[:, axis] > -reach) & (pixels[:, axis] < size + reach)
            assert not seen.any()


def test_bounds_hold_every_pixel_that_a_chunk_covers() -> None:
    for seed in range(20):
        base = random_snapshot(seed, 1, 50, 0.05)
        eye = np.random.default_rng(seed).normal(0, 3, 3)
        view = camera(64, 48, 50, se3.look_at(eye, (0, 0, 0)))
        selection = cull.select(cull.ChunkTable.of(base), view)
        covered = CpuRenderer().render(base, view).coverage
        inside = np.zeros_like(covered)
        for left, top, right, bottom in selection.bounds_px:
            inside[top:bottom, left:right] = True
        assert not (covered & ~inside).any()


def test_level_of_detail_is_hardly_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all points drawn: closed alike, the same depth, soft textures within a step or two a channel on average."""
    base = snapshot([wall(9.0, 9.0, plaster)], 0.02)
    view = camera(160, 120, 140)
    thinned = cull.select(cull.ChunkTable.of(base), view).takes.sum()
    some = CpuRenderer().render(base, view)
    monkeypatch.setattr(cull, "LOD_SPACING_PX", 1e-6)
    everything = CpuRenderer().render(base, view)
    assert thinned < base.points / 4
    assert some.coverage.all() and everything.coverage.all()
    assert np.abs(some.depth_m - everything.depth_m).max() < 0.03
    assert np.abs(some.colour.astype(int) - everything.colour).mean() < 2


@pytest.mark.parametrize("voxel_m", [0.05, 0.02, 0.01])
def test_points_drawn_grow_with_pixels_and_not_with_points(voxel_m: float) -> None:
    base, view = snapshot([wall(9.0, 7.0, bricks)], voxel_m), camera(160, 120, 140)
    drawn = cull.select(cull.ChunkTable.of(base), view).takes.sum()
    assert drawn < 8 * 160 * 120
    assert CpuRenderer().render(base, view).coverage.all()


def test_nearest_chunks_come_first() -> None:
    table = cull.ChunkTable.of(snapshot(room((6, 3, 5), 4), 0.02))
    selection = cull.select(table, camera(pose=se3.look_at((0, -1, 1), (0, -1, 4))))
    nearest = np.maximum(table.low_world[selection.rows, 2] - 1, cull.NEAR_M)
    assert len(nearest) > 10 and (np.diff(nearest) >= -1e-9).all()


def test_tables_of_changed_snapshots_equal_fresh_ones() -> None:
    base = random_snapshot(3, 5, 50, 0.05)
    other = random_snapshot(4, 3, 50, 0.05)
    gone = next(iter(base.chunks))
    changed = base.with_changes({**other.chunks, gone: None})
    cached, view = CpuRenderer(), camera(64, 48, 50, se3.look_at((0, 0, -9), (0, 0, 0)))
    cached.render(base, view)
    assert_equal(cached.render(changed, view), CpuRenderer().render(changed, view))
    assert_equal(cached.render(Snapshot(0.05), view), CpuRenderer().render(Snapshot(0.05), view))


def test_a_table_serves_every_snapshot_that_looks_the_same_and_goes_on_from_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = random_snapshot(3, 40, 20, 0.05), random_snapshot(4, 40, 20, 0.05)
    cache = cull.TableCache()
    table = cache.get(one)
    assert cache.get(replace(one, revision=7)) is table
    larger = replace(one, voxel_size_m=0.1)
    assert cache.get(larger) is not table and cache.get(larger).voxel_m.max() == 2 * table.voxel_m.max()
    cache.get(other)
    met = []
    extent = cull._extent
    monkeypatch.setattr(cull, "_extent", lambda chunk: (met.append(chunk), extent(chunk))[1])
    index, chunk = next(iter(other.chunks.items()))
    changed = one.with_changes({index: chunk})
    found = cache.get(changed)
    assert met == [chunk]  # though another session was drawn last
    for name, value in vars(cull.ChunkTable.of(changed)).items():
        assert np.array_equal(getattr(found, name), value) if isinstance(value, np.ndarray) else getattr(found, name) == value


@pytest.mark.parametrize("points", [1, 40, 3000])
def test_what_is_known_of_a_chunk_is_what_its_points_say(points):
    for chunk in random_snapshot(3, chunks=6, points=points, voxel_m=0.05).chunks.values():
        records, extent = chunk.records, cull._extent(chunk)
        assert (extent[0:3] == records["xyz"].min(axis=0)).all() and (extent[3:6] == records["xyz"].max(axis=0)).all()
        assert extent[6] == records["footprint"].mean() and extent[7] == records["footprint"].max()
        assert (extent[cull.CELLS : cull.MOMENTS] == morton.cell_counts(chunk.codes())).all()
