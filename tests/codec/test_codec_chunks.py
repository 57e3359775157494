import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.codec import chunks as codec
from spatia_bridge.errors import CodecError
from spatia_bridge.memory import Chunk, ChunkIndex
from tests.codec.points import chunks


@given(chunks(), st.data())
def test_packed_says_what_the_chunk_says(chunk, data):
    chunk = Chunk(ChunkIndex(3, -2, 5, 1), chunk.records)
    points = data.draw(st.integers(1, len(chunk)))
    packed = codec.decode_packed(chunk.packed()[: 8 * points])
    for name in codec.PACKED.names:
        assert (packed[name] == chunk.records[name][:points]).all()
    np.testing.assert_allclose(
        codec.packed_positions_world(chunk.index, packed, 0.05), chunk.points_world(0.05)[:points], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(codec.packed_footprints_m(chunk.index, packed, 0.05), chunk.footprints_m(0.05)[:points], rtol=1e-6)
    local = codec.packed_positions_voxels(packed)
    assert local.dtype == np.float32 and (local > 0).all() and (local < 64).all()


@pytest.mark.parametrize("size", [0, 7, 9, 8 * 64**3 + 8])
def test_packed_of_a_wrong_size_is_refused(size):
    with pytest.raises(CodecError):
        codec.decode_packed(bytes(size))
