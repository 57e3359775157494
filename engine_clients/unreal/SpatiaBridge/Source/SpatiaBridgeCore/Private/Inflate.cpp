#include "Spatia/Inflate.h"

#include <zlib.h>

#include <limits>

namespace spatia {
namespace {

bool inflate_all(ByteView data, std::size_t raw_size, int window_bits, Bytes& out) {
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    if (data.size > most || raw_size >= most) return false;
    z_stream stream{};
    if (inflateInit2(&stream, window_bits) != Z_OK) return false;
    const std::size_t before = out.size();
    out.resize(before + raw_size);
    std::uint8_t beyond = 0;  // zlib wants a place to write to even if nothing is to come
    stream.next_in = const_cast<Bytef*>(data.data);  // zlib does not write there
    stream.avail_in = static_cast<uInt>(data.size);
    stream.next_out = raw_size > 0 ? out.data() + before : &beyond;
    stream.avail_out = raw_size > 0 ? static_cast<uInt>(raw_size) : 1;
    const int status = inflate(&stream, Z_FINISH);
    const bool whole = status == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == raw_size;
    inflateEnd(&stream);
    if (!whole) out.resize(before);
    return whole;
}

}  // namespace

bool decompress(Compression compression, ByteView data, std::size_t raw_size, Bytes& out) {
    if (compression == Compression::gzip) return inflate_all(data, raw_size, 16 + MAX_WBITS, out);
    if (compression == Compression::zstd || data.size != raw_size) return false;
    out.insert(out.end(), data.begin(), data.end());
    return true;
}

bool inflate_zlib(ByteView data, std::size_t raw_size, Bytes& out) { return inflate_all(data, raw_size, MAX_WBITS, out); }

}  // namespace spatia
