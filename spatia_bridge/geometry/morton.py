"""Morton (Z-order) codes of voxels within a chunk: 6 bits an axis, x in the lowest bit of each triple."""

import numpy as np
import numpy.typing as npt

BITS = 6  # an axis


def _spread(value: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """abcdef -> 00a00b00c00d00e00f, for 6-bit values."""
    value = (value | (value << np.uint32(8))) & np.uint32(0x0300F)
    value = (value | (value << np.uint32(4))) & np.uint32(0x030C3)
    return (value | (value << np.uint32(2))) & np.uint32(0x09249)


_X = _spread(np.arange(1 << BITS, dtype=np.uint32))
_Y, _Z = _X << np.uint32(1), _X << np.uint32(2)


def encode(voxels: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    """uint32 (N,) codes below 2^18 of voxels (N, 3), each coordinate in 0…63."""
    return np.asarray(_X[voxels[:, 0]] | _Y[voxels[:, 1]] | _Z[voxels[:, 2]])


def coarseness(sorted_codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """For each of ascending, distinct codes (N,): the greatest k in 0…6 for which it is the first of its cell of 2^k voxels.

    Only the lowest code of a cell is its first, so the points of coarseness ≥ k are exactly one for every occupied cell.
    """
    if not len(sorted_codes):
        return np.zeros(0, np.int64)
    found = np.full(len(sorted_codes), BITS, np.int64)
    differs = sorted_codes[1:] ^ sorted_codes[:-1]
    found[1:] = (np.frexp(differs.astype(np.float64))[1] - 1) // 3  # which level's bits are the highest that differ
    return found


def cell_counts(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """int64 (7,): how many cells of 2^k voxels a side distinct codes occupy, k = 0…6. So long are the even prefixes."""
    counts = np.bincount(coarseness(np.sort(codes)), minlength=BITS + 1)
    return np.asarray(np.cumsum(counts[::-1])[::-1], np.int64)


def stratified_order(sorted_codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """A permutation (N,) of points sorted by ascending, distinct codes, of which every prefix is an even, coarser sample.

    First one point for every occupied cell of 64 voxels a side, then one for each of 32, and so on down to all. Within a stratum
    there are eight sweeps along the curve, each of every eighth point (in bit-reversed order of their remainders): a prefix is
    even to an eighth of a stratum wherever it ends, and neighbours in memory are neighbours in space, which renderers and
    compressors live on. Level of detail is a prefix: `cell_counts` says how long.
    """
    sweep = (BITS - coarseness(sorted_codes)) * 8 + _SWEEP[np.arange(len(sorted_codes)) & 7]
    return np.argsort(sweep.astype(np.uint8), kind="stable")  # of bytes it is a radix sort


_SWEEP = np.array([0, 4, 2, 6, 1, 5, 3, 7])  # bit-reversed: each sweep falls into the middle of the gaps that are left
