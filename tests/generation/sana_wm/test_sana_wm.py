"""`sana_wm` with the real classes at tiny random sizes: the contract; where a clip starts, where it goes."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import MissingWeightsError
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest
from spatia_bridge.generation.sana_wm import SanaWm
from spatia_bridge.generation.sana_wm.generator import start_of
from spatia_bridge.models import library
from tests.contracts.generator import GeneratorContract, projections
from tests.generation.latents import PreviewContract
from tests.worlds import camera, look


class TestSanaWm(PreviewContract, GeneratorContract):
    def make(self) -> SanaWm:
        return SanaWm("random-tiny", "cpu")

    def make_of(self, steps: int) -> SanaWm:
        made = self.make()
        made.settings = replace(made.settings, steps=steps)
        return made


def test_a_clip_starts_with_the_last_frame_and_follows_the_cameras():
    video, last = projections(frames=3), look(camera())
    start = start_of(ClipRequest(video, preceding=(look(camera((1, 0, 0))), last)), (192, 160))
    assert start.picture.shape == (160, 192, 3) and start.fit.inner == (192, 128) and (start.first, start.new) == (1, 3)
    assert start.world_from_camera.shape == (9, 4, 4) and start.intrinsics.shape == (9, 4)
    path = [last.camera, *(shown.camera for shown in video), *[video[2].camera] * 5]
    assert np.allclose(start.world_from_camera, [view.world_from_camera for view in path], atol=1e-6)
    assert np.allclose(start.intrinsics[0], [last.camera.intrinsics.fx * 2, last.camera.intrinsics.fy * 2, 96, 64])


def test_without_one_it_starts_with_memorys_view_filled():
    video = projections(frames=2)
    start = start_of(ClipRequest(video), (96, 64))
    seen = video[0].coverage
    assert np.array_equal(start.picture[seen], video[0].colour[seen]) and start.picture[~seen].any() and start.first == 0


def test_path_prompt_seed_and_start_steer():
    base = ClipRequest(projections(frames=2))
    requests = [
        base,
        replace(base, prompt="a hall"),
        replace(base, seed=1),
        replace(base, preceding=(look(camera()),)),
        replace(base, projection=(base.projection[0], projections(frames=6)[5])),
    ]
    made = []
    for request in requests:
        events = SanaWm("random-tiny", "cpu").generate(request, CancelToken())
        made.append(np.stack([event.colour for event in events if isinstance(event, GeneratedFrame)]))
    for number, one in enumerate(made):
        assert not any(np.array_equal(one, other) for other in made[number + 1 :]), number


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(MissingWeightsError, match="models fetch sana-wm"):
        list(SanaWm().generate(ClipRequest(projections(frames=1)), CancelToken()))


def test_the_preview_is_fitted_on_the_start_as_the_pipeline_encodes_it(monkeypatch):
    from spatia_bridge.generation.sana_wm import pipeline

    encoded, fitted = [], []
    real = pipeline.SanaWMPipeline._encode_first_frame
    monkeypatch.setattr(pipeline.SanaWMPipeline, "_encode_first_frame", lambda *a: encoded.append(real(*a)) or encoded[-1])
    monkeypatch.setattr(pipeline.LatentPreview, "fit", lambda *arguments: fitted.append(arguments))
    request = ClipRequest(projections(frames=2))
    list(SanaWm("random-tiny", "cpu").generate(request, CancelToken()))
    ((latent, colour, used),) = fitted
    assert np.array_equal(latent, encoded[0][0, :, 0].numpy()) and latent.std() > 0
    assert np.array_equal(colour, start_of(request, (96, 64)).picture) and used == (96, 64)
