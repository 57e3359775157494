// The compressions that this client reads: gzip, by zlib, and none.
#pragma once

#include "Spatia/Messages.h"

namespace spatia {

// The raw bytes, added to the end of `out`; false, and nothing added, if they are not exactly `raw_size`, or what is there is no
// one whole gzip member. Allocates no more than raw_size, which the caller has bounded.
SPATIABRIDGECORE_API bool decompress(Compression compression, ByteView data, std::size_t raw_size, Bytes& out);

// The same for a zlib stream, as a PNG holds one.
SPATIABRIDGECORE_API bool inflate_zlib(ByteView data, std::size_t raw_size, Bytes& out);

}  // namespace spatia
