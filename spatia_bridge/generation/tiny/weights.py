"""Weight files: safetensors with the network's sizes and whatever else is said of them in the header; nothing in them is run."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spatia_bridge.errors import CodecError, NotFoundError
from spatia_bridge.generation.tiny.network import Network, NetworkConfig
from spatia_bridge.generation.tiny.vocabulary import WORDS

FORMAT = "spatia-tiny-1"
_REMEDY = "use a file that this version's trainer wrote"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, object]) -> None:
    """Write a file, replacing an older one only when the new one is whole."""
    part = path.with_suffix(".part")
    save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, part, {"about": json.dumps({"format": FORMAT, **about})})
    part.replace(path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The tensors and what was said of them.

    Raises:
        NotFoundError: no such file.
        CodecError: not a file of `save_tensors`.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no weight file {path}", "train one, or give another path")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise CodecError(f"{path.name} is not a whole weight file: {error}", _REMEDY) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CodecError(f"{path.name} does not say format {FORMAT!r}", _REMEDY)
    return tensors, about


def save_network(path: Path, network: Network, about: Mapping[str, object]) -> None:
    """Weights alone, in half precision."""
    halves = {key: value.half() for key, value in network.state_dict().items()}
    save_tensors(path, halves, {**about, "config": asdict(network.config), "words": WORDS})


def load_network(path: Path) -> Network:
    """The network of a file of `save_network`, in single precision, ready to be used.

    Raises:
        NotFoundError: no such file.
        CodecError: another format, other words, or tensors that do not fit.
    """
    tensors, about = load_tensors(path)
    if tuple(about.get("words", ())) != WORDS:  # type: ignore[arg-type]
        raise CodecError(f"{path.name} was trained with other words", _REMEDY)
    try:
        network = Network(NetworkConfig.from_json(about["config"]))  # type: ignore[arg-type]
        network.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CodecError(f"{path.name} does not fit this network: {error}", _REMEDY) from error
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
