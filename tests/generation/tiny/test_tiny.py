"""`tiny` as a Generator, with random weights: the contract, sizes, blocks, seeds, what memory covers."""

from dataclasses import replace

import numpy as np
import torch

from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Step
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.generation.structure.filling import VIEWS
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.cells import SHARE
from spatia_bridge.generation.tiny.clip import LONGEST_BLOCK
from spatia_bridge.generation.tiny.generator import Tiny
from spatia_bridge.generation.tiny.weights import save_network
from tests.contracts.generator import GeneratorContract, projections
from tests.generation.tiny.walks import small_network
from tests.worlds import camera, look


def awake(error: float = 0.02, moves: float = -2.0):
    """A network that says something of every cell, but not that anything moves, unless told so."""
    network = small_network()
    with torch.no_grad():
        network.out.weight.normal_(0, error)
        network.out.bias[SHARE] = moves
    return network


def unseen(width: int, height: int):
    """A projection's images where memory has nothing."""
    shape = (height, width)
    return np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, np.uint8)


def run(generator: Tiny, request: ClipRequest) -> list[GeneratedFrame]:
    return [event for event in generator.generate(request, CancelToken()) if isinstance(event, GeneratedFrame)]


class TestTiny(GeneratorContract):
    def make(self) -> Tiny:
        return Tiny(network=awake(), device="cpu")

    def test_it_gives_depth_and_dynamics(self) -> None:
        for frame in self.run(projections()):
            assert frame.depth_m is not None and frame.dynamic is not None and frame.confidence is not None
            assert np.isfinite(frame.confidence).all()

    def test_another_seed_gives_other_holes(self) -> None:
        one, other = (self.run(projections(), seed)[0] for seed in (1, 2))
        assert not np.array_equal(one.colour, other.colour)

    def test_covered_pixels_are_memorys_at_any_size(self) -> None:
        for size in ((48, 32), (192, 128), (417, 235)):
            video = projections(size=size)
            for projection, frame in zip(video, run(self.make(), ClipRequest(video)), strict=True):
                seen = projection.coverage
                assert np.array_equal(frame.colour[seen], projection.colour[seen])
                assert np.array_equal(frame.depth_m[seen], projection.depth_m[seen])
                assert not frame.dynamic.any()

    def test_what_moves_is_drawn_over_memory_too_but_only_if_a_creature_was_asked_for(self) -> None:
        video, generator = projections(), Tiny(network=awake(0.0, 2.0), device="cpu")
        frame = run(generator, ClipRequest(video, prompt="a hall with an imp"))[0]
        assert frame.dynamic.all() and np.ptp(frame.colour.astype(int)) <= 1
        assert not run(generator, ClipRequest(video, prompt="a hall"))[0].dynamic.any()

    def test_without_corrections_and_detail_it_is_reproject(self, monkeypatch) -> None:
        monkeypatch.setattr(flow, "IN_USE", flow.Sampling(detail=0.0))
        video = projections()
        ours, theirs = run(Tiny(network=awake(0.0), device="cpu"), ClipRequest(video)), run(Reproject(), ClipRequest(video))
        for one, other in zip(ours, theirs, strict=True):
            assert np.array_equal(one.colour, other.colour)

    def test_frames_come_block_by_block_after_their_steps(self) -> None:
        video = projections(frames=2 * LONGEST_BLOCK, size=(48, 32))
        events = list(self.make().generate(ClipRequest(video), CancelToken()))
        kinds = "".join("s" if isinstance(event, Step) else "f" for event in events)
        assert kinds == ("s" * (LONGEST_BLOCK + flow.STEPS) + "f" * LONGEST_BLOCK) * 2

    def test_a_block_needs_its_own_projections_and_a_few_for_the_structure(self) -> None:
        video = projections(frames=2 * LONGEST_BLOCK, size=(48, 32))
        events = self.make().generate(ClipRequest(video), CancelToken())
        for _ in range(LONGEST_BLOCK + 1):
            next(events)
        assert LONGEST_BLOCK < video.rendered < LONGEST_BLOCK + VIEWS  # some are of the block

    def test_references_and_preceding_frames_of_any_size_and_lens(self) -> None:
        video = projections()
        seen = (look(camera(size=(120, 70))), look(camera(size=(48, 64))))
        network = awake()
        with torch.no_grad():
            for parameter in network.parameters():
                if not parameter.any():
                    parameter.normal_(0, 0.05)
        generator = Tiny(network=network, device="cpu")
        request = ClipRequest(video)
        results = [run(generator, request)]
        results.append(run(generator, replace(request, references=tuple(ReferenceFrame(f, 0, i) for i, f in enumerate(seen)))))
        results.append(run(generator, replace(request, preceding=seen)))
        results.append(run(generator, replace(request, prompt="a hall with an imp")))
        colours = [np.stack([frame.colour for frame in frames]) for frames in results]
        for i, one in enumerate(colours):
            assert all(not np.array_equal(one, other) for other in colours[i + 1 :])

    def test_blocks_are_shown_the_frames_before_them_and_have_the_worlds_noise(self, monkeypatch) -> None:
        shown, noises, honest = [], [], flow.steps
        monkeypatch.setattr(flow, "steps", lambda n, c, z, how: (shown.append(c), noises.append(z), honest(n, c, z, how))[2])
        video = [Projection(camera((0, 0, 0), (0, 0, 4), (48, 32)), *unseen(48, 32)) for _ in range(2 * LONGEST_BLOCK)]
        run(self.make(), ClipRequest(video))
        first, second = shown
        assert second.given.preceding == 4 and first.given.preceding == 0
        assert all(torch.equal(noises[0][0, 0], noise[0, n]) for noise in noises for n in range(LONGEST_BLOCK))

    def test_unknown_words_are_reported_with_the_first_step(self) -> None:
        def remarks(prompt: str) -> list[str]:
            events = self.make().generate(ClipRequest(projections(), prompt=prompt), CancelToken())
            return [event.remark for event in events if isinstance(event, Step)]

        first, *others = remarks("a hall of chocolate")
        assert first.startswith("tiny does not know chocolate; it knows corridor, room, hall") and not any(others)
        assert not any(remarks("a hall"))

    def test_weights_come_from_a_file(self, tmp_path) -> None:
        save_network(tmp_path / "w.safetensors", small_network(), {})
        assert len(run(Tiny(str(tmp_path / "w.safetensors"), device="cpu"), ClipRequest(projections()))) == 3
