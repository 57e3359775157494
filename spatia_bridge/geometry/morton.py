"""Morton (Z-order) codes of voxels within a chunk: 6 bits an axis, x in the lowest bit of each triple."""

import functools

import numpy as np
import numpy.typing as npt


def _spread(value: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """abcdef -> 00a00b00c00d00e00f, for 6-bit values."""
    value = (value | (value << np.uint32(8))) & np.uint32(0x0300F)
    value = (value | (value << np.uint32(4))) & np.uint32(0x030C3)
    return (value | (value << np.uint32(2))) & np.uint32(0x09249)


def encode(voxels: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    """uint32 (N,) codes below 2^18 of voxels (N, 3), each coordinate in 0…63."""
    v = voxels.astype(np.uint32)
    return np.asarray(_spread(v[:, 0]) | (_spread(v[:, 1]) << np.uint32(1)) | (_spread(v[:, 2]) << np.uint32(2)))


def stratified_order(count: int) -> npt.NDArray[np.int64]:
    """A permutation of 0…count-1 of which every prefix is an even sample: ranks in bit-reversed (van der Corput) order.

    Applied to points sorted by Morton code it makes level of detail a prefix: the first n/2^k points are about every 2^k-th along
    the Z-order curve.
    """
    reversed_ranks = _bit_reversed(max(int(count - 1).bit_length(), 1) if count else 1)
    return reversed_ranks[reversed_ranks < count]


@functools.lru_cache(maxsize=20)  # one a power of two
def _bit_reversed(bits: int) -> npt.NDArray[np.int64]:
    ranks = np.arange(1 << bits, dtype=np.int64)
    reversed_ranks = np.zeros_like(ranks)
    for bit in range(bits):
        reversed_ranks |= ((ranks >> bit) & 1) << (bits - 1 - bit)
    return reversed_ranks
