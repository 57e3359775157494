"""Masks of what was removed."""

import numpy as np
import pytest

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.memory.regions import Box, Sphere
from spatia_bridge.retrieval import removed_along, removed_pixels
from tests.retrieval.views import random_views, view
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, look

PILLAR = Box.from_bounds(PILLAR_LOW - 0.01, PILLAR_HIGH - (-0.01, 0.02, -0.01))  # not the floor below it
CAMERAS = [view((0, -0.5, -3), (0, -0.5, 4)), *random_views(6)]


@pytest.mark.parametrize("c", CAMERAS)
def test_mask_is_what_the_object_fills(c):
    frame = look(c, ids=True)
    mask = removed_pixels(frame, (PILLAR,), grow_px=0)
    points = c.back_project(frame.depth_m)
    object_px = (frame.object_ids == 7) & (points[..., 1] < PILLAR_HIGH[1] - 0.03)
    assert (mask & object_px).sum() == object_px.sum()
    assert not (mask & (frame.object_ids == 0) & ~PILLAR.contains(points.reshape(-1, 3)).reshape(mask.shape)).any()


@pytest.mark.parametrize("c", CAMERAS)
@pytest.mark.parametrize("region", [PILLAR, Sphere(np.array([0.0, -0.5, 1.4]), 0.9), Box(se3.look_at((1, 0, 1), (2, 1, 0)))])
def test_masks_grow_with_regions_and_pixels(c, region):
    frame = look(c)
    one = removed_pixels(frame, (region,), grow_px=0)
    two = removed_pixels(frame, (region, Sphere(np.zeros(3), 1.0)), grow_px=0)
    grown = removed_pixels(frame, (region,))
    assert not (one & ~two).any() and not (one & ~grown).any()
    assert one.any() == grown.any()


def test_growing_is_a_square():
    frame = look(CAMERAS[0])
    ball = Sphere(CAMERAS[0].back_project(frame.depth_m)[40, 60], 1e-4)
    assert np.argwhere(removed_pixels(frame, (ball,), grow_px=0)).tolist() == [[40, 60]]
    rows, columns = np.nonzero(removed_pixels(frame, (ball,), grow_px=3))
    assert (rows.min(), rows.max(), columns.min(), columns.max(), len(rows)) == (37, 43, 57, 63, 49)


def test_without_tombstones_nothing_is_hidden():
    assert not removed_pixels(look(CAMERAS[0]), ()).any()


def test_what_is_hidden_behind_something_else_stays():
    frame = look(CAMERAS[0])  # the pillar stands before the far wall
    behind = Box.from_bounds((-0.3, -1.0, 3.0), (0.3, 0.0, 3.9))
    assert not removed_pixels(frame, (behind,)).any()


@pytest.mark.parametrize("region", [PILLAR, Sphere(np.array([0.0, -0.5, 1.4]), 0.4)])
@pytest.mark.parametrize("c", CAMERAS)
def test_pixels_without_depth_are_hidden_where_their_rays_meet_a_region(c, region):
    unknown = np.zeros((90, 160), np.float32)
    mask = removed_along(c, unknown, (region,), grow_px=0)
    depths = np.linspace(0.02, 12, 600)
    points = c.position_world + (c.rays() @ c.world_from_camera[:3, :3].T)[::7, ::7, None] * depths[:, None]
    marched = region.contains(points.reshape(-1, 3)).reshape(points.shape[:-1]).any(axis=-1)
    assert (mask[::7, ::7] != marched).mean() < 0.01  # the march may step over an edge
    assert not (marched & ~mask[::7, ::7]).any()
    assert not removed_along(c, np.full((90, 160), np.inf, np.float32), (region,)).any()
    assert np.array_equal(mask, removed_along(c, unknown * np.nan, (region,), grow_px=0))


def test_regions_behind_the_camera_do_not_matter():
    c = view((0, -0.5, -3), (0, -0.5, -4))
    assert not removed_along(c, np.zeros((90, 160), np.float32), (PILLAR,)).any()


def test_a_camera_inside_a_region_sees_nothing_else_unknown():
    around = Sphere(np.array([0.0, -0.5, -3.0]), 1.0)
    assert removed_along(CAMERAS[0], np.zeros((90, 160), np.float32), (around,)).all()
    frame = look(CAMERAS[0])
    assert not removed_pixels(RgbdFrame(frame.camera, frame.colour, frame.depth_m), (around,), 0)[frame.depth_m > 1.5].any()
