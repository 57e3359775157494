// Bytes, owned and borrowed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#ifndef SPATIABRIDGECORE_API  // a build that makes a shared library defines it
#define SPATIABRIDGECORE_API
#endif

namespace spatia {

using Bytes = std::vector<std::uint8_t>;
using Hash = std::array<std::uint8_t, 32>;  // SHA-256

// Bytes that someone else owns and keeps alive.
struct ByteView {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;

    ByteView() = default;
    ByteView(const std::uint8_t* first, std::size_t count) : data(first), size(count) {}
    ByteView(const Bytes& bytes) : data(bytes.data()), size(bytes.size()) {}  // NOLINT: implicit, as for any view
    ByteView(const Hash& hash) : data(hash.data()), size(hash.size()) {}      // NOLINT

    bool empty() const { return size == 0; }
    const std::uint8_t* begin() const { return data; }
    const std::uint8_t* end() const { return data + size; }  // nullptr + 0 is nullptr
    // `count` bytes from `first` on; both within the view.
    ByteView slice(std::size_t first, std::size_t count) const { return {data + first, count}; }
};

inline bool operator==(ByteView a, ByteView b) {
    return a.size == b.size && (a.size == 0 || std::memcmp(a.data, b.data, a.size) == 0);
}
inline bool operator!=(ByteView a, ByteView b) { return !(a == b); }

}  // namespace spatia
