// ISO/IEC 15948.
#include "Spatia/Png.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "Spatia/Inflate.h"

namespace spatia {
namespace {

constexpr std::uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

std::uint32_t word(const std::uint8_t* at) {
    return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

bool read_header(ByteView header, Picture& picture) {
    if (header.size != 13) return false;
    picture.width = word(header.data);
    picture.height = word(header.data + 4);
    picture.bits = header.data[8];
    const std::uint8_t kind = header.data[9];
    picture.channels = kind == 0 ? 1 : kind == 2 ? 3 : kind == 6 ? 4 : 0;
    const bool known = picture.bits == 8 || (picture.bits == 16 && picture.channels == 1);
    const bool plain = header.data[10] == 0 && header.data[11] == 0 && header.data[12] == 0;
    return known && plain && picture.channels != 0 && picture.width != 0 && picture.height != 0 &&
           std::uint64_t{picture.width} * picture.height <= max_picture_pixels;
}

// Walks the chunks to the end: the header into `picture`, the compressed rows into `rows`.
const char* read_chunks(ByteView data, Picture& picture, Bytes& rows) {
    if (data.size < 8 || data.slice(0, 8) != ByteView(signature, 8)) return "no PNG";
    for (std::size_t at = 8; data.size - at >= 12;) {
        const std::size_t size = word(data.data + at);
        if (size > data.size - at - 12) break;
        const ByteView checked = data.slice(at + 4, size + 4), body = checked.slice(4, size);
        if (crc32(0, checked.data, static_cast<uInt>(checked.size)) != word(checked.end())) return "a PNG with a wrong checksum";
        const bool first = at == 8, header = std::memcmp(checked.data, "IHDR", 4) == 0;
        if (first != header || (header && !read_header(body, picture))) return "a PNG of another kind or size";
        if (std::memcmp(checked.data, "IDAT", 4) == 0) rows.insert(rows.end(), body.begin(), body.end());
        if (std::memcmp(checked.data, "IEND", 4) == 0) return nullptr;
        at += size + 12;
    }
    return "a cut PNG";
}

std::uint8_t paeth(int left, int above, int corner) {
    const int guess = left + above - corner;
    const int to_left = std::abs(guess - left), to_above = std::abs(guess - above), to_corner = std::abs(guess - corner);
    return static_cast<std::uint8_t>(to_left <= to_above && to_left <= to_corner ? left : to_above <= to_corner ? above : corner);
}

// Undoes a row's filter; `above` is the row before, all zero for the first.
bool unfilter(std::uint8_t filter, const std::uint8_t* coded, const std::uint8_t* above, std::size_t size, std::size_t pixel,
              std::uint8_t* row) {
    if (filter > 4) return false;
    for (std::size_t i = 0; i < size; ++i) {
        const int left = i < pixel ? 0 : row[i - pixel], corner = i < pixel ? 0 : above[i - pixel];
        const int guess = filter == 0   ? 0
                          : filter == 1 ? left
                          : filter == 2 ? above[i]
                          : filter == 3 ? (left + above[i]) / 2
                                        : paeth(left, above[i], corner);
        row[i] = static_cast<std::uint8_t>(coded[i] + guess);
    }
    return true;
}

}  // namespace

bool decode_png(ByteView data, Picture& picture, std::string& fault) {
    picture = {};
    Bytes packed, coded;
    if (const char* wrong = read_chunks(data, picture, packed)) {
        fault = wrong;
        return false;
    }
    const std::size_t pixel = picture.channels * picture.bits / 8, row = picture.width * pixel;
    // Deflate makes no byte more than 1032: what claims more is refused before there is room for it.
    const std::uint64_t coded_size = std::uint64_t{row + 1} * picture.height;
    if (coded_size / 1032 > packed.size() || !inflate_zlib(packed, static_cast<std::size_t>(coded_size), coded)) {
        fault = "a PNG whose rows are not as long as it states";
        return false;
    }
    picture.samples.resize(row * picture.height);
    const Bytes nothing(row, 0);
    for (std::size_t y = 0; y < picture.height; ++y) {
        const std::uint8_t* line = coded.data() + y * (row + 1);
        std::uint8_t* to = picture.samples.data() + y * row;
        if (!unfilter(line[0], line + 1, y == 0 ? nothing.data() : to - row, row, pixel, to)) {
            fault = "a PNG with an unknown filter";
            return false;
        }
    }
    if (picture.bits == 16) {
        for (std::size_t i = 0; i < picture.samples.size(); i += 2) std::swap(picture.samples[i], picture.samples[i + 1]);
    }
    return true;
}

}  // namespace spatia
