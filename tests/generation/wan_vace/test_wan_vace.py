"""`wan_vace` with the real classes at tiny random sizes: the contract, and what the pipeline is given and gives."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline
from safetensors.torch import save_file

from spatia_bridge.errors import CancelledError, CorruptWeightsError, DeviceMemoryError, MissingWeightsError
from spatia_bridge.frames import GeneratedFrame, ReferenceFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Step
from spatia_bridge.generation.wan_vace import WanVace
from spatia_bridge.generation.wan_vace.generator import TINY
from spatia_bridge.models import library, shared
from tests.contracts.generator import GeneratorContract, projections
from tests.generation.latents import PreviewContract
from tests.worlds import camera, look


def make(**changes) -> WanVace:
    return WanVace("random-tiny", "cpu", replace(TINY, **changes))


def run(generator: WanVace, request: ClipRequest) -> np.ndarray:
    frames = [event for event in generator.generate(request, CancelToken()) if isinstance(event, GeneratedFrame)]
    return np.stack([frame.colour for frame in frames])


class TestWanVace(PreviewContract, GeneratorContract):
    def make(self) -> WanVace:
        return make()

    def make_of(self, steps: int) -> WanVace:
        return make(steps=steps)


@pytest.fixture
def calls(monkeypatch):
    """The arguments of every run of the pipeline."""
    seen = []
    real = WanVACEPipeline.__call__

    def spy(self, **options):
        seen.append(options)
        return real(self, **options)

    monkeypatch.setattr(WanVACEPipeline, "__call__", spy)
    return seen


def test_the_pipeline_gets_preceding_frames_then_projection_with_holes_then_padding(calls):
    video = projections(frames=3)
    before = (look(camera()), look(camera()))
    frames = run(make(max_pixels=96 * 64), ClipRequest(video, (ReferenceFrame(before[0], 1, 0),), before, "a hall"))
    assert len(frames) == 3
    (given,) = calls
    assert given["num_frames"] == 5 and (given["width"], given["height"]) == (96, 64) and given["prompt"] == "a hall"
    shown = given["video"][0].permute(1, 2, 3, 0).add(1).mul(127.5).round().byte().numpy()
    holes = (given["mask"][0, 0] > 0).numpy()
    for number, frame in enumerate(before):
        assert np.array_equal(shown[number], frame.colour) and not holes[number].any()
    for projection, colour, hole in zip(video, shown[2:], holes[2:], strict=True):
        assert np.array_equal(hole, ~projection.coverage)
        assert (colour[hole] == 128).all() and np.array_equal(colour[~hole], projection.colour[~hole])
    (reference,) = given["reference_images"]
    assert np.array_equal(np.asarray(reference), before[0].colour)


def test_the_short_way_in_and_out_is_the_pipelines_own(monkeypatch):
    """Against diffusers' own conversion of frames and masks, given as pictures in 0…1: the same but for rounding."""
    from spatia_bridge.generation.wan_vace import layout, pipeline

    settings = replace(TINY, max_pixels=96 * 64)
    pipe = pipeline.load("random-tiny", "cpu", settings)
    given = layout.lay_out(ClipRequest(projections(frames=5)), settings.max_pixels, lambda: None)
    ours = pipeline.run(pipe, given, "a hall", 3, settings, lambda _: None)
    pipe.video_processor = type(pipe.video_processor).__base__(vae_scale_factor=8)
    mask = np.repeat(given.holes[None, ..., None], 3, axis=-1).astype(np.float32)
    theirs = pipe(
        video=given.video[None].astype(np.float32) / 255, mask=mask, prompt="a hall", negative_prompt=settings.negative_prompt,
        height=64, width=96, num_frames=5, num_inference_steps=settings.steps, guidance_scale=settings.guidance,
        generator=torch.Generator().manual_seed(3), output_type="np",
    ).frames[0]  # fmt: skip
    assert np.abs(ours.astype(float) - theirs * 255).max() <= 1.01


def test_the_preview_is_fitted_on_latents_as_the_sampler_has_them(monkeypatch):
    """Normalised as the pipeline normalises what it is steered by."""
    from spatia_bridge.generation.wan_vace import layout, pipeline

    pipe = pipeline.load("random-tiny", "cpu", TINY)
    pipe.vae.register_to_config(latents_mean=[0.1 * n for n in range(16)], latents_std=[0.5 + 0.1 * n for n in range(16)])
    given = layout.lay_out(ClipRequest(projections(frames=1)), 96 * 64, lambda: None)
    seen = []
    monkeypatch.setattr(pipeline.LatentPreview, "fit", lambda *arguments: seen.append(arguments))
    pipeline.run(pipe, given, "", 0, TINY, lambda _: None)
    ((latent, colour, used),) = seen
    assert np.array_equal(colour, given.video[0]) and used == (96, 64)
    video = torch.from_numpy(colour).permute(2, 0, 1)[None, :, None].float() / 127.5 - 1
    theirs = pipe.prepare_video_latents(video, torch.zeros_like(video), [[]])[0, :16, 0]
    assert np.allclose(latent, theirs.detach().numpy(), atol=1e-4) and latent.std() > 0.1


@pytest.mark.parametrize(("frames", "used"), [(1, 1), (2, 5), (5, 5), (6, 9)])
def test_any_number_of_frames_is_made_of_4k_plus_1(calls, frames, used):
    assert len(run(make(), ClipRequest(projections(frames=frames)))) == frames
    assert calls[0]["num_frames"] == used


def test_prompt_seed_memory_references_and_preceding_frames_all_steer():
    base = ClipRequest(projections(frames=2))
    frame = look(camera())
    requests = [
        base,
        replace(base, prompt="a hall"),
        replace(base, seed=1),
        replace(base, projection=projections(frames=4)[2:]),
        replace(base, references=(ReferenceFrame(frame, 1, 0),)),
        replace(base, preceding=(frame,)),
    ]
    made = [run(make(paste_memory=False), request) for request in requests]
    for number, one in enumerate(made):
        assert not any(np.array_equal(one, other) for other in made[number + 1 :]), number


def test_removed_pixels_of_preceding_frames_are_made_again(calls):
    frame = look(camera())
    gone = np.zeros(frame.depth_m.shape, bool)
    gone[10:20, 30:50] = True
    removed = replace(
        frame,
        colour=np.where(gone[..., None], np.uint8(128), frame.colour),
        depth_m=np.where(gone, np.float32(0), frame.depth_m),
        dynamic=gone,
    )
    run(make(max_pixels=96 * 64), ClipRequest(projections(frames=1), preceding=(removed,)))
    assert np.array_equal((calls[0]["mask"][0, 0, 0] > 0).numpy(), gone)


@pytest.mark.parametrize("changes", [{"guidance": 3.0}, {"precision": "bf16"}, {"precision": "fp8"}, {"vae_tiling": True}])
def test_settings_of_diffusers_run(changes):
    made = run(make(**changes), ClipRequest(projections(frames=2)))
    assert made.shape == (2, 64, 96, 3) and made.std() > 1


def test_a_few_step_lora_changes_the_transformer_and_one_that_does_not_fit_is_refused(tmp_path):
    """Names as lightx2v publishes them."""
    rng = torch.Generator().manual_seed(0)
    place = "diffusion_model.blocks.0.self_attn.q"
    fits = {f"{place}.lora_down.weight": (4, 24), f"{place}.lora_up.weight": (24, 4)}
    wrong = {f"{place}.lora_down.weight": (4, 99), f"{place}.lora_up.weight": (99, 4)}
    for name, shapes in {"fits": fits, "wrong": wrong}.items():
        save_file({k: torch.randn(s, generator=rng) for k, s in shapes.items()}, tmp_path / f"{name}.safetensors")
    request = ClipRequest(projections(frames=1))
    plain, steered = (run(make(paste_memory=False, lora=lora), request) for lora in ("", str(tmp_path / "fits.safetensors")))
    assert not np.array_equal(plain, steered)
    assert np.array_equal(plain, run(make(paste_memory=False), request))  # the shared model without it is as it was
    with pytest.raises(CorruptWeightsError, match="LoRA"):
        run(make(lora=str(tmp_path / "wrong.safetensors")), request)
    with pytest.raises(MissingWeightsError):
        run(make(lora=str(tmp_path / "absent.safetensors")), request)


def test_weights_come_from_a_folder_in_diffusers_layout(tmp_path):
    """What the pipeline saves is what a fetched model looks like."""
    from spatia_bridge.generation.wan_vace import pipeline

    folder = tmp_path / "wan"
    pipeline.load("random-tiny", "cpu", TINY).save_pretrained(folder, safe_serialization=True)
    request = ClipRequest(projections(frames=1), prompt="a hall")
    saved = run(WanVace(str(folder), "cpu", TINY), request)
    assert np.array_equal(saved, run(make(), request))
    for precision in ("bf16", "fp8"):
        made = run(WanVace(str(folder), "cpu", replace(TINY, precision=precision)), request)
        assert np.abs(made.astype(int) - saved).mean() < 3  # of 255
    weights = next((folder / "transformer").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-100])
    shared.forget(("wan_vace", (str(folder), TINY), "cpu"))
    with pytest.raises(CorruptWeightsError, match="truncated"):
        run(WanVace(str(folder), "cpu", TINY), request)


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(MissingWeightsError, match=r"models fetch wan-vace-1\.3b"):
        run(WanVace(), ClipRequest(projections(frames=1)))
    with pytest.raises(MissingWeightsError, match="no folder"):
        run(WanVace(str(tmp_path / "absent")), ClipRequest(projections(frames=1)))


def test_out_of_memory_names_what_would_fit_and_the_next_clip_is_made(monkeypatch):
    request = ClipRequest(projections(frames=1))
    honest = WanVACEPipeline.encode_prompt

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(WanVACEPipeline, "encode_prompt", full)
    with pytest.raises(DeviceMemoryError, match=r"offload 'model'.*'fp8'.*smaller frames") as raised:
        run(make(), request)
    assert "20.00 GiB" in raised.value.message and raised.value.code == "DEVICE_MEMORY"
    monkeypatch.setattr(WanVACEPipeline, "encode_prompt", honest)
    assert len(run(make(), request)) == 1


def test_the_model_is_loaded_once_and_clips_of_two_sessions_take_turns():
    generators = [make(), make()]
    request = ClipRequest(projections(frames=2))
    alone = run(generators[0], request)
    made = {}
    threads = [threading.Thread(target=lambda g=g: made.update({id(g): run(g, request)})) for g in generators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(made[id(generator)], alone) for generator in generators)
    assert generators[0]._held() is generators[1]._held()


def test_a_clip_that_waits_for_another_can_be_cancelled():
    generator = make()
    held, cancel = generator._held(), CancelToken()
    with held.lock:
        threading.Timer(0.1, cancel.cancel).start()
        with pytest.raises(CancelledError):
            list(generator.generate(ClipRequest(projections(frames=1)), cancel))
    assert len(run(generator, ClipRequest(projections(frames=1)))) == 1


def test_it_cancels_between_steps():
    cancel, steps = CancelToken(), []
    with pytest.raises(CancelledError):
        for event in make(steps=20).generate(ClipRequest(projections(frames=1)), cancel):
            steps.append(event)
            cancel.cancel()
    assert steps == [Step(1, 20)]
