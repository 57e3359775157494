// The distance along the optical axis in units: pass 0 from a depth texture, pass 1 of a renderer drawn once more.
Shader "Hidden/Spatia/Distance"
{
    Properties
    {
        _MainTex ("Depth", 2D) = "black" {}
    }

    SubShader
    {
        Cull Off
        Pass
        {
            ZTest Always
            ZWrite Off
            HLSLPROGRAM
            #pragma vertex Vertex
            #pragma fragment Fragment
            #include "UnityCG.cginc"

            Texture2D _MainTex;
            SamplerState sampler_MainTex;
            float4 _SpatiaNearFar;

            struct Varyings
            {
                float4 positionClip : SV_Position;
                float2 uv : TEXCOORD0;
            };

            Varyings Vertex(float4 position : POSITION, float2 uv : TEXCOORD0)
            {
                Varyings made;
                made.positionClip = UnityObjectToClipPos(position);
                made.uv = uv;
                return made;
            }

            float4 Fragment(Varyings read) : SV_Target
            {
                float nearness = _MainTex.SampleLevel(sampler_MainTex, read.uv, 0.0).r;  // one at the near plane, zero at the far one
            #if !defined(UNITY_REVERSED_Z)
                nearness = 1.0 - nearness;
            #endif
                float nearest = _SpatiaNearFar.x, farthest = _SpatiaNearFar.y;
                float found = nearness <= 0.0 ? 3.402823e38 : farthest * nearest / (nearness * (farthest - nearest) + nearest);
                return float4(found, 0.0, 0.0, 1.0);
            }
            ENDHLSL
        }

        Pass
        {
            HLSLPROGRAM
            #pragma vertex Vertex
            #pragma fragment Fragment
            #include "UnityCG.cginc"

            struct Varyings
            {
                float4 positionClip : SV_Position;
                float distance : TEXCOORD0;
            };

            Varyings Vertex(float4 position : POSITION)
            {
                Varyings made;
                made.positionClip = UnityObjectToClipPos(position);
                made.distance = made.positionClip.w;
                return made;
            }

            float4 Fragment(Varyings read) : SV_Target
            {
                return float4(read.distance, 0.0, 0.0, 1.0);
            }
            ENDHLSL
        }
    }
}
