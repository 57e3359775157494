"""Safetensors files: their header is read and held against the file before anything is loaded. Nothing in them is ever run.

Format (https://github.com/huggingface/safetensors#format): the header's length as u64, little endian; a JSON object, name →
dtype, shape and the [begin, end) of its bytes in what follows; then those bytes, without a gap.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatia_bridge.errors import CorruptWeightsError, MissingDependencyError, MissingWeightsError

if TYPE_CHECKING:
    from torch import Tensor

MAX_HEADER_BYTES = 100_000_000  # the format's own bound
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
_BITS |= {f"{kind}{bits}": bits for kind in "UIF" for bits in (16, 32, 64)} | {"BF16": 16, "C64": 64}
_REMEDY = "fetch it again: spatia-bridge models fetch NAME; only safetensors files are read"


@dataclass(frozen=True)
class TensorInfo:
    """What a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of a safetensors file by name, once its header agrees with its size.

    Raises:
        MissingWeightsError: there is no such file.
        CorruptWeightsError: it is a pickle, truncated, or no safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if path.suffix in PICKLES or not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                if path.suffix in PICKLES or start[:2] == b"PK" or start[:1] == b"\x80":
                    raise CorruptWeightsError(f"{path.name} is a pickle, which runs code when it is loaded", _REMEDY)
                raise CorruptWeightsError(f"{path.name} is no safetensors file, or truncated: {size} bytes", _REMEDY)
            header = json.loads(file.read(length))
    except OSError as error:
        raise MissingWeightsError(f"cannot read {path}: {error.strerror}", _REMEDY) from error
    except ValueError as error:
        raise CorruptWeightsError(f"{path.name} has a header that is no JSON: {error}", _REMEDY) from error
    return _checked(path.name, header, size - 8 - length)


def _checked(name: str, header: Any, data_bytes: int) -> dict[str, TensorInfo]:
    found: dict[str, TensorInfo] = {}
    places = []
    try:
        for key, entry in header.items():
            if key == "__metadata__":
                continue
            info = TensorInfo(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
            begin, end = entry["data_offsets"]
            if end - begin != (prod(info.shape) * _BITS[info.dtype] + 7) // 8 or min(info.shape, default=0) < 0:
                raise ValueError(f"{key} is {info.dtype} {info.shape} in {end - begin} bytes")
            found[key] = info
            places.append((begin, end))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptWeightsError(f"{name} has a header that makes no sense: {error!r}", _REMEDY) from error
    places.sort()
    ends = [0, *(end for _, end in places)]
    if [begin for begin, _ in places] != ends[:-1] or ends[-1] != data_bytes:
        raise CorruptWeightsError(
            f"{name} is truncated: it has {data_bytes} bytes of tensors, its header says {ends[-1]}", _REMEDY
        )
    return found


def read_safetensors(path: Path) -> "dict[str, Tensor]":
    """All tensors of a file, on the CPU, as they are stored.

    Raises:
        MissingWeightsError, CorruptWeightsError: see `read_header`.
        MissingDependencyError: torch or safetensors are not installed.
    """
    read_header(path)
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(f"weights cannot be read: {error}", "pip install 'spatia-bridge[models]'") from error
    return load_file(path)


def check_fits(path: Path, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Hold a file's header against the parameters (name → shape) of the model that it is for.

    Raises:
        CorruptWeightsError: names or shapes differ; it names the first few.
    """
    found = {key: info.shape for key, info in read_header(path).items()}
    wrong = [f"no {key}" for key in expected if key not in found] + [f"{key} besides" for key in found if key not in expected]
    both = [key for key in expected if key in found]
    wrong += [f"{key} is {found[key]}, not {tuple(expected[key])}" for key in both if found[key] != tuple(expected[key])]
    if wrong:
        raise CorruptWeightsError(f"{path.name} is of another model: {'; '.join(wrong[:3])}", "give the weights of this model")
