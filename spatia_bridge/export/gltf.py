"""glTF 2.0 in one binary file (GLB): what points, meshes and camera paths have in common.

glTF states its axes and units: metres, right-handed, y up. Its vertex colours are linear, in 16 bits here, from which every sRGB
colour comes back; materials are unlit, since the colours of memory have their light in them.
"""

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import LimitExceededError

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BIN_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, U16, U32 = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
POINTS_MODE, TRIANGLES_MODE = 0, 4
UNLIT = "KHR_materials_unlit"
_MAX_BYTES = (1 << 32) - 1


def _linear_from_srgb() -> npt.NDArray[np.float64]:
    """IEC 61966-2-1, as a table of the 256 codes: 0…1."""
    c = np.arange(256) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


LINEAR_FROM_SRGB = _linear_from_srgb()
LINEAR16_FROM_SRGB = np.rint(LINEAR_FROM_SRGB * 65535).astype(np.uint16)


def linear_rgba(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """COLOR_0 (N, 4), normalised uint16, of sRGB (N, 3); opaque."""
    rgba = np.full((len(rgb), 4), 65535, np.uint16)
    rgba[:, :3] = LINEAR16_FROM_SRGB[rgb]
    return rgba


def document(**parts: Any) -> dict[str, Any]:
    """A glTF document of these parts."""
    return {"asset": {"version": "2.0", "generator": "spatia-bridge"}, **parts}


def unlit_material() -> dict[str, Any]:
    """White, so that the vertex colours are what is seen."""
    return {
        "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0, "roughnessFactor": 1},
        "doubleSided": True,
        "extensions": {UNLIT: {}},
    }


def header(content: dict[str, Any], bin_bytes: int) -> bytes:
    """All of a GLB but its binary chunk's bytes, of which there are so many: a multiple of 4.

    Raises:
        LimitExceededError: a GLB counts its bytes in 32 bits.
    """
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + bin_bytes
    if total > _MAX_BYTES:
        raise LimitExceededError(f"the GLB would have {total} bytes", "a GLB holds 4 GiB: export as ply, which has no limit")
    head = MAGIC + struct.pack("<II", VERSION, total)
    return head + struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", bin_bytes, BIN_CHUNK)
