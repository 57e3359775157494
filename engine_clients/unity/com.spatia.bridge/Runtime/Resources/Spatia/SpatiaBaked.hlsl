// Baked memory: an ordinary mesh with four vertices a point, whose texture coordinates say which corner each is, and how wide.
#ifndef SPATIA_BAKED_INCLUDED
#define SPATIA_BAKED_INCLUDED

#include "SpatiaRecord.hlsl"

float _SpatiaSizeScale;

struct SpatiaBakedVertex
{
    float3 position : POSITION;
    float4 srgb : COLOR;
    float3 corner : TEXCOORD0;  // x, y: -1 or 1; z: footprint in the mesh's units
};

SpatiaVaryings SpatiaBakedVertexStage(SpatiaBakedVertex read)
{
    float unit = length(mul(unity_ObjectToWorld, float4(1.0, 0.0, 0.0, 0.0)).xyz);
    float3 positionWorld = mul(unity_ObjectToWorld, float4(read.position, 1.0)).xyz;
    return SpatiaSquare(positionWorld, read.corner.z * unit * _SpatiaSizeScale, read.corner.xy, read.srgb.rgb);
}

#endif
