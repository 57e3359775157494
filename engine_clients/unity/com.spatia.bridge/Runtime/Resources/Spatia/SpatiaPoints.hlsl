// Memory as it came: the records of one chunk are a buffer, and one matrix puts them into the world.
#ifndef SPATIA_POINTS_INCLUDED
#define SPATIA_POINTS_INCLUDED

#include "SpatiaRecord.hlsl"

StructuredBuffer<uint2> _SpatiaRecords;
float4x4 _SpatiaWorldFromBytes;
float _SpatiaSpread;         // how much wider points are while only some of them are drawn
float _SpatiaSizeScale;
float _SpatiaMinConfidence;

SpatiaVaryings SpatiaPointsVertex(uint vertexId : SV_VertexID)
{
    SpatiaRecord record = SpatiaUnpack(_SpatiaRecords[vertexId / 6u]);
    float unit = length(mul(_SpatiaWorldFromBytes, float4(1.0, 0.0, 0.0, 0.0)).xyz);
    float3 positionWorld = mul(_SpatiaWorldFromBytes, float4(record.position, 1.0)).xyz;
    float diameter = record.footprint * unit * _SpatiaSizeScale * _SpatiaSpread;
    SpatiaVaryings made = SpatiaSquare(positionWorld, diameter, SpatiaCorner(vertexId), record.srgb);
    if (record.confidence < _SpatiaMinConfidence) made.positionClip = float4(2.0, 2.0, 2.0, 1.0);  // outside, as a whole square
    return made;
}

#endif
