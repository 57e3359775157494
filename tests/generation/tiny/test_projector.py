"""The training's stand-in for memory's renderer: right places, the nearest wins, and close to the real one."""

import numpy as np
import torch

from spatia_bridge.generation.tiny.projector import Lenses, back_project, splat
from spatia_bridge.memory import Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.update import Slam
from tests.worlds import camera, look


def lenses(view) -> Lenses:
    k = view.intrinsics
    return Lenses(torch.tensor([[k.fx, k.fy, k.cx, k.cy]]), k.width, k.height)


def pose(view, anchor) -> torch.Tensor:
    return torch.from_numpy(anchor.camera_from_world @ view.world_from_camera).float()[None, None]


def drawn(frames, to):
    """Frames splatted into a camera: colour (3, H, W) 0…255, depth and coverage (H, W)."""
    lens = lenses(to)
    depth = torch.from_numpy(np.stack([f.depth_m for f in frames]))[None]
    points = back_project(depth, torch.cat([pose(f.camera, to) for f in frames], dim=1), lens)
    colour = torch.from_numpy(np.stack([f.colour for f in frames])).float()[None]
    footprint = depth / lens.values[:, :2].mean()
    parts = (part.flatten(1, 3) for part in (points, colour, depth > 0, footprint))
    out, out_depth, there = splat(*parts, torch.eye(4)[None, None], lens)
    return out[0, 0].numpy(), out_depth[0, 0].numpy(), there[0, 0].numpy()


def test_a_view_splatted_into_itself_is_itself():
    view = look(camera())
    colour, depth, there = drawn([view], view.camera)
    assert there.all()
    assert np.array_equal(colour, np.moveaxis(view.colour, -1, 0).astype(np.float32))
    assert np.allclose(depth, view.depth_m, rtol=1e-5)


def test_points_land_where_the_camera_says_within_a_pixel():
    """One bright pixel of an earlier view is found where Camera.project puts its point."""
    view, to = look(camera()), camera((0.3, -0.4, -2.8))
    for row, column in ((40, 20), (30, 70), (50, 48)):
        marked = view.colour.copy() // 4
        marked[row, column] = 255
        colour, _, _ = drawn([type(view)(view.camera, marked, view.depth_m)], to)
        point = view.camera.back_project(view.depth_m)[row, column]
        (u, v), _ = to.project(point)
        found = np.argwhere((colour == 255).all(axis=0)) + 0.5
        assert len(found) and np.abs(found - (v, u)).max(axis=1).min() <= 0.5
        assert np.abs(found - (v, u)).max() <= 1.6


def test_the_nearest_wins():
    views = [look(camera(), pillar=False), look(camera())]
    to = camera((0.2, -0.5, -2.9))
    for order in (views, views[::-1]):
        _, depth, there = drawn(order, to)
        truth = look(to).depth_m
        pillar = there & (look(to, ids=True).object_ids == 7)
        inner = pillar[:, 2:-2] & pillar[:, :-4] & pillar[:, 4:]
        assert inner.sum() > 100 and np.allclose(depth[:, 2:-2][inner], truth[:, 2:-2][inner], rtol=0.05)


def test_it_shows_what_memory_shows():
    """Against the real memory and renderer: nearly the same pixels covered, at nearly the same depth."""
    frames = [look(camera()), look(camera((0.8, -0.5, -2.5)))]
    slam, renderer = Slam(CpuRenderer()), CpuRenderer()
    update = slam.seed(Snapshot(0.02), frames)
    memory = Snapshot(update.voxel_size_m).with_changes(update.changes)
    for eye in ((0.4, -0.5, -2.7), (-0.3, -0.6, -2.0)):
        to = camera(eye)
        projection = renderer.render(memory, to)
        colour, depth, there = drawn(frames, to)
        both = there & projection.coverage
        assert both.sum() / (there | projection.coverage).sum() > 0.9
        close = np.abs(depth - projection.depth_m)[both] < 0.05 * projection.depth_m[both]
        assert close.mean() > 0.97
        error = (np.moveaxis(colour, 0, -1)[both] - projection.colour[both].astype(float)) ** 2
        assert 10 * np.log10(255**2 / error.mean()) > 25
