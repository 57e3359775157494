// What a client holds of memory: chunks assembled from parts, checked by hash, and the revision they add up to.
#pragma once

#include <string>
#include <unordered_map>

#include "Spatia/Messages.h"

namespace spatia {

// A point as it is sent and as it is kept, 8 bytes. It lies at (256 · (X, Y, Z) + (x, y, z) + 0.5) · 2^level of chunk space.
struct PackedPoint {
    std::uint8_t x, y, z;     // quarter voxels of the chunk's level
    std::uint8_t footprint;   // diameter = 4 · 2^level · 2^((footprint − 128) / 32) of chunk space
    std::uint8_t r, g, b;     // sRGB
    std::uint8_t confidence;  // 255 = certain
};
static_assert(sizeof(PackedPoint) == 8 && alignof(PackedPoint) == 1, "points are read in place");

// The points of packed bytes, in place.
struct PointSpan {
    const PackedPoint* data = nullptr;
    std::size_t size = 0;

    explicit PointSpan(ByteView packed)
        : data(reinterpret_cast<const PackedPoint*>(packed.data)), size(packed.size / sizeof(PackedPoint)) {}
    const PackedPoint* begin() const { return data; }
    const PackedPoint* end() const { return data + size; }
};

// p' = m · (p, 1), row-major 3×4.
struct Affine {
    double m[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};

    Vector3 apply(double x, double y, double z) const {
        return {m[0] * x + m[1] * y + m[2] * z + m[3], m[4] * x + m[5] * y + m[6] * z + m[7],
                m[8] * x + m[9] * y + m[10] * z + m[11]};
    }
};

// Told of what changed while a message is applied.
class MirrorListener {
public:
    virtual ~MirrorListener() = default;
    virtual void on_chunk(const ChunkIndex&) {}  // ask `PointMirror::shown`; empty = it is gone
    virtual void on_cleared() {}                 // everything is gone
};

// Chunk messages of one server. Every `apply` is false, with `fault` set, where data, hash or digest is not as the server stated:
// then `forget`, and connect anew.
class SPATIABRIDGECORE_API PointMirror {
public:
    static constexpr std::size_t max_part_bytes = 64 << 10;
    static constexpr std::uint32_t max_chunk_points = 64 * 64 * 64;
    static constexpr std::uint32_t max_level = 31;

    bool apply(const ChunkPart& part, MirrorListener& listener, std::string& fault);
    void apply(const ChunksRemoved& removed, MirrorListener& listener);
    bool apply(const Synced& synced, std::string& fault);
    bool apply(const Space& space, std::string& fault);

    // Holds nothing from here on.
    void forget(MirrorListener& listener);
    // Back to the last synced revision; false if there is none. What came since is dropped, what it replaced is back.
    bool restore(MirrorListener& listener);

    // From chunk space to the client's axes and units; `mirrored`: it turns left hands into right ones.
    const Affine& client_from_chunk() const { return client_from_chunk_; }
    bool mirrored() const { return mirrored_; }
    double voxel_size_m() const { return voxel_size_m_; }  // of level 0; 0 = the scene is empty
    // From a chunk's own bytes (x, y, z) to the client's axes and units: what a vertex shader needs, once a chunk.
    Affine client_from_bytes(const ChunkIndex& index) const;

    // The packed bytes of a chunk, of one under way what has come; a coarse sample of the whole. Valid until the next `apply`.
    ByteView shown(const ChunkIndex& index) const;
    std::vector<ChunkIndex> indexes() const;  // of all chunks of which there is something to show
    std::size_t chunks() const { return chunks_.size(); }  // that are complete
    std::uint64_t points() const { return points_; }       // in those
    const Hash& digest() const { return digest_; }          // of those

    bool has_synced() const { return has_synced_; }
    std::uint64_t synced_revision() const { return synced_revision_; }
    const Hash& synced_digest() const { return synced_digest_; }
    bool clean() const { return clean_; }  // nothing came since `synced`: this is exactly that revision

private:
    struct IndexHash {
        std::size_t operator()(const ChunkIndex& index) const;
    };
    struct Chunk {
        Bytes data;
        Hash packed_hash{};
    };
    struct Begun {
        Bytes data;
        Hash packed_hash{};
        std::uint32_t total_points = 0;
    };
    template <class Value>
    using ByIndex = std::unordered_map<ChunkIndex, Value, IndexHash>;

    void put(const ChunkIndex& index, Chunk chunk);
    void fold(const ChunkIndex& index, const Chunk& chunk);

    Affine client_from_chunk_;
    double voxel_size_m_ = 0;
    bool mirrored_ = false, has_synced_ = false, clean_ = false;
    ByIndex<Chunk> chunks_;
    ByIndex<Begun> begun_;
    ByIndex<Chunk> before_;  // what `synced` had where something changed since; no data = nothing
    Hash digest_{}, synced_digest_{};
    std::uint64_t points_ = 0, synced_revision_ = 0;
};

}  // namespace spatia
