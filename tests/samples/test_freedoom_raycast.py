"""The ray-caster against levels small enough to work out by hand, and the readers that feed it."""

import struct
from pathlib import Path

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.level import Level, parse_level, read_level, without_things
from spatia_bridge.samples.freedoom.pose import MapPose, camera_of, world_from_map
from spatia_bridge.samples.freedoom.raycast import SKY, Cast, cast_level
from spatia_bridge.samples.freedoom.wad import MAP_LUMPS, read_map_lumps, write_wad
from spatia_bridge.samples.freedoom.walk import Waypoint, check_walkable, clearance, closed_walk

K = Intrinsics(100.0, 120.0, 32.0, 24.0, 64, 48)
EAST = 0.0
STEP, LINTEL = 1, 2


def two_rooms(sky: bool = False, masked: bool = False) -> Level:
    """Room 0: x 0…320, y 0…256, heights 0…128. Room 1: x 320…640, y 0…256, heights 16…96. An opening along x = 320."""
    loop_0 = [(0, 0, 0, 256), (0, 256, 320, 256), (320, 0, 0, 0)]  # clockwise: the room lies to the right
    loop_1 = [(320, 256, 640, 256), (640, 256, 640, 0), (640, 0, 320, 0)]
    opening = [(320, 256, 320, 0)]  # seen from room 0 this is its front
    lines = np.array(loop_0 + loop_1 + opening, np.float64)
    return Level(
        lines=lines,
        front=np.array([0, 0, 0, 1, 1, 1, 0], np.int32),
        back=np.array([-1] * 6 + [1], np.int32),
        masked=np.array([False] * 6 + [masked]),
        impassable=np.zeros(7, np.bool_),
        floor=np.array([0.0, 16.0]),
        ceiling=np.array([128.0, 96.0]),
        floor_sky=np.zeros(2, np.bool_),
        ceiling_sky=np.array([sky, sky]),
    )


def _cast(level: Level, pose: MapPose) -> Cast:
    return cast_level(level, pose, K)


def test_two_rooms_have_the_depths_worked_out_by_hand() -> None:
    eye = MapPose(120.0, 128.0, 41.0, EAST)
    cast = _cast(two_rooms(), eye)
    walls = 1 + 2 * 2
    for i in (20, 31, 32, 43):  # these columns meet no side wall
        for j in range(K.height):
            rise = (24.0 - j - 0.5) / 120.0  # units up for each unit ahead
            at_opening, at_end = 41.0 + rise * 200.0, 41.0 + rise * 520.0
            if at_opening < 0.0:
                depth, surface = 41.0 / -rise, 1
            elif at_opening > 128.0:
                depth, surface = 87.0 / rise, 2
            elif at_opening < 16.0:
                depth, surface = 200.0, walls + 3 * 6 + STEP
            elif at_opening > 96.0:
                depth, surface = 200.0, walls + 3 * 6 + LINTEL
            elif at_end < 16.0:
                depth, surface = 25.0 / -rise, 3
            elif at_end > 96.0:
                depth, surface = 55.0 / rise, 4
            else:
                depth, surface = 520.0, walls + 3 * 4
            assert cast.surface[j, i] == surface, (i, j)
            assert cast.depth_m[j, i] == pytest.approx(depth / 32.0, rel=1e-6), (i, j)
    assert (cast.masked_depth_m == 0).all()


def test_seen_points_lie_on_the_levels_planes() -> None:
    """For many eyes: each pixel's point, back in map units, lies on the very plane that its surface number names."""
    level, rng = two_rooms(), np.random.default_rng(5)
    for _ in range(12):
        eye = MapPose(rng.uniform(20, 600), rng.uniform(20, 230), rng.uniform(20, 90), rng.uniform(-10, 10))
        cast = _cast(level, eye)
        assert (cast.depth_m > 0).all()
        points = camera_of(eye, K).back_project(cast.depth_m) * 32.0
        x, z, y = points[..., 0], -points[..., 1], points[..., 2]
        for sector in (0, 1):
            np.testing.assert_allclose(z[cast.surface == 1 + 2 * sector], level.floor[sector], atol=1e-3)
            np.testing.assert_allclose(z[cast.surface == 2 + 2 * sector], level.ceiling[sector], atol=1e-3)
        wall = cast.surface > 4
        x1, y1, x2, y2 = level.lines[(cast.surface[wall] - 5) // 3].T
        beside = ((x[wall] - x1) * (y2 - y1) - (y[wall] - y1) * (x2 - x1)) / np.hypot(x2 - x1, y2 - y1)
        np.testing.assert_allclose(beside, 0.0, atol=1e-3)


def test_the_sky_has_no_depth_and_no_lintel() -> None:
    eye = MapPose(120.0, 128.0, 41.0, EAST)
    roofed, open_air = _cast(two_rooms(), eye), _cast(two_rooms(sky=True), eye)
    above = np.isin(roofed.surface, [2, 4, 5 + 3 * 6 + LINTEL])
    assert (open_air.depth_m[above] == 0).all()
    assert (open_air.surface[above] == SKY).all()
    np.testing.assert_array_equal(open_air.depth_m[~above], roofed.depth_m[~above])


def test_bars_are_told_apart_from_what_is_behind() -> None:
    eye = MapPose(120.0, 128.0, 41.0, EAST)
    plain, barred = _cast(two_rooms(), eye), _cast(two_rooms(masked=True), eye)
    np.testing.assert_array_equal(plain.depth_m, barred.depth_m)
    through = np.isin(plain.surface, [3, 4, *(5 + 3 * line for line in (3, 4, 5))])  # all of room 1
    np.testing.assert_array_equal(barred.masked_depth_m[through], np.float32(200.0 / 32.0))
    assert (barred.masked_depth_m[~through] == 0).all()


def test_a_shut_door_and_the_way_back() -> None:
    eye = MapPose(120.0, 128.0, 41.0, EAST)
    shut = _cast(two_rooms().with_heights([0.0, 16.0], [128.0, 16.0]), eye)
    assert shut.depth_m.max() <= 200.0 / 32.0 + 1e-6
    back = _cast(two_rooms(), MapPose(600.0, 128.0, 57.0, np.pi))
    assert back.depth_m[24, 32] == pytest.approx(600.0 / 32.0)
    with pytest.raises(InvalidInputError, match="2 sectors"):
        two_rooms().with_heights([0.0], [128.0])


def test_map_axes_become_world_axes() -> None:
    np.testing.assert_allclose(world_from_map([32.0, 64.0, 96.0]), [1.0, -3.0, 2.0])
    north = camera_of(MapPose(0.0, 0.0, 0.0, np.pi / 2), K)
    pixel, depth = north.project(world_from_map([10.0, 320.0, 5.0]))  # a little to the right and above
    assert depth == pytest.approx(10.0)
    assert pixel[0] > K.cx
    assert pixel[1] < K.cy


def _map_lumps() -> dict[str, bytes]:
    vertices = [(0, 0), (0, 64), (64, 64), (64, 0)]
    lumps = dict.fromkeys(MAP_LUMPS, b"")
    lumps["VERTEXES"] = b"".join(struct.pack("<hh", *v) for v in vertices)
    lumps["LINEDEFS"] = b"".join(struct.pack("<7H", i, (i + 1) % 4, 1, 0, 0, 0, 0xFFFF) for i in range(4))
    lumps["SIDEDEFS"] = struct.pack("<hh8s8s8sH", 0, 0, b"-", b"-", b"BRICK", 0)
    lumps["SECTORS"] = struct.pack("<hh8s8shhh", -8, 100, b"FLOOR", b"F_SKY1", 160, 0, 0)
    lumps["THINGS"] = struct.pack("<5h5h", 32, 32, 90, 1, 7, 40, 40, 0, 15, 7)
    return lumps


def test_a_level_is_read_from_a_wad(tmp_path: Path) -> None:
    write_wad(tmp_path / "tiny.wad", [("MAP01", b""), *_map_lumps().items()])
    assert read_map_lumps(tmp_path / "tiny.wad", "map01") == _map_lumps()
    level = read_level(tmp_path / "tiny.wad", "MAP01")
    np.testing.assert_array_equal(level.lines[1], [0, 64, 64, 64])
    np.testing.assert_array_equal(level.back, [-1] * 4)
    assert (level.floor[0], level.ceiling[0]) == (-8, 100)
    assert level.ceiling_sky[0]
    assert not level.floor_sky[0]
    assert without_things(_map_lumps(), [15])["THINGS"] == _map_lumps()["THINGS"][:10]
    with pytest.raises(NotFoundError, match="MAP02"):
        read_map_lumps(tmp_path / "tiny.wad", "MAP02")


def test_broken_wads_are_refused(tmp_path: Path) -> None:
    write_wad(tmp_path / "good.wad", [("MAP01", b""), *_map_lumps().items()])
    data = (tmp_path / "good.wad").read_bytes()
    for broken in (b"", data[:40], b"ZWAD" + data[4:], data[:-5], data[:4] + struct.pack("<i", 1 << 30) + data[8:]):
        (tmp_path / "bad.wad").write_bytes(broken)
        with pytest.raises(InvalidInputError):
            read_map_lumps(tmp_path / "bad.wad", "MAP01")
    for lump, content in (("VERTEXES", b""), ("LINEDEFS", b"123"), ("SECTORS", b""), ("SIDEDEFS", b"")):
        with pytest.raises(InvalidInputError):
            parse_level({**_map_lumps(), lump: content})


def test_a_walk_is_closed_even_and_keeps_clear_of_walls() -> None:
    corners = (Waypoint(80, 80, 0), Waypoint(240, 80, 90), Waypoint(240, 180, 180), Waypoint(80, 180, 270))
    poses = closed_walk(corners, 41)
    assert len(poses) == 41
    assert (poses[0].x, poses[0].y) == (poses[-1].x, poses[-1].y) == (80, 80)
    assert (poses[-1].angle_deg - poses[0].angle_deg) == pytest.approx(360.0)
    assert all(pose.x == round(pose.x) and pose.y == round(pose.y) for pose in poses)
    check_walkable(two_rooms(), poses)
    assert clearance(two_rooms(), 100.0, 30.0) == pytest.approx(30.0)
    assert clearance(two_rooms(), 320.0, 128.0) == pytest.approx(128.0)  # the step of 16 stops nobody
    with pytest.raises(InvalidInputError, match="from a wall"):
        check_walkable(two_rooms(), [Waypoint(100, 10, 0)])
    with pytest.raises(InvalidInputError, match="step after pose 0"):
        check_walkable(two_rooms(), [Waypoint(100, 60, 0), Waypoint(300, 60, 0)])
    with pytest.raises(InvalidInputError, match="corners"):
        closed_walk(corners[:2], 10)
