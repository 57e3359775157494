import av
import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.canvas import UNKNOWN, UNKNOWN_STRIPE, mark_unknown
from spatia_bridge.evaluation.overhead import Cloud, Plan, cloud_of, draw_camera, draw_cloud
from spatia_bridge.evaluation.pictures import Shot, contact_sheet, pick_evenly, side_by_side
from spatia_bridge.evaluation.video import write_video
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Snapshot
from tests.clouds import snapshot_of
from tests.worlds import camera, intrinsics, look

RED, GREEN, BLUE = (220, 30, 30), (30, 220, 30), (30, 30, 220)


def eye_at(x, z, y=0.0):
    return Camera(intrinsics(), se3.from_parts(np.eye(3), (x, y, z)))


def block(x, y, z, colour, count=6000, side=0.3):
    rng = np.random.default_rng(1)
    points = np.array([x, y, z]) + rng.uniform(-side, side, (count, 3)) * (1, 0.01, 1)
    return points, np.tile(np.uint8([colour]), (count, 1))


def cloud(*blocks) -> Cloud:
    points = np.concatenate([b[0] for b in blocks])
    colours = np.concatenate([b[1] for b in blocks]).astype(np.uint8)
    return Cloud(points, colours, np.full(len(points), 0.02, np.float32))


def shots(count=7, truth=False):
    frames = [look(camera(eye=(0.2 * i, -0.5, -3.0))) for i in range(count)]
    memory = snapshot_of(frames[0].camera.back_project(frames[0].depth_m).reshape(-1, 3), frames[0].colour.reshape(-1, 3))
    coverage = np.ones((64, 96), bool)
    coverage[:, 60:] = False
    return [
        Shot(1 + i // 4, 2, i, f.camera, f.colour, coverage, f.colour, memory, f.colour if truth else None)
        for i, f in enumerate(frames)
    ]


def colour_at(plan, image, point):
    x, y = np.floor(plan.pixels(point)).astype(int)
    return int(np.argmax(image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0)))


def test_the_plan_is_not_mirrored_and_keeps_its_scale():
    scene = cloud(block(4, 1.5, 0, RED), block(0, 1.5, 2, GREEN), block(-4, 1.5, 0, BLUE))
    plan = Plan.fit(scene, [eye_at(0, -1), eye_at(0, 1)], 320, 180)
    image = draw_cloud(plan, scene)
    for place, channel in (((4, 1.5, 0), 0), ((0, 1.5, 2), 1), ((-4, 1.5, 0), 2)):
        assert colour_at(plan, image, place) == channel
    right, ahead, here = plan.pixels([(1, 0, 0), (0, 0, 1), (0, 0, 0)])[:3]
    (rx, ry), (ax, ay) = right - here, ahead - here
    assert ry * ax - rx * ay > 0  # from above, ahead is a quarter turn to the left of right
    assert np.hypot(rx, ry) == pytest.approx(plan.pixels_per_metre)


def test_a_tall_scene_is_turned_to_fill_a_wide_picture():
    scene = cloud(block(0, 1.5, -5, RED), block(0, 1.5, 5, GREEN))
    plan = Plan.fit(scene, [eye_at(0, 0)], 320, 180)
    ends = plan.pixels([(0, 0, -5), (0, 0, 5)])
    assert abs(ends[0][0] - ends[1][0]) > 200
    image = draw_cloud(plan, scene)
    assert colour_at(plan, image, (0, 1.5, -5)) == 0 and colour_at(plan, image, (0, 1.5, 5)) == 1


def test_ceilings_come_off_and_the_highest_of_the_rest_is_seen():
    floor, table, ceiling = block(0, 1.5, 0, RED), block(0, 0.7, 0, GREEN), block(0, -1.5, 0, BLUE)
    scene = cloud(floor, ceiling)
    plan = Plan.fit(scene, [eye_at(-1, 0), eye_at(1, 0)], 160, 160)
    assert colour_at(plan, draw_cloud(plan, scene), (0, 0, 0)) == 0
    assert colour_at(plan, draw_cloud(plan, cloud(floor, table, ceiling)), (0, 0, 0)) == 1


def test_each_part_of_the_path_cuts_at_its_own_height():
    upstairs, downstairs = block(4, -2.0, 0, RED), block(-4, 1.0, 0, GREEN)
    roof_below = block(-4, -2.0, 0, BLUE)
    scene = cloud(upstairs, downstairs, roof_below)
    plan = Plan.fit(scene, [eye_at(-4, 0, y=0), eye_at(4, 0, y=-3)], 320, 180)
    image = draw_cloud(plan, scene)
    assert colour_at(plan, image, (4, 0, 0)) == 0 and colour_at(plan, image, (-4, 0, 0)) == 1


def test_the_backdrop_does_not_shrink_the_level():
    near, far = block(3, 1, 0, RED), block(50_000, -9000, 0, BLUE)
    alone = Plan.fit(cloud(near), [eye_at(0, 0), eye_at(2, 1)], 320, 180)
    both = Plan.fit(cloud(near, far), [eye_at(0, 0), eye_at(2, 1)], 320, 180)
    assert both.pixels_per_metre == alone.pixels_per_metre


def test_an_empty_memory_and_a_single_camera_have_a_picture():
    empty = cloud_of(Snapshot(0.05))
    plan = Plan.fit(empty, [eye_at(0, 0)], 64, 48)
    image = draw_camera(plan, draw_cloud(plan, empty), [eye_at(0, 0)], 0)
    assert image.shape == (48, 64, 3)


def test_the_camera_is_drawn_on_a_copy():
    scene = cloud(block(0, 1, 0, RED))
    path = [eye_at(-1, 0), eye_at(1, 0)]
    plan = Plan.fit(scene, path, 160, 90)
    plain = draw_cloud(plan, scene)
    before = plain.copy()
    x, y = np.floor(plan.pixels(path[1].position_world)).astype(int)
    drawn = draw_camera(plan, plain, path, 1)
    assert (drawn[y, x] != plain[y, x]).any()
    np.testing.assert_array_equal(plain, before)


def test_what_memory_does_not_have_is_marked():
    coverage = np.zeros((12, 12), bool)
    coverage[:, 6:] = True
    image = mark_unknown(np.zeros((12, 12, 3), np.uint8), coverage)
    assert not image[:, 6:].any()
    assert {tuple(pixel) for pixel in image[:, :6].reshape(-1, 3).tolist()} <= {UNKNOWN, UNKNOWN_STRIPE}


def test_columns_are_even_and_hold_both_ends():
    assert pick_evenly(7, 3) == [0, 3, 6]
    assert pick_evenly(3, 50) == [0, 1, 2]


def test_the_sheet_grows_a_row_with_truth():
    plain, with_truth = (
        contact_sheet(shots(4), "title", ["note"], 96),
        contact_sheet(shots(4, truth=True), "title", ["note"], 96),
    )
    assert with_truth.shape[0] - plain.shape[0] == 64 + 8
    assert plain.dtype == np.uint8 and plain.shape[1] > 4 * 96
    with pytest.raises(InvalidInputError, match="no frames"):
        contact_sheet([], "title")


def test_the_video_plays_back_with_its_size_rate_and_pictures(tmp_path):
    every = shots(6)
    plan = Plan.fit(cloud_of(every[0].memory), [shot.camera for shot in every], 96, 64)
    images = list(side_by_side(iter(every), [shot.camera for shot in every], plan))
    path = tmp_path / "demo.mp4"
    assert write_video(path, images, 16.0) == 6
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == 16 and stream.codec_context.pix_fmt == "yuv420p"
    assert len(decoded) == 6 and decoded[0].shape == images[0].shape
    assert all(side % 2 == 0 for side in images[0].shape[:2])
    assert np.abs(decoded[3].astype(int) - images[3]).mean() < 4
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")  # plays before it is all there


def test_videos_of_nothing_or_of_odd_sizes_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no frames"):
        write_video(tmp_path / "a.mp4", [], 16)
    with pytest.raises(InvalidInputError, match="even"):
        write_video(tmp_path / "b.mp4", [np.zeros((5, 6, 3), np.uint8)], 16)
    with pytest.raises(InvalidInputError, match="one size"):
        write_video(tmp_path / "c.mp4", [np.zeros((4, 6, 3), np.uint8), np.zeros((6, 6, 3), np.uint8)], 16)
