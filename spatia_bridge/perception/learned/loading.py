"""Networks from safetensors alone, every parameter from the file; or the same classes at tiny random sizes."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spatia_bridge.errors import CorruptWeightsError, InvalidInputError, MissingDependencyError, MissingWeightsError
from spatia_bridge.models.library import locate
from spatia_bridge.models.shared import device_memory, pick_device, shared

if TYPE_CHECKING:
    from torch import nn

RANDOM_TINY = "random-tiny"
PUBLISHED = "give a folder as published"
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json")
M = TypeVar("M", bound="nn.Module")


@contextmanager
def packages(backend: str, remedy: str = "pip install 'spatia-bridge[models]'") -> Iterator[None]:
    """Turn a failed import into MissingDependencyError."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(f"{backend} cannot be loaded: {error}", remedy) from error


def network(card: str, weights: str, device: str, load: Callable[[Path], M], make_tiny: Callable[[], M]) -> M:
    """A network in evaluation mode on its device, loaded once a process.

    Args:
        card: its name in the catalogue.
        weights: "" = the catalogue's, RANDOM_TINY = what make_tiny makes, with random parameters; otherwise a folder.
        device: as torch names it; "" = CUDA if there, else the CPU.
    Raises:
        MissingDependencyError, MissingWeightsError, CorruptWeightsError, DeviceMemoryError.
    """
    with packages(card):
        place = pick_device(device)

    def make() -> M:
        with device_memory(f"loading {card}", lambda: "close other programs on the device, or use --device cpu"):
            made = _randomised(make_tiny) if weights == RANDOM_TINY else load(locate(card, weights))
            return made.to(place).eval().requires_grad_(False)

    return shared((card, weights, place), make)


def _randomised(make: Callable[[], M]) -> M:
    """Every matrix drawn anew so that signals keep their size from layer to layer; as they are initialised most would vanish."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = make()
        for parameter in made.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return made


def from_folder(folder: Path, classes: Mapping[str, type[Any]]) -> Any:
    """A network of transformers from config.json and safetensors.

    Args:
        classes: by the config's model_type, those that the backend can use.
    Raises:
        MissingWeightsError: there is no config.json. InvalidInputError: it is of another kind of model.
        CorruptWeightsError: the config is damaged, or parameters lack or have another shape.
    """
    kind = str(read_json(folder / "config.json").get("model_type", ""))
    if kind not in classes:
        raise InvalidInputError(f"{folder} holds a model of type {kind!r}", f"give one of type {' or '.join(sorted(classes))}")
    try:
        model, found = classes[kind].from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptWeightsError(
            f"{folder} cannot be loaded: {error}", "fetch it again, or give a folder as published"
        ) from error
    wrong = [f"no {key}" for key in sorted(found["missing_keys"])]
    wrong += [f"{key} is of another shape" for key, *_ in found["mismatched_keys"]]
    if wrong:
        raise CorruptWeightsError(f"{folder} is of another model: {'; '.join(wrong[:3])}", PUBLISHED)
    return model


def tokenizer(card: str, weights: str, make_tiny: Callable[[], Any]) -> Any:
    """The tokenizer that lies beside a network's weights, or what make_tiny makes for RANDOM_TINY; loaded once a process.

    Raises:
        MissingDependencyError, MissingWeightsError, CorruptWeightsError.
    """

    def make() -> Any:
        if weights == RANDOM_TINY:
            return make_tiny()
        with packages(card):
            from transformers import AutoTokenizer
        folder = locate(card, weights)
        if not any((folder / name).is_file() for name in VOCABULARIES):  # transformers would make up an empty one
            raise MissingWeightsError(f"{folder} has no tokenizer", PUBLISHED)
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise MissingWeightsError(f"{folder} has no tokenizer that can be read: {error}", PUBLISHED) from error

    return shared((card, weights, "tokenizer"), make)


def read_json(path: Path) -> dict[str, Any]:
    """Raises MissingWeightsError: not there; CorruptWeightsError: no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingWeightsError(f"{path} cannot be read: {error.strerror}", PUBLISHED) from error
    except ValueError as error:
        raise CorruptWeightsError(f"{path} is no JSON: {error}", PUBLISHED) from error
    if not isinstance(data, dict):
        raise CorruptWeightsError(f"{path} is no JSON object", PUBLISHED)
    return data
