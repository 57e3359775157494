"""A request as latents: which pictures are known, what the control branch is shown, sizes and ranges."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.errors import CancelledError
from spatia_bridge.frames import Projection, ReferenceFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest
from spatia_bridge.generation.spatia_wan.conditions import (
    Plan,
    control_video,
    decode,
    encode,
    encode_plan,
    images,
    known_picture,
    picture,
)
from spatia_bridge.generation.spatia_wan.settings import Settings, padded, whole, working_size
from spatia_bridge.generation.spatia_wan.weights import tiny_vae
from tests.worlds import camera, look

RELEASED = Settings()
SIZE = (96, 64)


def views(count: int):
    return tuple(look(camera((0.1 * i, 0, -3), (0.1 * i, 0, 1), SIZE)) for i in range(count))


def projection(count: int, coverage: float = 0.5) -> list[Projection]:
    """The left part is covered."""
    out = []
    for frame in views(count):
        covered = np.zeros(SIZE[::-1], bool)
        covered[:, : round(SIZE[0] * coverage)] = True
        colour = np.where(covered[..., None], frame.colour, np.uint8(77))  # what is not covered must not be looked at
        out.append(Projection(frame.camera, colour, frame.depth_m, covered, np.where(covered, np.uint8(255), np.uint8(0))))
    return out


def reference(frame) -> ReferenceFrame:
    return ReferenceFrame(frame, 0, 0)


class TestPlan:
    def test_the_released_rounds(self) -> None:
        """121 frames from a photo; then 72 new ones after 9 of history, 81 in all."""
        photo = views(1)[0]
        first = Plan.of(ClipRequest(projection(1) * 121, (reference(photo),)), RELEASED)
        assert first.history == (photo,) and first.references == () and (first.repeated, first.frames) == (0, 121)
        before = views(12)
        next_one = Plan.of(ClipRequest(projection(1) * 72, preceding=before), RELEASED)
        assert next_one.history == before[-9:] and (next_one.repeated, next_one.frames) == (9, 81)

    @pytest.mark.parametrize(("given", "used"), [(0, 0), (1, 1), (4, 1), (5, 5), (8, 5), (9, 9), (20, 9)])
    def test_history_fills_whole_latents(self, given, used) -> None:
        plan = Plan.of(ClipRequest(projection(3), preceding=views(given)), RELEASED)
        assert len(plan.history) == plan.repeated == used and plan.frames % 4 == 1 and plan.frames >= used + 3

    def test_only_the_picture_from_where_the_clip_begins_is_its_first_frame(self) -> None:
        here, beside = views(2)
        wider = look(replace(here.camera, intrinsics=replace(here.camera.intrinsics, fx=40.0)))
        plan = Plan.of(ClipRequest(projection(3), tuple(map(reference, (beside, wider, here)))), RELEASED)
        assert plan.history == (here,) and plan.references == (beside, wider)

    def test_references_up_to_their_number(self) -> None:
        given = tuple(map(reference, views(9)))
        assert len(Plan.of(ClipRequest(projection(3), given, views(5)), RELEASED).references) == 7

    def test_frames_and_latents(self) -> None:
        assert [padded(n) for n in (1, 2, 5, 6, 81)] == [1, 5, 5, 9, 81]
        assert [whole(n) for n in (0, 1, 4, 5, 80, 81)] == [0, 1, 1, 5, 77, 81]


class TestControlVideo:
    def test_projection_on_black_and_holes(self) -> None:
        video = projection(3)
        colour, holes = control_video(Plan.of(ClipRequest(video), RELEASED), video, SIZE, CancelToken())
        assert colour.shape == holes.shape == (3, 5, 64, 96)
        assert (holes[:, :, :, :48] == 0).all() and (holes[:, :, :, 48:] == 1).all()
        assert (colour[:, :, :, 48:] == -1).all()
        assert np.allclose((colour[:, 1, :, :48] + 1) * 127.5, video[1].colour[:, :48].transpose(2, 0, 1), atol=1e-3)

    def test_the_last_view_is_held(self) -> None:
        video = projection(3)
        colour, holes = control_video(Plan.of(ClipRequest(video), RELEASED), video, SIZE, CancelToken())
        assert np.array_equal(colour[:, 3], colour[:, 2]) and np.array_equal(holes[:, 4], holes[:, 2])
        assert not np.array_equal(colour[:, 1], colour[:, 2])

    def test_history_shows_itself_where_it_is_static_and_has_depth(self) -> None:
        before = list(views(1))
        moves = np.zeros(SIZE[::-1], bool)
        moves[:32] = True
        depth = before[0].depth_m.copy()
        depth[:, :10] = 0
        before[0] = replace(before[0], dynamic=moves, depth_m=depth)
        video = projection(2)
        colour, holes = control_video(Plan.of(ClipRequest(video, preceding=tuple(before)), RELEASED), video, SIZE, CancelToken())
        assert (holes[:, 0, :32] == 1).all() and (holes[:, 0, :, :10] == 1).all() and (holes[:, 0, 32:, 10:] == 0).all()
        assert np.allclose(colour[:, 0, 32:, 10:], picture(before[0].colour, SIZE)[:, 32:, 10:])
        assert np.array_equal(
            colour[:, 1], control_video(Plan.of(ClipRequest(video), RELEASED), video, SIZE, CancelToken())[0][:, 0]
        )

    def test_history_that_was_stored_without_depth_shows_itself_but_for_what_moves(self) -> None:
        moves = np.zeros(SIZE[::-1], bool)
        moves[:32] = True
        before = replace(views(1)[0], depth_m=np.zeros(SIZE[::-1], np.float32))
        for frame, covered in ((before, ~np.zeros_like(moves)), (replace(before, dynamic=moves), ~moves)):
            video = projection(1)
            _, holes = control_video(Plan.of(ClipRequest(video, preceding=(frame,)), RELEASED), video, SIZE, CancelToken())
            assert np.array_equal(holes[0, 0] == 0, covered)

    def test_at_a_smaller_size_half_covered_pixels_are_half_holes(self) -> None:
        video = projection(1, coverage=0.75)
        _, holes = control_video(Plan.of(ClipRequest(video), RELEASED), video, (32, 32), CancelToken())
        assert holes.min() == 0 and holes.max() == 1 and abs(holes.mean() - 0.25) < 0.01


class TestSizes:
    @pytest.mark.parametrize("size", [(1248, 704), (832, 464), (1920, 1080), (640, 480), (17, 2000), (3, 3)])
    def test_sides_are_multiples_within_the_budget(self, size) -> None:
        width, height = working_size(*size, RELEASED)
        assert width % 32 == height % 32 == 0 and min(width, height) >= 32
        budget = RELEASED.width * RELEASED.height
        assert width * height <= 1.15 * budget
        if size[0] * size[1] <= budget:
            assert abs(width - size[0]) <= 32 and abs(height - size[1]) <= 32

    def test_the_released_size_stays(self) -> None:
        assert working_size(1248, 704, RELEASED) == (1248, 704)

    def test_pictures_of_the_working_size_come_back_to_the_bit(self) -> None:
        frame = views(1)[0].colour
        assert np.array_equal(images(torch.from_numpy(picture(frame, SIZE))[None, :, None], SIZE)[0], frame)

    def test_others_come_back_alike(self) -> None:
        frame = views(1)[0].colour
        made = images(torch.from_numpy(picture(frame, (128, 96)))[None, :, None], SIZE)[0]
        assert made.shape == frame.shape and np.abs(made.astype(float) - frame).mean() < 6


class TestLatents:
    def test_they_are_normalised_and_back(self) -> None:
        torch.manual_seed(0)
        vae, other = tiny_vae().eval(), tiny_vae().eval()
        other.load_state_dict(vae.state_dict())
        other.register_to_config(latents_mean=[0.5] * 48, latents_std=[2.0] * 48)
        video = torch.rand(1, 3, 5, 32, 32) * 2 - 1
        plain, normalised = encode(vae, video), encode(other, video)
        assert plain.shape == (1, 48, 2, 2, 2)
        assert torch.allclose(normalised, (plain - 0.5) / 2, atol=1e-6)
        assert torch.allclose(decode(other, normalised), decode(vae, plain), atol=1e-5)

    def test_a_plan_becomes_latents_in_their_places(self) -> None:
        torch.manual_seed(0)
        vae, video = tiny_vae().eval(), projection(4)
        request = ClipRequest(video, tuple(map(reference, views(2))), views(5))
        made = encode_plan(Plan.of(request, RELEASED), video, SIZE, vae, CancelToken())
        assert made.references.shape == (1, 48, 2, 4, 6) and made.history.shape == (1, 48, 2, 4, 6)
        assert made.control.shape == (1, 96, 3, 4, 6) and made.new == (1, 48, 1, 4, 6)
        alone = encode(vae, torch.from_numpy(picture(request.references[1].frame.colour, SIZE))[None, :, None])
        assert torch.equal(made.references[:, :, 1:], alone)  # each by itself, as a picture

    @pytest.mark.parametrize(("preceding", "references"), [(5, 2), (0, 2), (0, 0)], ids=["history", "reference", "projection"])
    def test_the_known_picture_is_that_of_its_latents(self, preceding, references) -> None:
        """As if it had been encoded by itself."""
        torch.manual_seed(0)
        vae, video = tiny_vae().eval(), projection(4)[1:]
        frames = views(8)
        request = ClipRequest(video, tuple(map(reference, frames[5 : 5 + references])), frames[:preceding])
        plan = Plan.of(request, RELEASED)
        latent, shown = known_picture(plan, video, SIZE, encode_plan(plan, video, SIZE, vae, CancelToken()))
        alone = encode(vae, torch.from_numpy(picture(shown, SIZE))[None, :, None])[0, :, 0]
        assert latent.shape == (48, 4, 6) and torch.allclose(latent, alone, atol=1e-5)
        assert shown.dtype == np.uint8 and shown.std() > 10 and latent.std() > 0

    def test_a_cancel_is_heard_between_pictures(self) -> None:
        cancel = CancelToken()
        cancel.cancel()
        with pytest.raises(CancelledError):
            encode_plan(Plan.of(ClipRequest(projection(1)), RELEASED), projection(1), SIZE, tiny_vae(), cancel)
