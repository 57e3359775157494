// What an Unreal camera projects with, as focal lengths and optical centre in pixels. No engine types, so that it is tested as it is.
#pragma once

#include <cmath>
#include <optional>

#include "Spatia/Messages.h"

namespace spatia {

// Which angle stays as the picture's shape changes, as EAspectRatioAxisConstraint.
enum class AspectAxis { maintain_y, maintain_x, major };

// What matters of an FMinimalViewInfo. A CineCamera puts its filmback, focal length, squeeze and crop into angle and aspect.
struct Optics {
    double horizontal_fov_degrees = 90;
    double aspect = 16.0 / 9.0;  // the width over height that the angle was stated for
    bool constrain_aspect = false;
    AspectAxis axis = AspectAxis::maintain_x;  // where the aspect is not constrained
    double offset_x = 0, offset_y = 0;         // of the projection's centre, in half pictures to the right and up
};

// The camera's in a viewport of this size, without the black bars of a constrained aspect; none without an angle or a size.
// The rules are those of FMinimalViewInfo::CalculateProjectionMatrixGivenViewRectangle.
inline std::optional<Intrinsics> intrinsics_of(const Optics& optics, std::uint32_t viewport_width, std::uint32_t viewport_height) {
    const bool has_angle = optics.horizontal_fov_degrees > 0 && optics.horizontal_fov_degrees < 180;
    if (!has_angle || viewport_width == 0 || viewport_height == 0 || !(optics.aspect > 0)) return std::nullopt;
    double width = viewport_width, height = viewport_height;
    const double half_tangent = std::tan(optics.horizontal_fov_degrees * (3.14159265358979323846 / 360));
    double fx = 0, fy = 0;
    if (optics.constrain_aspect) {
        if (width > height * optics.aspect) {
            width = std::fmax(std::round(height * optics.aspect), 1);
        } else {
            height = std::fmax(std::round(width / optics.aspect), 1);
        }
        fx = width / 2 / half_tangent;
        fy = height / 2 / half_tangent * optics.aspect;
    } else if (optics.axis == AspectAxis::maintain_x || (optics.axis == AspectAxis::major && width > height)) {
        fx = fy = width / 2 / half_tangent;
    } else {
        fx = fy = height / 2 / (half_tangent / optics.aspect);
    }
    return Intrinsics{fx,
                      fy,
                      width / 2 * (1 - optics.offset_x),
                      height / 2 * (1 + optics.offset_y),
                      static_cast<std::uint32_t>(width),
                      static_cast<std::uint32_t>(height)};
}

}  // namespace spatia
