// How a point of memory is read, placed and drawn as a square that faces the camera. Included by the shaders after what their
// pipeline has for UNITY_MATRIX_VP and UNITY_MATRIX_P. Points have no size on Direct3D, so six vertices are made of each.
#ifndef SPATIA_RECORD_INCLUDED
#define SPATIA_RECORD_INCLUDED

static const float SPATIA_VOXEL = 4.0;             // in bytes of a position
static const float SPATIA_FOOTPRINT_BIAS = 128.0;
static const float SPATIA_FOOTPRINT_STEPS = 32.0;
static const float SPATIA_SPLAT_DIAMETER = 2.0;    // in footprints: about as the server draws them, surfaces close
static const float SPATIA_RIM_BIAS = 16.0;         // a square's rim is pushed back so many radii: overlapping ones meet half way
static const float SPATIA_LEAST_PIXELS = 1.5;

struct SpatiaVaryings
{
    float4 positionClip : SV_Position;
    nointerpolation float3 colour : TEXCOORD0;
    float2 corner : TEXCOORD1;               // -1 … 1 across the square
    nointerpolation float reach : TEXCOORD2; // how far the rim is pushed back, as a share of the distance
};

struct SpatiaRecord
{
    float3 position;   // in bytes; the matrix puts it into the middle of its step
    float footprint;   // diameter in bytes
    float3 srgb;
    float confidence;
};

// x, y, z, footprint; r, g, b, confidence: a byte each, from the lowest.
SpatiaRecord SpatiaUnpack(uint2 packed)
{
    SpatiaRecord found;
    found.position = float3(packed.x & 255u, packed.x >> 8 & 255u, packed.x >> 16 & 255u);
    found.footprint = SPATIA_VOXEL * exp2((float(packed.x >> 24) - SPATIA_FOOTPRINT_BIAS) / SPATIA_FOOTPRINT_STEPS);
    found.srgb = float3(packed.y & 255u, packed.y >> 8 & 255u, packed.y >> 16 & 255u) / 255.0;
    found.confidence = float(packed.y >> 24) / 255.0;
    return found;
}

// The corner of its square that a vertex is.
float2 SpatiaCorner(uint vertexId)
{
    uint corner = vertexId % 6u;
    bool right = corner == 1u || corner == 2u || corner == 4u, top = corner == 2u || corner == 4u || corner == 5u;
    return float2(right ? 1.0 : -1.0, top ? 1.0 : -1.0);
}

float3 SpatiaShade(float3 srgb)
{
#if defined(UNITY_COLORSPACE_GAMMA)
    return srgb;
#else
    float3 low = srgb / 12.92, high = pow((srgb + 0.055) / 1.055, 2.4);
    return float3(srgb.r > 0.04045 ? high.r : low.r, srgb.g > 0.04045 ? high.g : low.g, srgb.b > 0.04045 ? high.b : low.b);
#endif
}

// One corner of a square around a point of the world, so wide in world units before splatting.
SpatiaVaryings SpatiaSquare(float3 positionWorld, float diameterWorld, float2 corner, float3 srgb)
{
    SpatiaVaryings made;
#if defined(SHADEROPTIONS_CAMERA_RELATIVE_RENDERING) && (SHADEROPTIONS_CAMERA_RELATIVE_RENDERING != 0)
    positionWorld -= _WorldSpaceCameraPos.xyz;
#endif
    made.positionClip = mul(UNITY_MATRIX_VP, float4(positionWorld, 1.0));
    float2 screen = SPATIA_SCREEN_SIZE;
    float focal = abs(UNITY_MATRIX_P._m11) * screen.y * 0.5;
    float pixels = max(diameterWorld * SPATIA_SPLAT_DIAMETER * focal / made.positionClip.w, SPATIA_LEAST_PIXELS);
    made.positionClip.xy += corner * pixels / screen * made.positionClip.w;
    made.colour = SpatiaShade(srgb);
    made.corner = corner;
    made.reach = SPATIA_RIM_BIAS * pixels / (2.0 * focal);
    return made;
}

// Depth buffers run from one at the eye to zero, or the other way round; the rim goes away from the eye either way.
float SpatiaDepth(SpatiaVaryings read)
{
    float keep = max(1.0 - read.reach * dot(read.corner, read.corner), 0.0);
#if defined(UNITY_REVERSED_Z)
    return read.positionClip.z * keep;
#else
    return 1.0 - (1.0 - read.positionClip.z) * keep;
#endif
}

#endif
