"""Cells: what a view shows, how well, on which level, and as bytes."""

import random

import numpy as np
import pytest

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.retrieval.cells import (
    AREA_UNIT,
    FACING,
    LEVELS_UP,
    MAX_CELLS,
    NATIVE,
    SAMPLES_A_VIEW,
    FrameCells,
    Shown,
    encode_facing,
    frame_cells,
    parents,
    shown_cells,
    union,
)
from tests.retrieval.views import SIDE_M, look, random_views, view

LEVEL = np.uint64(60)


def shown_of(c: Camera, side_m: float = SIDE_M) -> Shown:
    return shown_cells(c, look(c).depth_m, None, side_m)


def cells_of(c: Camera) -> FrameCells:
    return frame_cells(shown_of(c))


def wall(depth_m: float, side_m: float, size=(320, 180), tilt: float = 0.0) -> Shown:
    """A plane in front of a camera, turned about the vertical by tilt."""
    k = Intrinsics(0.9 * size[0], 0.9 * size[0], size[0] / 2, size[1] / 2, *size)
    rays = Camera(k, np.eye(4)).rays()
    depth = (depth_m / (1 + np.tan(tilt) * rays[..., 0])).astype(np.float32)
    return shown_cells(Camera(k, np.eye(4)), depth, None, side_m)


@pytest.mark.parametrize("tilt", [0.0, 0.5, 0.8])
def test_surface_is_measured_whatever_the_angle(tilt: float):
    shown, side = wall(4.0, 0.5, tilt=tilt), 0.5
    size = side * 2.0 ** (shown.keys >> LEVEL).astype(float)
    measured = float((shown.areas / AREA_UNIT * size**2).sum())
    # the corners of the view on the plane z = 4 / (1 + tan(tilt) x)
    k = Intrinsics(288.0, 288.0, 160.0, 90.0, 320, 180)
    corner = []
    for u, v in ((0, 0), (320, 0), (320, 180), (0, 180)):
        ray = np.array([(u - k.cx) / k.fx, (v - k.cy) / k.fy, 1.0])
        corner.append(ray * 4.0 / (1 + np.tan(tilt) * ray[0]))
    triangles = [np.cross(corner[i] - corner[0], corner[i + 1] - corner[0]) / 2 for i in (1, 2)]
    assert measured == pytest.approx(sum(np.linalg.norm(t) for t in triangles), rel=0.05)


def test_image_size_hardly_matters():
    c = view((0, -0.5, -3), (1, -0.5, 4))
    small, large = (shown_of(c.resized(*size)) for size in ((160, 90), (960, 540)))
    shared = np.intersect1d(small.keys, large.keys)
    assert len(shared) > 0.8 * max(len(small.keys), len(large.keys))


def test_far_things_cost_no_more_cells_than_samples():
    counts = [len(wall(depth, 0.1).keys) for depth in (2.0, 20.0, 200.0, 900.0, 5000.0, np.inf)]
    assert max(counts) <= SAMPLES_A_VIEW / 10
    assert max(counts) < 4 * min(counts)


def test_backdrop_is_the_same_from_anywhere_near():
    def sky(at):
        c = Camera(Intrinsics(100.0, 100.0, 80.0, 45.0, 160, 90), se3.from_parts(np.eye(3), at))
        return shown_cells(c, np.full((90, 160), np.inf, np.float32), None, SIDE_M).keys

    assert len(np.intersect1d(sky((0, 0, 0)), sky((3, 0, -5)))) > 0.7 * len(sky((0, 0, 0)))


def test_what_is_unusable_or_has_no_depth_is_not_shown():
    c = view((0, -0.5, -3), (0, -0.5, 4))
    depth = look(c).depth_m.copy()
    left = np.zeros(depth.shape, bool)
    left[:, :80] = True
    masked = shown_cells(c, depth, left, SIDE_M)
    depth[:, 80:] = np.tile(np.array([0, np.nan, -1, -np.inf], np.float32), 20)
    assert np.array_equal(masked.keys, shown_cells(c, depth, None, SIDE_M).keys)
    assert masked.samples.sum() == pytest.approx(shown_of(c).samples.sum() / 2, rel=0.05)


def test_nothing_and_far_out_give_no_cells():
    c = view((0, 0, 0), (0, 0, 1))
    assert len(shown_cells(c, np.zeros((90, 160), np.float32), None, SIDE_M).keys) == 0
    far = Camera(c.intrinsics, se3.from_parts(np.eye(3), (9e5, 0, 0)))
    assert len(shown_cells(far, np.ones((90, 160), np.float32), None, 0.01).keys) == 0
    assert len(frame_cells(union([]))) == 0


def test_wrong_shape_is_refused():
    c = view((0, 0, 0), (0, 0, 1))
    with pytest.raises(InvalidInputError, match=r"\(90, 161\)"):
        shown_cells(c, np.zeros((90, 161), np.float32), None, SIDE_M)
    with pytest.raises(InvalidInputError, match="mask"):
        shown_cells(c, np.zeros((90, 160), np.float32), np.ones((3, 3), bool), SIDE_M)


def test_parents_contain_their_cells():
    """A point's cell one level up is the parent of its cell, for points of all signs."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-50, 50, (500, 3))

    def key(level: int) -> np.ndarray:
        voxel = np.floor(points / (0.25 * 2**level)).astype(np.int64) + (1 << 19)
        return ((level << 60) | (voxel[:, 0] << 40) | (voxel[:, 1] << 20) | voxel[:, 2]).astype(np.uint64)

    for level in range(4):
        assert np.array_equal(parents(key(level)), key(level + 1))
    assert parents(np.array([0, 15 << 60 | 5], np.uint64)).tolist() == [0, 0]


def test_frame_has_its_cells_and_those_around_them():
    shown = shown_of(view((0, -0.5, -3), (1, -0.5, 4)))
    cells = frame_cells(shown)
    assert (np.diff(cells.keys.astype(object)) > 0).all()
    native = (cells.values & NATIVE) > 0
    assert np.array_equal(cells.keys[native], shown.keys)
    above = cells.keys[native]
    for _ in range(LEVELS_UP):
        above = parents(above)
        assert np.isin(above, cells.keys).all()


def test_two_sides_of_a_wall_differ():
    front, back = encode_facing(np.array([[0, 0, -1], [0, 0.1, 1]], np.float32))
    slanted = encode_facing(np.array([[0.9, 0, -0.9]], np.float32))[0]
    assert FACING[front, back] == 0 and FACING[front, front] == FACING[front, slanted] == 128
    assert np.array_equal(FACING, FACING.T)


def test_noise_is_bounded(monkeypatch):
    monkeypatch.setattr("spatia_bridge.retrieval.cells.MAX_CELLS", 500)
    rng = np.random.default_rng(0)
    c = view((0, 0, 0), (0, 0, 1))
    depth = np.exp(rng.uniform(-6, 11, (90, 160))).astype(np.float32)
    cells = frame_cells(shown_cells(c, depth, None, 1e-3))
    assert len(cells) == 500
    assert len(FrameCells.from_bytes(cells.to_bytes())) == 500


@pytest.mark.parametrize("c", random_views(4))
def test_bytes_round_trip(c: Camera):
    cells = cells_of(c)
    data = cells.to_bytes()
    again = FrameCells.from_bytes(data)
    assert all(np.array_equal(getattr(cells, name), getattr(again, name)) for name in ("keys", "values", "normals"))
    assert again.to_bytes() == data
    assert len(data) < 6 * len(cells)


def test_empty_round_trip():
    empty = frame_cells(union([]))
    assert len(FrameCells.from_bytes(empty.to_bytes())) == 0


def test_damaged_bytes_raise_only_codec_errors():
    data = cells_of(random_views(1)[0]).to_bytes()
    rng = random.Random(0)
    for cut in (*range(12), *rng.sample(range(len(data)), 60)):
        with pytest.raises(CodecError):
            FrameCells.from_bytes(data[:cut])
    with pytest.raises(CodecError):
        FrameCells.from_bytes(data + b"\0")
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 3, 40))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            cells = FrameCells.from_bytes(bytes(damaged))
        except CodecError:
            continue
        assert len(cells) <= MAX_CELLS and (np.diff(cells.keys.astype(object)) > 0).all()
    for _ in range(200):
        with pytest.raises(CodecError):
            FrameCells.from_bytes(rng.randbytes(rng.randrange(200)))
