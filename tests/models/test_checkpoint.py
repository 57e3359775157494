"""Safetensors headers: every length is read, and nothing else is."""

import json
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from spatia_bridge.errors import CorruptWeightsError, MissingWeightsError
from spatia_bridge.models.checkpoint import TensorInfo, check_fits, read_header, read_safetensors

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.zeros((0, 4), np.float16),
    "c": np.ones((), np.int64),
}


def test_names_types_and_shapes_come_from_the_header(tmp_path):
    save_file(TENSORS, tmp_path / "w.safetensors", {"about": "test"})
    assert read_header(tmp_path / "w.safetensors") == {
        "a.weight": TensorInfo("F32", (2, 3)), "b": TensorInfo("F16", (0, 4)), "c": TensorInfo("I64", ()),
    }  # fmt: skip
    assert {k: v.numpy().tolist() for k, v in read_safetensors(tmp_path / "w.safetensors").items()} == {
        k: v.tolist() for k, v in TENSORS.items()
    }


def test_any_header_length_is_read(tmp_path):
    """Also those whose first byte is that of a pickle."""
    path, lengths = tmp_path / "w.safetensors", set()
    for extra in range(0, 320, 8):
        path.write_bytes(save({"x" * (1 + extra): np.zeros(1, np.float32)}))
        lengths.add(path.read_bytes()[0])
        assert len(read_header(path)) == 1
    assert 0x80 in lengths


def test_what_is_no_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    whole = save(TENSORS)
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    for data, words in (
        (b"", "truncated"),
        (whole[:5], "truncated"),
        (whole[:-1], "truncated"),
        (whole + b"\0", "truncated"),
        (pickle.dumps(TENSORS), "pickle"),
        (b"PK\3\4" + b"\0" * 100, "pickle"),
        (struct.pack("<Q", 4) + b"{{{{", "no JSON"),
        (struct.pack("<Q", 2) + b"[]", "no sense"),
        (struct.pack("<Q", len(header)) + header.replace(b"F32", b"F99") + b"\0" * 8, "no sense"),
        (struct.pack("<Q", len(header)) + header.replace(b"[2]", b"[3]") + b"\0" * 8, "no sense"),
    ):
        path.write_bytes(data)
        with pytest.raises(CorruptWeightsError, match=words):
            read_header(path)
    with pytest.raises(MissingWeightsError):
        read_header(tmp_path / "absent.safetensors")
    path.rename(tmp_path / "w.bin")
    (tmp_path / "w.bin").write_bytes(whole)
    with pytest.raises(CorruptWeightsError, match="pickle"):
        read_header(tmp_path / "w.bin")


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_damage_anywhere_in_the_header_is_an_error_or_another_header(tmp_path_factory, place, byte):
    data = bytearray(save(TENSORS))
    data[place % (len(data) - 32)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(data)
    try:
        assert all(isinstance(info, TensorInfo) for info in read_header(path).values())
    except CorruptWeightsError as error:
        assert error.remedy


def test_a_file_of_another_model_is_told_from_its_shapes(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros(1, np.float32)}, path)
    check_fits(path, {"a": (2, 3), "b": (1,)})
    for expected, words in (
        ({"a": (2, 3)}, "b besides"),
        ({"a": (3, 2), "b": (1,)}, r"\(2, 3\), not \(3, 2\)"),
        ({"c": (1,)}, "no c"),
    ):
        with pytest.raises(CorruptWeightsError, match=words):
            check_fits(path, expected)
