// How chunks are gathered into the point clouds that show them. No engine types, so that it is tested as it is.
//
// A cloud a chunk would be thousands of components, one for all would be searched through for each chunk that changes, and chunks of
// different levels overlap: so a cloud is a tile, 4 × 4 × 4 chunks of one level, in which each chunk has a box of its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "Spatia/PointMirror.h"

namespace spatia {

inline constexpr int tile_shift = 2;  // 2² chunks a side

inline ChunkIndex tile_of(const ChunkIndex& chunk) {  // >> rounds down
    return {chunk.level, chunk.x >> tile_shift, chunk.y >> tile_shift, chunk.z >> tile_shift};
}

// A box along the client's axes, in its units.
struct Bounds {
    double low[3], high[3];
};

// Of a cube of 2^shift chunks a side. The affine turns axes into axes (conventions.py), so the box holds its points and no others:
// they lie half a quarter voxel within.
inline Bounds bounds_of(const Affine& client_from_chunk, const ChunkIndex& index, int shift = 0) {
    const double side = std::ldexp(256.0, static_cast<int>(index.level) + shift);
    constexpr double inf = std::numeric_limits<double>::infinity();
    Bounds bounds{{inf, inf, inf}, {-inf, -inf, -inf}};
    for (int corner : {0, 1}) {
        const Vector3 at = client_from_chunk.apply(side * (index.x + corner), side * (index.y + corner), side * (index.z + corner));
        const double place[3] = {at.x, at.y, at.z};
        for (int i = 0; i < 3; ++i) {
            bounds.low[i] = std::min(bounds.low[i], place[i]);
            bounds.high[i] = std::max(bounds.high[i], place[i]);
        }
    }
    return bounds;
}

}  // namespace spatia
