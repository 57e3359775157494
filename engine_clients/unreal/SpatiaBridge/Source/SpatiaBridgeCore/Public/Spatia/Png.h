// PNG as the server writes it, without an engine's decoder: depth comes as 16 bit grey, which those often cut to 8.
#pragma once

#include <string>

#include "Spatia/Bytes.h"

namespace spatia {

struct Picture {
    std::uint32_t width = 0, height = 0;
    std::uint32_t channels = 0;  // 1 grey, 3 RGB, 4 RGBA
    std::uint32_t bits = 0;      // of a sample: 8, or 16 for grey
    Bytes samples;               // rows from the top, no padding; 16 bit samples little endian
};

inline constexpr std::uint32_t max_picture_pixels = 1 << 26;

// Millimetres of a depth picture: 0 = nothing known, this = infinite or farther than 16 bits tell.
inline constexpr std::uint16_t far_depth_mm = 65535;

// Grey, RGB and RGBA of 8 bits and grey of 16, not interlaced. False, with what is wrong in `fault`, for anything else, for what is
// cut or damaged, and for more than max_picture_pixels; nothing is allocated before size and kind are checked.
SPATIABRIDGECORE_API bool decode_png(ByteView data, Picture& picture, std::string& fault);

}  // namespace spatia
