"""`tiny` as a Generator, with random weights: the contract, sizes, blocks, seeds, what memory covers."""

import logging
from dataclasses import replace

import numpy as np
import torch

from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Step
from spatia_bridge.generation.structure.filling import VIEWS
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.generator import LONGEST_BLOCK, Tiny
from spatia_bridge.generation.tiny.weights import save_network
from tests.contracts.generator import GeneratorContract, projections
from tests.generation.tiny.walks import small_network
from tests.worlds import camera, look


def opened(network, value: float):
    """The gate wide open (the picture is the projection) or shut, whatever the network's inside says."""
    with torch.no_grad():
        network.out.weight.normal_(0, 0.02)
        network.out.bias[5 * 16 :] = value
    return network


def unseen(width: int, height: int):
    """A projection's images where memory has nothing."""
    shape = (height, width)
    return np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, np.uint8)


def run(generator: Tiny, request: ClipRequest) -> list[GeneratedFrame]:
    return [event for event in generator.generate(request, CancelToken()) if isinstance(event, GeneratedFrame)]


class TestTiny(GeneratorContract):
    def make(self) -> Tiny:
        return Tiny(opened(small_network(), 0.0), ClipShape(64, 48), device="cpu")

    def make_steady(self) -> Tiny:
        """The gate open, and nothing moves."""
        network = opened(small_network(), 50.0)
        with torch.no_grad():
            network.out.bias[4 * 16 : 5 * 16] = -50.0
        return Tiny(network, ClipShape(64, 48), device="cpu")

    def test_it_gives_depth_and_dynamics(self) -> None:
        for frame in self.run(projections()):
            assert frame.depth_m is not None and frame.dynamic is not None and frame.confidence is not None
            assert np.isfinite(frame.confidence).all()

    def test_another_seed_gives_other_holes(self) -> None:
        one, other = (self.run(projections(), seed)[0] for seed in (1, 2))
        assert not np.array_equal(one.colour, other.colour)

    def test_covered_pixels_are_as_sharp_as_memory_at_any_size(self) -> None:
        """With the gate open, memory's pixels come out to the bit almost, although the network saw a quarter of them."""
        generator = self.make_steady()
        video = projections(size=(192, 128))
        for projection, frame in zip(video, run(generator, ClipRequest(video)), strict=True):
            seen = projection.coverage
            assert np.abs(frame.colour[seen].astype(int) - projection.colour[seen]).max() <= 1
            assert np.allclose(frame.depth_m[seen], projection.depth_m[seen], rtol=1e-3)

    def test_with_the_gate_shut_nothing_of_memory_comes_through_it(self) -> None:
        video = projections()
        network = opened(small_network(), -50.0)
        with torch.no_grad():
            network.out.weight.zero_()
        frame = run(Tiny(network, ClipShape(96, 64), device="cpu"), ClipRequest(video))[0]
        assert np.ptp(frame.colour.astype(int)) <= 1

    def test_frames_come_block_by_block_after_their_steps(self) -> None:
        video = projections(frames=2 * LONGEST_BLOCK, size=(48, 32))
        events = list(self.make().generate(ClipRequest(video), CancelToken()))
        kinds = "".join("s" if isinstance(event, Step) else "f" for event in events)
        assert kinds == ("ssss" + "f" * LONGEST_BLOCK) * 2
        assert video.rendered == 2 * LONGEST_BLOCK

    def test_a_block_needs_its_own_projections_and_a_few_for_the_structure(self) -> None:
        video = projections(frames=2 * LONGEST_BLOCK, size=(48, 32))
        events = self.make().generate(ClipRequest(video), CancelToken())
        next(events)
        assert LONGEST_BLOCK < video.rendered < LONGEST_BLOCK + VIEWS  # some are of the block

    def test_references_and_preceding_frames_of_any_size_and_lens(self) -> None:
        video = projections()
        seen = (look(camera(size=(120, 70))), look(camera(size=(48, 64))))
        network = opened(small_network(), 0.0)
        with torch.no_grad():
            for parameter in network.parameters():
                if not parameter.any():
                    parameter.normal_(0, 0.05)
        generator = Tiny(network, ClipShape(96, 64), device="cpu")
        request = ClipRequest(video)
        results = [run(generator, request)]
        results.append(run(generator, replace(request, references=tuple(ReferenceFrame(f, 0, i) for i, f in enumerate(seen)))))
        results.append(run(generator, replace(request, preceding=seen)))
        results.append(run(generator, replace(request, prompt="a hall with an imp")))
        colours = [np.stack([frame.colour for frame in frames]) for frames in results]
        for i, one in enumerate(colours):
            assert all(not np.array_equal(one, other) for other in colours[i + 1 :])

    def test_what_a_block_invented_the_next_one_is_shown(self, monkeypatch) -> None:
        """The second block's holes begin with the last frame of the first, not with grey."""
        shown = []
        honest = flow.steps
        monkeypatch.setattr(flow, "steps", lambda n, c, z: (shown.append(c), honest(n, c, z))[1])
        video = [
            Projection(camera((0.02 * i, 0, 0), (0.02 * i, 0, 4), (48, 32)), *unseen(48, 32)) for i in range(2 * LONGEST_BLOCK)
        ]
        run(self.make(), ClipRequest(video))
        first, second = shown
        assert not first.coverage.any() and second.coverage.mean() > 0.1
        assert second.given.preceding == 4 and first.given.preceding == 0

    def test_unknown_words_are_reported(self, caplog) -> None:
        with caplog.at_level(logging.WARNING):
            run(self.make(), ClipRequest(projections(), prompt="a hall of chocolate"))
        (record,) = caplog.records
        assert "chocolate" in record.getMessage() and "hall" not in record.getMessage().split(";")[0]

    def test_weights_come_from_a_file(self, tmp_path) -> None:
        save_network(tmp_path / "w.safetensors", small_network(), {})
        assert len(run(Tiny(tmp_path / "w.safetensors", ClipShape(48, 32), device="cpu"), ClipRequest(projections()))) == 3
