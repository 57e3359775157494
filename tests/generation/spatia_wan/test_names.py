"""Released names to ours and back, over the whole layout of the published files."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.generation.spatia_wan.lora import load_lora, lora_state
from spatia_bridge.generation.spatia_wan.names import (
    control_from_released,
    control_names,
    control_to_released,
    lora_from_released,
    lora_to_released,
)
from spatia_bridge.generation.spatia_wan.weights import load_control
from spatia_bridge.models.checkpoint import check_fits
from tests.generation.spatia_wan.small import full_branches, small_main, small_network

D, F = 3072, 14336
LINEARS = {f"{kind}_attn.{part}": (D, D) for kind in ("self", "cross") for part in "qkvo"} | {"ffn.0": (F, D), "ffn.2": (D, F)}


def published_control():
    """Every name of the control file and its shape, written out from its description."""
    shapes = {"vace_patch_embedding.weight": (D, 96, 1, 2, 2), "vace_patch_embedding.bias": (D,)}
    for n in range(8):
        linears = {**LINEARS, "after_proj": (D, D), **({"before_proj": (D, D)} if n == 0 else {})}
        for name, shape in linears.items():
            shapes |= {f"vace_blocks.{n}.{name}.weight": shape, f"vace_blocks.{n}.{name}.bias": shape[:1]}
        shapes |= {f"vace_blocks.{n}.{kind}_attn.norm_{part}.weight": (D,) for kind in ("self", "cross") for part in "qk"}
        shapes |= {f"vace_blocks.{n}.norm3.{part}": (D,) for part in ("weight", "bias")}
        shapes[f"vace_blocks.{n}.modulation"] = (1, 6, D)
    return shapes


def published_lora(default="default."):
    """Every name of a LoRA on all linear layers of the main blocks, and its shape."""
    shapes = {}
    for n in range(30):
        for name, (out, width) in LINEARS.items():
            shapes[f"pipe.dit.blocks.{n}.{name}.lora_A.{default}weight"] = (64, width)
            shapes[f"pipe.dit.blocks.{n}.{name}.lora_B.{default}weight"] = (out, 64)
    return shapes


def write_header(path, shapes):
    """A safetensors file of that layout, all zeros and sparse: its header is what is looked at."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(torch.Size(shape).numel())
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


class TestControl:
    def test_the_published_names_and_shapes_are_the_branchs_and_back(self, tmp_path) -> None:
        _, branch = full_branches()
        released = published_control()
        ours = control_from_released(released, 8)
        assert ours == {name: tuple(value.shape) for name, value in branch.state_dict().items()}
        assert control_to_released(ours, 8) == released and len(set(control_names(8).values())) == len(released)
        write_header(tmp_path / "control.safetensors", released)
        own = branch.state_dict()
        check_fits(
            tmp_path / "control.safetensors", {theirs: tuple(own[ours].shape) for theirs, ours in control_names(8).items()}
        )

    def test_a_file_is_read_and_nothing_is_lost(self, tmp_path) -> None:
        network = small_network()
        released = control_to_released(network.control.state_dict(), 2)
        save_file({name: value.contiguous() for name, value in released.items()}, tmp_path / "c.safetensors")
        read = load_control(network.main, tmp_path / "c.safetensors").state_dict()
        for name, value in network.control.state_dict().items():
            assert torch.equal(read[name], value)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.pop("vace_blocks.1.modulation"), "vace_blocks.1.modulation"),
            (lambda s: s.update({"vace_blocks.1.before_proj.weight": torch.zeros(2, 2)}), "vace_blocks.1.before_proj.weight"),
            (
                lambda s: s.update({"vace_blocks.0.ffn.0.bias": torch.zeros(3)}),
                r"vace_blocks.0.ffn.0.bias is \(3,\), not \(40,\)",
            ),
        ],
        ids=["missing", "unknown", "wrong shape"],
    )
    def test_a_file_of_another_model_is_refused(self, change, said, tmp_path) -> None:
        network = small_network()
        released = control_to_released(network.control.state_dict(), 2)
        change(released)
        save_file({name: value.contiguous() for name, value in released.items()}, tmp_path / "c.safetensors")
        with pytest.raises(CorruptWeightsError, match=said):
            load_control(network.main, tmp_path / "c.safetensors")

    def test_renaming_says_what_does_not_fit(self) -> None:
        state = published_control()
        del state["vace_blocks.3.norm3.bias"]
        with pytest.raises(CorruptWeightsError, match=r"no vace_blocks\.3\.norm3\.bias"):
            control_from_released(state, 8)


class TestLora:
    def test_the_published_names_are_parameters_of_the_main_branch_and_back(self) -> None:
        released = published_lora()
        ours = lora_from_released(released, 30)
        main, _ = full_branches()
        for name, shape in ours.items():
            module, _, part = name.rpartition(".lora_")
            out, width = main.get_submodule(module).weight.shape
            assert shape == ((64, width) if part == "A.default.weight" else (out, 64))
        assert lora_to_released(ours, 30) == released and len(ours) == 30 * 10 * 2

    def test_names_without_default_are_the_same(self) -> None:
        assert lora_from_released(published_lora(""), 30) == lora_from_released(published_lora(), 30)

    def test_up_times_down_is_added_to_the_weights(self) -> None:
        """As the released code merges it: with weight 1, whatever the rank."""
        torch.manual_seed(0)
        main, x = small_main(2).eval(), torch.randn(3, 28)
        layer = main.blocks[1].ffn.net[0].proj
        down, up = torch.randn(5, 28), torch.randn(40, 5)
        before = layer(x)
        released = {f"pipe.dit.blocks.1.ffn.0.lora_{n}.default.weight": m for n, m in (("A", down), ("B", up))}
        load_lora(main, lora_from_released(released, 2))
        after = main.blocks[1].ffn.net[0].proj(x)
        assert torch.allclose(after, before + x @ (up @ down).T, atol=1e-4)
        assert all(torch.equal(m, lora_to_released(lora_state(main), 2)[name]) for name, m in released.items())

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.pop("pipe.dit.blocks.1.ffn.0.lora_B.default.weight"), "no blocks.1.ffn.net.0.proj.lora_B"),
            (lambda s: s.update({"pipe.dit.head.head.lora_A.default.weight": (64, D)}), "head.head.*unknown"),
            (lambda s: s.update({"pipe.dit.blocks.30.ffn.0.lora_A.default.weight": (64, D)}), "blocks.30.*unknown"),
            (lambda s: s.clear(), "no matrices"),
        ],
        ids=["half a pair", "another layer", "too deep", "empty"],
    )
    def test_one_that_does_not_fit_is_refused(self, change, said) -> None:
        state = published_lora()
        change(state)
        with pytest.raises(CorruptWeightsError, match=said):
            lora_from_released(state, 30)

    def test_wrong_shapes_are_refused(self) -> None:
        state = {"blocks.0.attn1.to_q.lora_A.default.weight": torch.zeros(5, 28)}
        state["blocks.0.attn1.to_q.lora_B.default.weight"] = torch.zeros(28, 6)
        with pytest.raises(CorruptWeightsError, match=r"B at blocks.0.attn1.to_q is \(28, 6\), not \(28, 5\)"):
            load_lora(small_main(1), state)
