#include "Spatia/PointMirror.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "Spatia/Hashing.h"
#include "Spatia/Inflate.h"

namespace spatia {
namespace {

std::string named(const ChunkIndex& index) {
    return "chunk (" + std::to_string(index.level) + ", " + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
           std::to_string(index.z) + ")";
}

}  // namespace

std::size_t PointMirror::IndexHash::operator()(const ChunkIndex& index) const {
    std::uint64_t mixed = index.level;
    for (std::int32_t each : {index.x, index.y, index.z}) {
        mixed = (mixed ^ static_cast<std::uint32_t>(each)) * 0x9E3779B97F4A7C15u;
        mixed ^= mixed >> 29;
    }
    return static_cast<std::size_t>(mixed);
}

bool PointMirror::apply(const Space& space, std::string& fault) {
    if (space.client_from_chunk.size() != 12 ||
        !std::all_of(space.client_from_chunk.begin(), space.client_from_chunk.end(), [](double x) { return std::isfinite(x); })) {
        fault = "a space without an affine of 12 numbers";
        return false;
    }
    std::copy(space.client_from_chunk.begin(), space.client_from_chunk.end(), client_from_chunk_.m);
    voxel_size_m_ = space.voxel_size_m;
    mirrored_ = space.mirrored;
    return true;
}

bool PointMirror::apply(const ChunkPart& part, MirrorListener& listener, std::string& fault) {
    const std::uint64_t raw_size = std::uint64_t{part.count} * sizeof(PackedPoint);
    if (!part.index || part.index->level > max_level || part.packed_hash.size != 32 || part.count == 0 ||
        part.raw_size != raw_size || raw_size > max_part_bytes || part.total_points > max_chunk_points) {
        fault = "a chunk part of " + std::to_string(part.count) + " points that states " + std::to_string(part.raw_size) + " bytes";
        return false;
    }
    const ChunkIndex index = *part.index;
    clean_ = false;
    if (part.first == 0) {
        put(index, {});
        Begun begun;
        std::copy(part.packed_hash.begin(), part.packed_hash.end(), begun.packed_hash.begin());
        begun.total_points = part.total_points;
        begun_[index] = std::move(begun);
    }
    const auto found = begun_.find(index);
    if (found == begun_.end() || part.packed_hash != found->second.packed_hash ||
        part.total_points != found->second.total_points || part.first * sizeof(PackedPoint) != found->second.data.size() ||
        std::uint64_t{part.first} + part.count > part.total_points) {
        fault = "a part of " + named(index) + " from point " + std::to_string(part.first) + " on continues nothing";
        return false;
    }
    Begun& begun = found->second;
    if (!decompress(part.compression, part.data, part.raw_size, begun.data)) {
        fault = "a part of " + named(index) + " has not the bytes that it states";
        return false;
    }
    if (part.first + part.count == part.total_points) {
        Chunk whole{std::move(begun.data), begun.packed_hash};
        begun_.erase(found);
        if (sha256(whole.data) != whole.packed_hash) {
            fault = named(index) + " is not what its hash says";
            return false;
        }
        put(index, std::move(whole));
    }
    listener.on_chunk(index);
    return true;
}

void PointMirror::apply(const ChunksRemoved& removed, MirrorListener& listener) {
    clean_ = false;
    for (const ChunkIndex& index : removed.indexes) {
        begun_.erase(index);
        put(index, {});
        listener.on_chunk(index);
    }
}

bool PointMirror::apply(const Synced& synced, std::string& fault) {
    if (!begun_.empty() || synced.digest != digest_) {
        fault = "revision " + std::to_string(synced.revision) + " has another digest here";
        return false;
    }
    synced_revision_ = synced.revision;
    synced_digest_ = digest_;
    has_synced_ = clean_ = true;
    before_.clear();
    return true;
}

void PointMirror::forget(MirrorListener& listener) {
    chunks_.clear();
    begun_.clear();
    before_.clear();
    digest_ = synced_digest_ = {};
    points_ = synced_revision_ = 0;
    has_synced_ = clean_ = false;
    listener.on_cleared();
}

bool PointMirror::restore(MirrorListener& listener) {
    if (!has_synced_) return false;
    ByIndex<Chunk> before = std::move(before_);  // has every chunk that was begun since, too
    begun_.clear();
    for (auto& [index, chunk] : before) {
        put(index, std::move(chunk));
        listener.on_chunk(index);
    }
    before_.clear();
    clean_ = true;
    return true;
}

Affine PointMirror::client_from_bytes(const ChunkIndex& index) const {
    const double scale = std::ldexp(1.0, static_cast<int>(index.level));
    const double low[3] = {256.0 * index.x + 0.5, 256.0 * index.y + 0.5, 256.0 * index.z + 0.5};
    const Vector3 origin = client_from_chunk_.apply(scale * low[0], scale * low[1], scale * low[2]);
    Affine affine = client_from_chunk_;
    for (int i = 0; i < 12; ++i) affine.m[i] *= scale;
    affine.m[3] = origin.x;
    affine.m[7] = origin.y;
    affine.m[11] = origin.z;
    return affine;
}

ByteView PointMirror::shown(const ChunkIndex& index) const {
    if (const auto begun = begun_.find(index); begun != begun_.end()) return begun->second.data;
    if (const auto chunk = chunks_.find(index); chunk != chunks_.end()) return chunk->second.data;
    return {};
}

std::vector<ChunkIndex> PointMirror::indexes() const {
    std::vector<ChunkIndex> found;
    found.reserve(chunks_.size() + begun_.size());
    for (const auto& [index, chunk] : chunks_) found.push_back(index);
    for (const auto& [index, begun] : begun_) found.push_back(index);
    return found;
}

// Puts a complete chunk in the place of what was there; one without data only takes that away.
void PointMirror::put(const ChunkIndex& index, Chunk chunk) {
    const auto found = chunks_.find(index);
    if (found != chunks_.end()) {
        fold(index, found->second);
        points_ -= found->second.data.size() / sizeof(PackedPoint);
        before_.try_emplace(index, std::move(found->second));
        chunks_.erase(found);
    } else {
        before_.try_emplace(index);
    }
    if (chunk.data.empty()) return;
    fold(index, chunk);
    points_ += chunk.data.size() / sizeof(PackedPoint);
    chunks_.emplace(index, std::move(chunk));
}

// XORs a chunk into the digest, or out of it.
void PointMirror::fold(const ChunkIndex& index, const Chunk& chunk) {
    const Hash own = chunk_digest(index, chunk.packed_hash);
    for (std::size_t i = 0; i < own.size(); ++i) digest_[i] ^= own[i];
}

}  // namespace spatia
