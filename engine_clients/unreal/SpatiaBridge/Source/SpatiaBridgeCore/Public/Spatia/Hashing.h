// SHA-256 (FIPS 180-4), and what a snapshot's digest is made of.
#pragma once

#include "Spatia/Messages.h"

namespace spatia {

SPATIABRIDGECORE_API Hash sha256(ByteView data);

// What one chunk adds, by XOR, to a snapshot's digest: SHA-256(level, x, y, z as int32 little endian ‖ packed hash).
SPATIABRIDGECORE_API Hash chunk_digest(const ChunkIndex& index, const Hash& packed_hash);

}  // namespace spatia
