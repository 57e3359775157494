"""`reproject` carries a scene's structure on: laws over ray-cast worlds, where the truth is known to the pixel."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import CancelledError
from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Step
from spatia_bridge.generation.fill import fill
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.generation.structure import extent
from spatia_bridge.generation.structure.period import find_period
from spatia_bridge.generation.structure.planes import Kind, find_planes
from spatia_bridge.generation.structure.scene import find_surfaces
from spatia_bridge.generation.structure.views import view_of_frame, view_of_projection
from spatia_bridge.geometry.camera import Camera
from tests import worlds

SIZE = (160, 96)
EYE = (0.0, -0.5, -3.0)


def camera(eye=EYE, target=(0.0, -0.5, 1.0)) -> Camera:
    return worlds.camera(eye, target, SIZE)


def shown(frame: RgbdFrame, covered: np.ndarray) -> Projection:
    """What a perfect renderer shows of a memory that knows these pixels."""
    return Projection(
        frame.camera,
        np.where(covered[..., None], frame.colour, np.uint8(0)),
        np.where(covered, frame.depth_m, np.float32(0)),
        covered,
        np.where(covered, np.uint8(200), np.uint8(0)),
    )


def seen_from(frame: RgbdFrame, first: RgbdFrame) -> np.ndarray:
    """bool (H, W): pixels of a frame whose surface the first one saw too."""
    pixels, depth = first.camera.project(frame.camera.back_project(frame.depth_m))
    column, row = np.floor(pixels[..., 0]).astype(int), np.floor(pixels[..., 1]).astype(int)
    inside = (depth > 0) & (column >= 0) & (column < SIZE[0]) & (row >= 0) & (row < SIZE[1])
    there = first.depth_m[np.clip(row, 0, SIZE[1] - 1), np.clip(column, 0, SIZE[0] - 1)]
    return inside & (np.abs(there - depth) < 0.03 * depth)


def clip(cameras, look=worlds.look) -> tuple[list[RgbdFrame], list[Projection]]:
    """The truth along cameras, and what a memory of the first view alone shows of it."""
    truth = [look(view) for view in cameras]
    return truth, [shown(frame, seen_from(frame, truth[0])) for frame in truth]


def turning(count=5):
    """From straight ahead to the right-hand wall, walking on."""
    return [camera((0.0, -0.5, -3.0 + 0.15 * i), (1.0 * i, -0.5, 1.0)) for i in range(count)]


def make(projections, **request) -> list[GeneratedFrame]:
    events = list(Reproject().generate(ClipRequest(projections, **request), CancelToken()))
    assert sum(isinstance(event, Step) for event in events) == len(projections)
    return [event for event in events if isinstance(event, GeneratedFrame)]


def floor_texture(x, z, period):
    """Periodic along x and z, with nothing regular within a period."""
    a, b = 2 * np.pi * x / period, 2 * np.pi * z / period
    grey = 120 + 35 * np.sin(a) + 25 * np.sin(2 * a + 1) + 30 * np.sin(b) + 20 * np.sin(a + 2 * b)
    return np.clip(grey[..., None] + np.array([10, 0, -10]), 0, 255).astype(np.uint8)


def tiled_hall(view: Camera, period=0.8) -> RgbdFrame:
    """A floor at y = 1 with a periodic texture, and a plain wall at z = 6."""
    rays = view.rays() @ view.world_from_camera[:3, :3].T
    origin = view.position_world
    with np.errstate(divide="ignore", invalid="ignore"):
        wall, floor = (6.0 - origin[2]) / rays[..., 2], (1.0 - origin[1]) / rays[..., 1]
    wall, floor = np.where(wall > 0, wall, np.inf), np.where(floor > 0, floor, np.inf)
    depth = np.minimum(wall, floor)
    points = origin + rays * np.where(np.isfinite(depth), depth, 0)[..., None]
    colour = np.where((floor < wall)[..., None], floor_texture(points[..., 0], points[..., 2], period), np.uint8(90))
    return RgbdFrame(view, colour.astype(np.uint8), np.where(np.isfinite(depth), depth, 0).astype(np.float32))


def test_planes_of_the_room_are_found_within_a_degree_and_a_percent():
    views = [view_of_frame(worlds.look(view, pillar=False)) for view in turning()]
    planes, labels = find_planes([view.samples() for view in views], lambda: None)
    faces = {(0, -1, 0): -1.0, (0, 1, 0): -2.0, (0, 0, -1): -4.0, (-1, 0, 0): -3.0, (1, 0, 0): -3.0}
    for facing, offset in faces.items():
        best = max(planes, key=lambda plane: plane.normal_world @ facing)
        assert best.normal_world @ facing > np.cos(np.radians(1.0)), facing
        assert best.offset_m == pytest.approx(offset, rel=0.01), facing
    assert {plane.kind for plane in planes} == {Kind.FLOOR, Kind.CEILING, Kind.WALL}
    assert len(planes) == len(faces)
    assert np.mean([(label >= 0).mean() for label in labels]) > 0.9


def test_covered_pixels_stay_bit_by_bit():
    _, projections = clip(turning())
    for frame, projection in zip(make(projections), projections, strict=True):
        covered = projection.coverage
        assert (frame.colour[covered] == projection.colour[covered]).all()
        assert (frame.depth_m[covered] == projection.depth_m[covered]).all()
        assert (frame.confidence[covered] == projection.confidence[covered] / np.float32(255)).all()
        assert frame.confidence[~covered].max(initial=0) <= 0.4


def test_the_room_goes_on_where_it_was_not_seen():
    truth, projections = clip(turning(), lambda view: worlds.look(view, pillar=False))
    for frame, real, projection in zip(make(projections)[1:], truth[1:], projections[1:], strict=True):
        hole = ~projection.coverage
        assert hole.mean() > 0.05
        error = np.abs(frame.depth_m - real.depth_m)[hole] / real.depth_m[hole]
        assert np.mean(error < 0.02) > 0.85
        smooth = fill(projection.colour, projection.depth_m, projection.coverage)[1]
        assert error.mean() < 0.5 * (np.abs(smooth - real.depth_m)[hole] / real.depth_m[hole]).mean()


def test_a_point_of_the_world_has_one_colour_throughout_a_clip():
    _, projections = clip(turning())
    frames = make(projections)
    compared = 0
    for one, other in ((3, 4), (2, 3), (2, 4)):
        a, b = frames[one], frames[other]
        pixels, depth = projections[other].camera.project(projections[one].camera.back_project(a.depth_m))
        column, row = np.floor(pixels[..., 0]).astype(int), np.floor(pixels[..., 1]).astype(int)
        inside = (depth > 0.1) & (column >= 0) & (column < SIZE[0]) & (row >= 0) & (row < SIZE[1])
        column, row = np.clip(column, 0, SIZE[0] - 1), np.clip(row, 0, SIZE[1] - 1)
        both = inside & ~projections[one].coverage & ~projections[other].coverage[row, column]
        both &= np.abs(b.depth_m[row, column] - depth) < 0.01 * depth
        gap = np.abs(a.colour.astype(int) - b.colour[row, column])[both].max(axis=-1)
        compared += both.sum()
        assert np.percentile(gap, 95) <= 10
    assert compared > 5000


def test_a_periodic_floor_goes_on_with_its_period():
    view = camera((0.0, -0.4, 0.0), (0.0, 0.6, 3.0))
    real = tiled_hall(view)
    covered = np.zeros((SIZE[1], SIZE[0]), bool)
    covered[:, 20:110] = True
    (frame,) = make([shown(real, covered & real.valid_depth())])
    floor = ~covered & (real.camera.back_project(real.depth_m)[..., 1] > 0.99)
    floor[:, :3] = floor[:, -3:] = False
    wanted, made = real.colour[floor].mean(axis=1), frame.colour[floor].mean(axis=1)
    assert floor.sum() > 2000
    assert np.corrcoef(wanted, made)[0, 1] > 0.85
    smooth = fill(real.colour, real.depth_m, covered & real.valid_depth())[0]
    assert np.corrcoef(wanted, smooth[floor].mean(axis=1))[0, 1] < 0.5
    surface = find_surfaces([view_of_projection(shown(real, covered))], lambda: None)[0]
    assert surface.plane.kind is Kind.FLOOR
    assert surface.tile.width_m == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize("period", [13.0, 21.4, 37.0])
def test_a_period_is_found_to_a_fraction_of_a_texel(period):
    x, z = np.meshgrid(np.arange(140.0), np.arange(60.0))
    grey = floor_texture(x, z, period).mean(axis=2).astype(np.float32) + np.float32(0.2) * x.astype(np.float32)  # and light
    known = np.ones(grey.shape, bool)
    known[10:30, 40:70] = False
    assert find_period(grey, known, 1) == pytest.approx(period, abs=0.15)


def test_what_does_not_repeat_has_no_period():
    noise = np.random.default_rng(5).random((60, 140)).astype(np.float32) * 100
    assert find_period(noise, np.ones(noise.shape, bool), 1) == 0
    assert find_period(np.full((60, 140), 7, np.float32), np.ones((60, 140), bool), 1) == 0


def test_an_object_does_not_grow_into_what_lies_behind_it():
    cameras = [camera((0.25 * i, -0.5, -3.0), (0.25 * i, -0.5, 1.0)) for i in range(4)]
    _, projections = clip(cameras)
    grown = holes = 0
    for frame, projection in zip(make(projections), projections, strict=True):
        points = projection.camera.back_project(frame.depth_m)
        hole = ~projection.coverage
        on_its_face = hole & (np.abs(points[..., 2] - worlds.PILLAR_LOW[2]) < 0.05) & (np.abs(points[..., 0]) > 0.43)
        grown, holes = grown + on_its_face.sum(), holes + hole.sum()
    assert holes > 1000
    assert grown < 0.01 * holes


def test_references_are_used_where_they_see():
    truth, projections = clip(turning())
    whole = make(projections, references=(ReferenceFrame(truth[-1], 1, 0),))[-1]
    hole = ~projections[-1].coverage
    warped = hole & (whole.confidence == np.float32(0.6))
    assert warped.sum() > 0.98 * hole.sum()
    assert np.abs(whole.colour.astype(int) - truth[-1].colour)[warped].max() == 0
    assert np.allclose(whole.depth_m[warped], truth[-1].depth_m[warped], rtol=1e-5)
    aside = worlds.look(camera((0.6, -0.5, -2.6), (4.0, -0.5, 1.5)))
    warped = hole & (make(projections, references=(ReferenceFrame(aside, 1, 0),))[-1].confidence == np.float32(0.6))
    frame = make(projections, references=(ReferenceFrame(aside, 1, 0),))[-1]
    assert warped.sum() > 0.5 * hole.sum()
    assert np.percentile(np.abs(frame.colour.astype(int) - truth[-1].colour)[warped], 95) <= 8


def test_what_moves_in_a_reference_is_left_out():
    truth, projections = clip(turning())
    red = np.zeros_like(truth[-1].colour)
    red[..., 0] = 255
    moving = replace(truth[-1], colour=red, dynamic=np.ones(red.shape[:2], bool))
    plain, with_it = make(projections), make(projections, references=(ReferenceFrame(moving, 1, 0),))
    for a, b in zip(plain, with_it, strict=True):
        assert (a.colour == b.colour).all()


def test_nothing_covered_is_grey():
    nothing = shown(worlds.look(camera()), np.zeros((SIZE[1], SIZE[0]), bool))
    for frame in make([nothing, nothing]):
        assert (frame.colour == 128).all()
        assert not frame.depth_m.any()
        assert not frame.confidence.any()
    assert make([]) == []


def test_without_a_plane_it_is_smooth_filling():
    rng = np.random.default_rng(3)
    frame = worlds.look(camera())
    rough = RgbdFrame(frame.camera, frame.colour, rng.uniform(1, 9, frame.depth_m.shape).astype(np.float32))
    projection = shown(rough, rng.random(rough.depth_m.shape) < 0.7)
    colour, depth, _ = fill(projection.colour, projection.depth_m, projection.coverage)
    (made,) = make([projection])
    assert (made.colour == colour).all()
    assert (made.depth_m == depth).all()


def test_the_same_request_gives_the_same_frames():
    truth, projections = clip(turning())
    references = (ReferenceFrame(truth[2], 1, 2),)
    first = make(projections, references=references)
    second = make(projections, references=references, prompt="other", seed=9)
    for a, b in zip(first, second, strict=True):
        assert (a.colour == b.colour).all()
        assert (a.depth_m == b.depth_m).all()
        assert (a.confidence == b.confidence).all()


class Watched(list):
    """A projection video that cancels the work once a frame is asked for."""

    def __init__(self, items, token, at):
        super().__init__(items)
        self.token, self.at, self.asked = token, at, []

    def __getitem__(self, number):
        self.asked.append(number)
        if number == self.at:
            self.token.cancel()
        return super().__getitem__(number)


def test_cancel_is_heard_before_the_search_during_it_and_before_every_frame():
    _, projections = clip(turning())
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        next(iter(Reproject().generate(ClipRequest(projections), token)))
    token = CancelToken()
    watched = Watched(projections, token, 2)
    with pytest.raises(CancelledError):
        next(iter(Reproject().generate(ClipRequest(watched), token)))
    assert 4 not in watched.asked
    token = CancelToken()
    events = Reproject().generate(ClipRequest(projections), token)
    assert isinstance(next(events), GeneratedFrame)
    token.cancel()
    assert isinstance(next(events), Step)
    with pytest.raises(CancelledError):
        next(events)


def test_the_search_for_planes_can_be_ended_at_each_plane():
    views = [view_of_frame(worlds.look(view)) for view in turning(2)]
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        find_surfaces(views, check)
    assert calls == 4


def carried(row, reach=20, beyond=True):
    state = np.array([["?K+~F".index(c) for c in row]], np.uint8)
    away = np.where(state == extent.KNOWN, np.float32(0), np.float32(1e9))
    extent._carry(state, away, reach, extent.RUN, beyond)
    return "".join("?K+~F"[v] for v in state[0])


def test_the_rules_of_carrying_on():
    assert carried("KK???KK") == "KK+++KK", "between two known parts"
    assert carried("???KK?????????") == "+++KK++++?????", "as far again, times RUN, as it was seen to go"
    assert carried("??????KKKKKK??????", reach=2) == "????++KKKKKK++????", "within the plane's reach"
    assert carried("KKKK????F") == "KKKK~~??F", "towards what was seen through, half, in doubt"
    assert carried("FF??KF") == "FF?~KF"
    assert carried("KKKK????F", beyond=False) == "KKKK????F"
    assert carried("KK?F?KK") == "KK?F?KK" or carried("KK?F?KK").count("+") == 0
    assert carried("?????") == "?????"


def test_a_room_has_an_end():
    truth, projections = clip([camera(), camera((0.0, -0.5, -3.0), (0.0, -0.5, -9.0))], lambda v: worlds.look(v, pillar=False))
    frame = make(projections)[1]  # turned about: not a pixel of it was seen before
    assert not projections[1].coverage.any()
    assert (frame.depth_m > 0).mean() > 0.95
    assert frame.depth_m.max() < 40
    assert frame.confidence.max() <= 0.4
    assert truth[1].depth_m.max() < frame.depth_m.max()
