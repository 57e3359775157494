"""The network against the published equations, against diffusers' VACE, and against Wan where the control branch is silent."""

import numpy as np
import pytest
import torch
from diffusers import WanVACETransformer3DModel

from spatia_bridge.generation.spatia_wan.names import BLOCK, control_to_released
from spatia_bridge.generation.spatia_wan.positions import rotary
from tests.generation.spatia_wan import twin
from tests.generation.spatia_wan.small import CHANNELS, HEAD_DIM, HEADS, TEXT, full_branches, small_main, small_network

ENDS = {
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "patch_embedding": "patch_embedding",
    "head.head": "proj_out",
}


def arrays(state):
    return {name: value.double().numpy() for name, value in state.items()}


def released_main(main):
    """Wan's own names for the main branch."""
    state = main.state_dict()
    named = {f"{theirs}.{part}": state[f"{ours}.{part}"] for theirs, ours in ENDS.items() for part in ("weight", "bias")}
    for n in range(len(main.blocks)):
        named |= {f"blocks.{n}.{theirs}": state[f"blocks.{n}.{ours}"] for theirs, ours in BLOCK.items()}
    return arrays({**named, "head.modulation": state["scale_shift_table"]})


def inputs(frames=5, references=2, seed=3):
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, CHANNELS, frames, 4, 6, generator=generator)
    control = torch.randn(1, 2 * CHANNELS, frames - references, 4, 6, generator=generator)
    return latents, torch.randn(1, 7, TEXT, generator=generator), control


class TestEquations:
    @pytest.mark.parametrize("references", [0, 2])
    def test_it_is_what_was_published_to_double_precision(self, references, monkeypatch) -> None:
        """Wan's modules round to single precision on purpose; without that, both agree to rounding."""
        network = small_network().double()
        latents, text, control = (x.double() for x in inputs(references=references))
        times = torch.tensor([[0.0] * (references + 1) + [731.0] * (4 - references)], dtype=torch.float64)
        monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
        sinusoids = network.main.condition_embedder.timesteps_proj(times[0]).double().numpy()
        with torch.no_grad():
            ours = network(latents, times, text, control, references)[0].numpy()
        main, branch = network.main, network.control
        released = arrays(control_to_released(branch.state_dict(), len(branch.blocks)))
        theirs = twin.velocity(
            released_main(main), released, latents[0].numpy(), sinusoids, text[0].numpy(), control[0].numpy(),
            references, len(main.blocks), 4, HEADS,
        )  # fmt: skip
        assert np.abs(theirs).max() > 0.1
        assert np.abs(ours - theirs).max() < 1e-10

    def test_time_is_embedded_as_published(self) -> None:
        times = np.array([0.0, 1.0, 731.0])
        angles = times[:, None] * 10_000.0 ** (-np.arange(8) / 8)
        ours = small_main(1).condition_embedder.timesteps_proj(torch.from_numpy(times)).numpy()
        assert np.abs(ours - np.concatenate([np.cos(angles), np.sin(angles)], 1)).max() < 1e-4  # angles of 731 in float32

    def test_the_control_branch_does_not_see_references(self) -> None:
        network = small_network()
        latents, text, control = inputs()
        other = latents.clone()
        other[:, :, :2] += 1
        seen = []
        network.control.blocks[1].after.register_forward_hook(lambda _module, _inputs, hint: seen.append(hint))
        with torch.no_grad():
            results = [network(x, torch.full((1, 5), 400.0), text, control, 2) for x in (latents, other)]
        assert torch.equal(*seen) and not torch.equal(*results)


class TestPositions:
    @pytest.mark.parametrize("references", [0, 3])
    def test_they_are_the_published_turns(self, references) -> None:
        cos, sin = (t[0, :, 0].numpy() for t in rotary(HEAD_DIM, references, (4, 2, 3), torch.float64))
        turns = twin.turns(HEAD_DIM, references, 4, 2, 3).repeat(2, axis=1)
        assert np.abs(cos + 1j * sin - turns).max() < 1e-12

    @pytest.mark.parametrize("head_dim", [12, 14, 128])
    def test_without_references_they_are_wans(self, head_dim) -> None:
        from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed

        theirs = WanRotaryPosEmbed(head_dim, (1, 2, 2), 64)(torch.zeros(1, 1, 5, 4, 6))
        for ours, expected in zip(rotary(head_dim, 0, (5, 2, 3)), theirs, strict=True):
            assert torch.equal(ours, expected)


class TestSpecialCases:
    def test_an_untrained_branch_changes_nothing(self) -> None:
        network = small_network(awake=False)
        latents, text, control = inputs(references=0)
        times = torch.tensor([[0.0, 0.0, 0.0, 500.0, 500.0]])
        with torch.no_grad():
            wan = network.main(latents, times.repeat_interleave(6, 1), text).sample
            ours = network(latents, times, text, control)
            without = network(latents, times, text)
        assert torch.allclose(ours, wan, atol=1e-5) and torch.allclose(without, wan, atol=1e-5)

    def test_one_time_and_no_references_make_it_vace(self) -> None:
        network = small_network()
        vace = WanVACETransformer3DModel(
            num_attention_heads=HEADS, attention_head_dim=HEAD_DIM, in_channels=CHANNELS, out_channels=CHANNELS,
            text_dim=TEXT, freq_dim=16, ffn_dim=40, num_layers=6, vace_layers=[0, 4], vace_in_channels=2 * CHANNELS,
        ).eval()  # fmt: skip
        state = dict(network.main.state_dict())
        for name, value in network.control.state_dict().items():
            name = name.replace(".block.", ".").replace(".before.", ".proj_in.").replace(".after.", ".proj_out.")
            state[f"vace_{name}"] = value
        vace.load_state_dict(state)
        latents, text, control = inputs(references=0)
        for scale in (1.0, 0.5):
            with torch.no_grad():
                theirs = vace(
                    latents, torch.tensor([431.0]), text, control_hidden_states=control,
                    control_hidden_states_scale=torch.full((2,), scale),
                ).sample  # fmt: skip
                ours = network(latents, torch.full((1, 5), 431.0), text, control, control_scale=scale)
            assert torch.allclose(ours, theirs, atol=1e-4)

    def test_recomputing_activations_changes_no_gradient(self) -> None:
        gradients = []
        for recompute in (False, True):
            network = small_network(2)
            network.main.gradient_checkpointing = recompute
            latents, text, control = inputs()
            network(latents, torch.full((1, 5), 400.0), text, control, 2).square().sum().backward()
            gradients.append(network.control.patch_embedding.weight.grad)
        assert gradients[0].any() and torch.allclose(*gradients, rtol=1e-4)

    def test_the_branch_of_the_published_model(self) -> None:
        _, branch = full_branches()
        assert list(branch.layers) == [0, 4, 8, 12, 16, 20, 24, 28]
        assert branch.patch_embedding.weight.shape == (3072, 96, 1, 2, 2)

    def test_it_can_begin_as_a_copy_of_the_main_blocks(self) -> None:
        network = small_network(awake=False)
        network.control.copy_main(network.main)
        for copy, layer in zip(network.control.blocks, (0, 4), strict=True):
            assert torch.equal(copy.block.attn1.to_q.weight, network.main.blocks[layer].attn1.to_q.weight)
