"""What every Renderer must do; a backend's test subclasses this and says how to make one."""

import numpy as np
import pytest

from benchmarks.scenes import Patch, checks, plaster, snapshot
from spatia_bridge.frames import Projection
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.renderer import Renderer

VOXEL_M = 0.04
AHEAD = se3.look_at((0, 0, 0), (0, 0, 1))


def camera(width: int = 96, height: int = 64, focal: float = 80.0, pose: np.ndarray = AHEAD) -> Camera:
    return Camera(Intrinsics(focal, focal, width / 2, height / 2, width, height), pose)


def wall(z: float, half: float, texture=checks) -> Patch:  # type: ignore[no-untyped-def]
    """A square wall across the view, seen from the origin."""
    return Patch((-half, -half, z), (0, 2 * half, 0), (2 * half, 0, 0), texture)


def red(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.tile(np.uint8([250, 10, 10]), (len(a), 1))


def blue(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.tile(np.uint8([10, 10, 250]), (len(a), 1))


class RendererContract:
    def make(self) -> Renderer:
        raise NotImplementedError

    @pytest.fixture
    def renderer(self) -> Renderer:
        return self.make()

    def check_images(self, projection: Projection, view: Camera) -> None:
        shape = (view.intrinsics.height, view.intrinsics.width)
        assert projection.camera is view
        assert projection.colour.shape == (*shape, 3) and projection.colour.dtype == np.uint8
        assert projection.depth_m.shape == shape and projection.depth_m.dtype == np.float32
        assert projection.coverage.shape == shape and projection.coverage.dtype == np.bool_
        assert projection.confidence.shape == shape and projection.confidence.dtype == np.uint8
        empty = ~projection.coverage
        assert not projection.colour[empty].any() and not projection.confidence[empty].any()
        assert (projection.depth_m[empty] == 0).all() and (projection.depth_m[projection.coverage] > 0).all()

    def test_an_empty_snapshot_covers_nothing(self, renderer: Renderer) -> None:
        view = camera()
        projection = renderer.render(Snapshot(VOXEL_M), view)
        self.check_images(projection, view)
        assert not projection.coverage.any()

    def test_a_wall_is_closed_and_where_it_is(self, renderer: Renderer) -> None:
        base, view = snapshot([wall(4.0, 6.0)], VOXEL_M), camera()
        projection = renderer.render(base, view)
        self.check_images(projection, view)
        assert projection.coverage.all()
        assert np.abs(projection.depth_m - 4.0).max() < VOXEL_M
        assert projection.confidence.min() >= 128  # as the scene's records say

    @pytest.mark.parametrize("scale", [1, 2, 3, 4])
    def test_a_wall_stays_closed_in_larger_images(self, renderer: Renderer, scale: int) -> None:
        base = snapshot([wall(4.0, 6.0)], 0.05)  # at scale 1 one point a pixel
        assert renderer.render(base, camera().resized(96 * scale, 64 * scale)).coverage.all()

    @pytest.mark.parametrize("distance", [0.3, 1.0, 8.0, 30.0])
    def test_a_wall_stays_closed_near_and_far(self, renderer: Renderer, distance: float) -> None:
        base = snapshot([wall(distance, 1.03 * distance)], VOXEL_M)
        assert renderer.render(base, camera()).coverage.all()

    @pytest.mark.parametrize("degrees", [0, 37, 70, 85])
    def test_a_turned_wall_is_closed_and_planar(self, renderer: Renderer, degrees: float) -> None:
        a = np.radians(degrees)
        across = 12 * np.array([np.cos(a), 0, -np.sin(a)])
        base = snapshot([Patch(tuple(np.array([0, -3, 3]) - across / 2), (0, 6, 0), tuple(across), checks)], VOXEL_M)
        view = camera()
        projection = renderer.render(base, view)
        points = view.back_project(projection.depth_m)[projection.coverage]
        off_plane = np.abs((points - (0, 0, 3)) @ (np.sin(a), 0, np.cos(a)))
        assert np.percentile(off_plane, 99) < VOXEL_M
        rays = view.rays()
        reach = 3 * np.cos(a) / (rays @ np.array([np.sin(a), 0, np.cos(a)]))  # depth of the infinite plane
        x = np.abs((rays * reach[..., None] - (0, 0, 3)) @ (across / 12))
        y = np.abs(rays[..., 1] * reach)
        inside = (reach > 0.1) & (x < 5.8) & (y < 2.8)
        assert inside.any() and projection.coverage[inside].all()

    def test_a_grazing_floor_is_closed(self, renderer: Renderer) -> None:
        base = snapshot([Patch((-8, 0.6, 0), (0, 0, 12), (16, 0, 0), checks)], VOXEL_M)
        view = camera()
        projection = renderer.render(base, view)
        depth = 0.6 * 80 / np.maximum(np.arange(64) + 0.5 - 32, 1e-3)
        rows = (depth < 11) & (depth > 1)
        assert projection.coverage[rows].all()
        error = np.abs(projection.depth_m[rows] / depth[rows, None] - 1)
        assert np.median(error) < 0.01 and error.max() < 0.15

    def test_what_is_behind_does_not_shine_through(self, renderer: Renderer) -> None:
        base = snapshot([wall(2.0, 3.0, red), wall(3.0, 4.0, blue)], VOXEL_M)
        for scale in (1, 3):
            projection = renderer.render(base, camera().resized(96 * scale, 64 * scale))
            assert (projection.colour[..., 0] > 200).all()

    def test_a_slit_of_a_pixel_in_a_surface_is_closed(self, renderer: Renderer) -> None:
        """And a wider one is not: there the wall behind shows."""
        for width_px, seen in ((0.9, 0), (6.0, 4)):
            half = width_px / 2 * 2.0 / 160
            left = Patch((-3, -3, 2.0), (0, 6, 0), (3 - half, 0, 0), red)
            right = Patch((half, -3, 2.0), (0, 6, 0), (3 - half, 0, 0), red)
            base = snapshot([left, right, wall(4.0, 6.0, blue)], 0.01)
            projection = renderer.render(base, camera(192, 128, 160))
            assert projection.coverage.all()
            assert (projection.colour[..., 2] > 200).any(axis=0).sum() >= seen
            assert seen or not (projection.colour[..., 2] > 200).any()

    def test_silhouettes_are_at_most_a_footprint_too_wide(self, renderer: Renderer) -> None:
        base = snapshot([wall(2.0, 0.5, red), wall(4.0, 6.0, blue)], VOXEL_M)
        projection = renderer.render(base, camera(160, 160))
        seen = projection.colour[..., 0] > 200
        true, voxel = 2 * 0.5 * 80 / 2.0, VOXEL_M * 80 / 2.0
        assert true - 2 < seen.any(axis=0).sum() <= true + 2 * voxel + 2

    def test_points_behind_the_camera_are_not_drawn(self, renderer: Renderer) -> None:
        base = snapshot([wall(-2.0, 3.0)], VOXEL_M)
        assert not renderer.render(base, camera()).coverage.any()

    def test_the_camera_may_stand_within_the_points(self, renderer: Renderer) -> None:
        base = snapshot([Patch((-4, 0.02, -4), (0, 0, 8), (8, 0, 0), checks), wall(3.0, 3.0)], VOXEL_M)
        view = camera(pose=se3.look_at((0, 0, 0), (0.1, 0.02, 1)))
        projection = renderer.render(base, view)
        self.check_images(projection, view)
        assert np.isfinite(projection.depth_m).all()

    def test_a_level_is_only_another_way_to_say_voxel_size(self, renderer: Renderer) -> None:
        view = camera()
        fine = renderer.render(snapshot([wall(20.0, 30.0, plaster)], 0.1), view)
        coarse = renderer.render(snapshot([wall(20.0, 30.0, plaster)], 0.0125, level=3), view)
        assert fine.coverage.all() and np.array_equal(coarse.coverage, fine.coverage)
        assert np.abs(coarse.depth_m - fine.depth_m).max() < 0.01
        assert (coarse.colour == fine.colour).mean() > 0.99

    def test_far_from_the_origin_nothing_is_lost(self, renderer: Renderer) -> None:
        here, far = snapshot([wall(4.0, 3.0)], 0.0625), np.array([4096.0, -512.0, 2048.0])  # whole cubes
        patch = wall(4.0, 3.0)
        moved = snapshot([Patch(tuple(np.array(patch.corner) + far), patch.side_a, patch.side_b, checks)], 0.0625)
        a = renderer.render(here, camera())
        b = renderer.render(moved, camera(pose=se3.look_at(far, far + np.array((0, 0, 1.0)))))
        assert (a.colour == b.colour).mean() > 0.999 and np.abs(a.depth_m - b.depth_m).max() < 1e-2

    def test_the_same_input_gives_the_same_pixels(self, renderer: Renderer) -> None:
        base, view = snapshot([wall(4.0, 3.0), wall(6.0, 8.0)], VOXEL_M), camera()
        first, again, fresh = renderer.render(base, view), renderer.render(base, view), self.make().render(base, view)
        for other in (again, fresh):
            assert np.array_equal(first.colour, other.colour) and np.array_equal(first.depth_m, other.depth_m)

    def test_the_order_of_the_chunks_does_not_matter(self, renderer: Renderer) -> None:
        base, view = snapshot([wall(4.0, 3.0), wall(4.05, 8.0, red)], VOXEL_M), camera()
        reverse = Snapshot(VOXEL_M, dict(reversed(base.chunks.items())), points=base.points)
        a, b = renderer.render(base, view), renderer.render(reverse, view)
        assert np.array_equal(a.colour, b.colour) and np.array_equal(a.depth_m, b.depth_m)

    def test_pixels_need_not_be_square(self, renderer: Renderer) -> None:
        base = snapshot([wall(4.0, 6.0)], VOXEL_M)
        view = Camera(Intrinsics(80.0, 96.0, 40.0, 30.0, 96, 64), AHEAD)
        assert renderer.render(base, view).coverage.all()

    def test_projection_renders_a_frame_when_it_is_asked_for(self, renderer: Renderer) -> None:
        base = snapshot([wall(4.0, 3.0)], VOXEL_M)
        cameras = [camera(pose=se3.look_at((x, 0, 0), (x, 0, 1))) for x in (0.0, 0.1, 0.2)]
        video = renderer.project(base, cameras)
        assert len(video) == 3 and video.rendered == 0
        assert video[1] is video[1] and video.rendered == 1
        assert np.array_equal(video[-1].colour, renderer.render(base, cameras[2]).colour)
        assert [p.camera for p in video[:2]] == cameras[:2] and [p.camera for p in video] == cameras
        with pytest.raises(IndexError):
            video[3]
