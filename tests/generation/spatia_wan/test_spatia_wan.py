"""`spatia_wan` as a Generator, with tiny random weights, and with the same weights from files in the published layout."""

import copy
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from spatia_bridge.errors import CorruptWeightsError, MissingWeightsError
from spatia_bridge.frames import GeneratedFrame, ReferenceFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Step
from spatia_bridge.generation.spatia_wan.generator import RANDOM_TINY, SpatiaWan
from spatia_bridge.generation.spatia_wan.lora import lora_state
from spatia_bridge.generation.spatia_wan.names import control_to_released, lora_to_released
from spatia_bridge.generation.spatia_wan.settings import TINY, Settings
from spatia_bridge.generation.spatia_wan.weights import load_models
from spatia_bridge.models.library import FOLDER_VARIABLE
from tests.contracts.generator import GeneratorContract, projections
from tests.generation.latents import PreviewContract
from tests.worlds import camera, look

SEEN = replace(TINY, correct_colour=False, paste_memory=False)  # the network's own pixels


def run(generator: SpatiaWan, request: ClipRequest) -> np.ndarray:
    """Colours (frames, H, W, 3)."""
    return np.stack([e.colour for e in generator.generate(request, CancelToken()) if isinstance(e, GeneratedFrame)])


class TestSpatiaWan(PreviewContract, GeneratorContract):
    def make(self) -> SpatiaWan:
        return SpatiaWan(RANDOM_TINY, "cpu")

    def make_of(self, steps: int) -> SpatiaWan:
        return SpatiaWan(RANDOM_TINY, "cpu", replace(TINY, steps=steps))

    def test_everything_that_is_given_steers_it(self) -> None:
        generator = SpatiaWan(RANDOM_TINY, "cpu", SEEN)
        begin = projections()[0].camera
        frames = tuple(look(camera((0.1 * i, 0, -3), size=self.size)) for i in range(5))
        request = ClipRequest(projections(), prompt="a hall")
        made = [
            run(generator, request),
            run(generator, replace(request, prompt="a cave")),
            run(generator, replace(request, seed=1)),
            run(generator, replace(request, references=(ReferenceFrame(frames[0], 0, 0),))),
            run(generator, replace(request, references=(ReferenceFrame(replace(frames[0], camera=begin), 0, 0),))),
            run(generator, replace(request, preceding=frames[:1])),
            run(generator, replace(request, preceding=frames)),
            run(generator, replace(request, projection=projections()[::-1])),
        ]
        for i, one in enumerate(made):
            assert all(not np.array_equal(one, other) for other in made[i + 1 :])

    def test_the_photo_that_a_clip_begins_with_is_its_first_frame(self) -> None:
        """As well as the VAE can show it: other seeds leave it as it is."""
        generator = SpatiaWan(RANDOM_TINY, "cpu", SEEN)
        video = projections()
        photo = look(camera(size=self.size))
        request = ClipRequest(video, (ReferenceFrame(replace(photo, camera=video[0].camera), 0, 0),))
        one, other = (run(generator, replace(request, seed=seed)) for seed in (1, 2))
        assert np.array_equal(one[0], other[0]) and not np.array_equal(one[1], other[1])

    def test_the_lora_is_used_where_frames_precede(self) -> None:
        used = []
        models = load_models(RANDOM_TINY, "cpu")
        layer = models.network.main.blocks[0].attn1.to_q
        layer.register_forward_pre_hook(lambda module, _inputs: used.append(not module.disable_adapters))
        for lora in (False, True, False):
            with models.turn(lora=lora):
                layer(torch.zeros(1, 24))
        assert used == [False, True, False]

    def test_memorys_pixels_come_back_where_asked(self) -> None:
        video = projections()
        pasted, own = (run(SpatiaWan(RANDOM_TINY, "cpu", s), ClipRequest(video))[1].astype(float) for s in (TINY, SEEN))
        seen = video[1].coverage
        error = [np.abs(frame[seen] - video[1].colour[seen]).mean() for frame in (pasted, own)]
        assert error[0] < 0.5 * error[1]

    def test_released_numbers(self) -> None:
        shape = SpatiaWan().shape
        assert (shape.width, shape.height, shape.first_frames) == (1248, 704, 121)
        assert shape.new_frames + shape.preceding_frames == 81
        assert (shape.preceding_frames, shape.fps, shape.references) == (9, 24.0, 7)
        assert (Settings().steps, Settings().guidance, Settings().shift) == (40, 3.5, 5.0)

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    def test_on_a_gpu_in_half_precision(self) -> None:
        request = ClipRequest(projections(), preceding=(look(camera(size=self.size)),))
        one, other = (run(SpatiaWan(RANDOM_TINY, "cuda", SEEN), request) for _ in range(2))
        assert np.array_equal(one, other)
        assert np.abs(one.astype(float) - run(SpatiaWan(RANDOM_TINY, "cpu", SEEN), request)).mean() < 2


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The tiny weights in files: Wan's folders as diffusers writes them, control file and LoRA under the released names."""
    folder = tmp_path_factory.mktemp("published")
    models = load_models(RANDOM_TINY, "cpu")
    network = copy.deepcopy(models.network)
    states = {
        "step-8500": control_to_released(network.control.state_dict(), 2),
        "lora_weights_10000": lora_to_released(lora_state(network.main), 6),
    }
    for name, state in states.items():
        save_file({key: value.contiguous() for key, value in state.items()}, folder / f"{name}.safetensors")
    network.main.unload_lora()
    network.main.save_pretrained(folder / "transformer")
    models.vae.save_pretrained(folder / "vae")
    models.text._encoder.save_pretrained(folder / "text_encoder")
    models.text._tokenizer.save_pretrained(folder / "tokenizer")
    return folder


class TestPublishedFiles:
    def test_they_make_the_frames_of_the_same_weights(self, published) -> None:
        request = ClipRequest(projections(), prompt="a hall", preceding=(look(camera(size=(96, 64))),))
        made = run(SpatiaWan(str(published), "cpu", SEEN), request)
        assert np.array_equal(made, run(SpatiaWan(RANDOM_TINY, "cpu", SEEN), request))

    def test_wans_folders_may_be_the_fetched_ones(self, published, tmp_path, monkeypatch) -> None:
        """A folder with Spatia's two files alone: Wan is looked for where models are fetched to."""
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
        for path in published.glob("*.safetensors"):
            os.link(path, tmp_path / path.name)
        with pytest.raises(MissingWeightsError, match=r"wan2\.2-5b"):
            load_models(str(tmp_path), "cpu")

    def test_without_weights_the_command_that_fetches_them_is_named(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
        generator = SpatiaWan(device="cpu")
        with pytest.raises(MissingWeightsError, match="models fetch spatia"):
            next(generator.generate(ClipRequest(projections()), CancelToken()))

    @pytest.mark.parametrize(
        ("spoil", "error", "said"),
        [
            (lambda f: (f / "step-8500.safetensors").unlink(), MissingWeightsError, "no control file"),
            (lambda f: os.link(f / "step-8500.safetensors", f / "b.safetensors"), CorruptWeightsError, "both b.safetensors and"),
            (lambda f: os.truncate(f / "lora_weights_10000.safetensors", 5000), CorruptWeightsError, "truncated"),
            (lambda f: (f / "transformer" / "config.json").unlink(), CorruptWeightsError, "does not hold Wan"),
            (lambda f: (f / "vae" / "config.json").write_text("{"), CorruptWeightsError, "does not hold Wan"),
        ],
        ids=["no control file", "two of them", "truncated LoRA", "no transformer", "damaged VAE"],
    )
    def test_what_is_wrong_with_a_folder_is_said(self, published, tmp_path, spoil, error, said) -> None:
        for path in published.rglob("*"):
            if path.is_file():
                (tmp_path / path.relative_to(published)).parent.mkdir(exist_ok=True)
                (tmp_path / path.relative_to(published)).write_bytes(path.read_bytes())
        spoil(tmp_path)
        with pytest.raises(error, match=said):
            load_models(str(tmp_path), "cpu")

    def test_no_lora_is_no_error(self, published, tmp_path) -> None:
        for path in published.rglob("*"):
            if path.is_file() and "lora" not in path.name:
                (tmp_path / path.relative_to(published)).parent.mkdir(exist_ok=True)
                os.link(path, tmp_path / path.relative_to(published))
        events = list(SpatiaWan(str(tmp_path), "cpu", SEEN).generate(ClipRequest(projections()), CancelToken()))
        assert sum(isinstance(event, GeneratedFrame) for event in events) == 3
        assert sum(isinstance(event, Step) for event in events) == 2
