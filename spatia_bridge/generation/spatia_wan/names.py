"""The released checkpoints' names, and ours.

From the released code: the control file has Wan's original names under `vace_blocks.N.` and `vace_patch_embedding.`; a LoRA's
keys are `pipe.dit.`, an original name of the main branch and peft's suffix (`lora_A.default.weight` down, `lora_B.default.weight`
up; some tools leave `default.` out). Ours are those of the modules: diffusers' within a block, peft's for a LoRA. Every map here
has an inverse.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from spatia_bridge.errors import CorruptWeightsError

T = TypeVar("T")

_ATTENTION = {"q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0"}
LINEARS = {
    **{f"self_attn.{theirs}": f"attn1.{ours}" for theirs, ours in _ATTENTION.items()},
    **{f"cross_attn.{theirs}": f"attn2.{ours}" for theirs, ours in _ATTENTION.items()},
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
}  # of one block: what a LoRA can lie beside
_NORMS = {f"{a}.{n}": f"{b}.{n}" for a, b in (("self_attn", "attn1"), ("cross_attn", "attn2")) for n in ("norm_q", "norm_k")}
BLOCK = {
    **{f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in LINEARS.items() for part in ("weight", "bias")},
    **{f"{theirs}.weight": f"{ours}.weight" for theirs, ours in _NORMS.items()},
    **{f"norm3.{part}": f"norm2.{part}" for part in ("weight", "bias")},  # Wan's norm before cross-attention
    "modulation": "scale_shift_table",
}
_LORA_PREFIX = "pipe.dit."
_LORA_PARTS = ("lora_A", "lora_B")
_REMEDY = "give the files of Jinjing713/Spatia as they were published"


def control_names(blocks: int) -> dict[str, str]:
    """Ours by the released name, of a control file with so many blocks."""
    names = {f"vace_patch_embedding.{part}": f"patch_embedding.{part}" for part in ("weight", "bias")}
    for n in range(blocks):
        names |= {f"vace_blocks.{n}.{theirs}": f"blocks.{n}.block.{ours}" for theirs, ours in BLOCK.items()}
        ends = ("before", "after") if n == 0 else ("after",)
        names |= {f"vace_blocks.{n}.{end}_proj.{part}": f"blocks.{n}.{end}.{part}" for end in ends for part in ("weight", "bias")}
    return names


def control_from_released(state: Mapping[str, T], blocks: int) -> dict[str, T]:
    """A control file's tensors by our names.

    Raises:
        CorruptWeightsError: a name is missing or unknown; all the names there should be are given by the number of blocks.
    """
    return _renamed(state, control_names(blocks), "the control file")


def control_to_released(state: Mapping[str, T], blocks: int) -> dict[str, T]:
    """The inverse."""
    return _renamed(state, {ours: theirs for theirs, ours in control_names(blocks).items()}, "the control branch")


def lora_from_released(state: Mapping[str, T], layers: int) -> dict[str, T]:
    """A LoRA's matrices as parameters of the main branch that has it: `blocks.N.attn1.to_q.lora_A.default.weight`.

    Args:
        layers: the main branch's blocks; a LoRA may lie beside any of their linear layers.
    Raises:
        CorruptWeightsError: a name that is none of these, or one matrix of a pair without the other.
    """
    modules = {f"blocks.{n}.{theirs}": f"blocks.{n}.{ours}" for n in range(layers) for theirs, ours in LINEARS.items()}
    names = {
        f"{_LORA_PREFIX}{theirs}.{part}.{default}weight": f"{ours}.{part}.default.weight"
        for theirs, ours in modules.items()
        for part in _LORA_PARTS
        for default in ("default.", "")
    }
    _refuse([f"{key} is unknown" for key in state if key not in names], "the LoRA")
    found = {names[key]: value for key, value in state.items()}
    pairs = sorted({key.rsplit(".lora_", 1)[0] for key in found})
    both = [f"{pair}.{part}.default.weight" for pair in pairs for part in _LORA_PARTS]
    _refuse([f"no {key}" for key in both if key not in found] if found else ["no matrices"], "the LoRA")
    return found


def lora_to_released(state: Mapping[str, T], layers: int) -> dict[str, T]:
    """The inverse, with `default.` in the names, as a trainer with peft writes them."""
    names = {
        f"blocks.{n}.{ours}.{part}.default.weight": f"{_LORA_PREFIX}blocks.{n}.{theirs}.{part}.default.weight"
        for n in range(layers)
        for theirs, ours in LINEARS.items()
        for part in _LORA_PARTS
    }
    _refuse([f"{key} is unknown" for key in state if key not in names], "the LoRA")
    return {names[key]: value for key, value in state.items()}


def _renamed(state: Mapping[str, T], names: Mapping[str, str], what: str) -> dict[str, T]:
    missing = [f"no {key}" for key in names if key not in state]
    _refuse(missing + [f"{key} is unknown" for key in state if key not in names], what)
    return {names[key]: value for key, value in state.items()}


def _refuse(wrong: Iterable[str], what: str) -> None:
    """Raise CorruptWeightsError, with the first few, if anything is wrong."""
    wrong = list(wrong)
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CorruptWeightsError(f"{what} does not fit: {'; '.join(wrong[:3])}{more}", _REMEDY)
