"""Training sets, read by COLMAP's own reader, and by the maths of nerfstudio's."""

import json

import cv2
import numpy as np
import pycolmap
import pytest

from spatia_bridge.errors import ConflictError, InvalidInputError, StoreError
from spatia_bridge.export import atomic_folder
from spatia_bridge.export.colmap import write_colmap
from spatia_bridge.export.nerfstudio import write_nerfstudio
from spatia_bridge.export.views import NamedView
from tests.clouds import snapshot_of
from tests.export.scenes import AXES, points_of, random_snapshot
from tests.worlds import camera, look

EYES = [(0.0, -0.5, -3.0), (1.0, -0.8, -2.0), (-1.2, 0.3, -2.5)]


def views():
    for number, eye in enumerate(EYES):
        frame = look(camera(eye), ids=True)
        moving = frame.object_ids == 7
        yield NamedView(f"{number:04}", type(frame)(frame.camera, frame.colour, frame.depth_m, dynamic=moving))


def test_colmap_reads_cameras_poses_points_and_pictures(tmp_path):
    snapshot = random_snapshot(700)
    assert write_colmap(tmp_path, views(), snapshot) == 3
    found = pycolmap.Reconstruction(str(tmp_path / "sparse" / "0"))
    assert found.num_images() == 3 and found.num_cameras() == 1
    (lens,) = found.cameras.values()
    assert lens.model == pycolmap.CameraModelId.PINHOLE and (lens.width, lens.height) == (96, 64)
    np.testing.assert_allclose(lens.params, [86.4, 86.4, 48, 32])
    by_name = {image.name: image for image in found.images.values()}
    for name, frame in views():
        image = by_name[f"{name}.png"]
        np.testing.assert_allclose(image.cam_from_world().matrix(), frame.camera.camera_from_world[:3], atol=1e-9)
        np.testing.assert_allclose(image.projection_center(), frame.camera.position_world, atol=1e-9)
        point = frame.camera.back_project(frame.depth_m)[20, 31]
        np.testing.assert_allclose(lens.img_from_cam(image.cam_from_world() * point), (31.5, 20.5), atol=1e-3)
        assert (cv2.imread(str(tmp_path / "images" / f"{name}.png"))[..., ::-1] == frame.colour).all()
        mask = cv2.imread(str(tmp_path / "masks" / f"{name}.png.png"), cv2.IMREAD_UNCHANGED)
        assert ((mask == 0) == frame.dynamic).all() and set(np.unique(mask)) == {0, 255}
    places, rgb = points_of(snapshot)
    ids = sorted(found.points3D)
    np.testing.assert_array_equal([found.points3D[i].xyz for i in ids], places)
    np.testing.assert_array_equal([found.points3D[i].color for i in ids], rgb)


def test_nerfstudio_sees_the_depth_where_the_points_are(tmp_path):
    """Depth along nerfstudio's rays ends on the walls, in the world of its points: z up, x forward."""
    snapshot = snapshot_of(np.array([[1.0, 2.0, 3.0]]), np.array([[9, 8, 7]]))
    assert write_nerfstudio(tmp_path, views(), snapshot) == 3
    content = json.loads((tmp_path / "transforms.json").read_text())
    assert content["camera_model"] == "OPENCV" and len(content["frames"]) == 3
    for entry, (_, frame) in zip(content["frames"], views(), strict=True):
        assert all((tmp_path / entry[name]).is_file() for name in ("file_path", "depth_file_path", "mask_path"))
        depth = cv2.imread(str(tmp_path / entry["depth_file_path"]), cv2.IMREAD_UNCHANGED) / 1000
        assert depth.dtype == float and np.abs(depth - frame.depth_m).max() < 6e-4
        # Cameras.generate_rays of nerfstudio: pixel centres at half integers, y up, −z forward
        x, y = np.meshgrid(np.arange(entry["w"]) + 0.5, np.arange(entry["h"]) + 0.5)
        rays = np.stack([(x - entry["cx"]) / entry["fl_x"], -(y - entry["cy"]) / entry["fl_y"], -np.ones_like(x)], axis=-1)
        c2w = np.array(entry["transform_matrix"])
        assert np.linalg.det(c2w[:3, :3]) == pytest.approx(1)
        points = (rays * depth[..., None]) @ c2w[:3, :3].T + c2w[:3, 3]
        np.testing.assert_allclose(points, frame.camera.back_project(frame.depth_m) @ AXES["z_up"].T, atol=2e-3)
    body = (tmp_path / content["ply_file_path"]).read_bytes().split(b"end_header\n")[1]
    np.testing.assert_allclose(np.frombuffer(body, "<f4", 3), AXES["z_up"] @ points_of(snapshot)[0][0], rtol=1e-6)


def test_depth_that_sixteen_bits_cannot_say_is_none(tmp_path):
    frame = look(camera())
    far = np.full_like(frame.depth_m, 70.0)
    far[0, :4] = (np.inf, np.nan, -1, 65.5)
    write_nerfstudio(tmp_path, [NamedView("a", type(frame)(frame.camera, frame.colour, far))], random_snapshot(5))
    steps = cv2.imread(str(tmp_path / "depth" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert steps[0, 3] == 65500 and steps.sum() == 65500


@pytest.mark.parametrize("write", [write_nerfstudio, write_colmap])
def test_nothing_is_left_of_a_set_that_could_not_be_written(tmp_path, write):
    with pytest.raises(InvalidInputError, match="no frame"), atomic_folder(tmp_path / "set") as folder:
        write(folder, [], random_snapshot(5))
    (tmp_path / "file").write_text("in the way")
    for place in ("file/set", "file"):
        with pytest.raises((StoreError, ConflictError)), atomic_folder(tmp_path / place):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with atomic_folder(tmp_path / "set") as folder:
        write(folder, views(), random_snapshot(5))
    with pytest.raises(ConflictError, match="already"), atomic_folder(tmp_path / "set"):
        pass
