Shader "Spatia/SpatiaPoints"
{
    Properties
    {
        [HideInInspector] _SpatiaSizeScale ("Point size", Float) = 1
        [HideInInspector] _SpatiaMinConfidence ("Least confidence", Float) = 0
    }

    SubShader  // HDRP, where a camera exposes what shaders write: colours are written so that they come out as they are
    {
        PackageRequirements { "com.unity.render-pipelines.high-definition": "12.0" }
        Tags { "RenderPipeline" = "HDRenderPipeline" "RenderType" = "Opaque" "Queue" = "Geometry" }
        Pass
        {
            Name "ForwardOnly"
            Tags { "LightMode" = "ForwardOnly" }
            Cull Off
            HLSLPROGRAM
            #pragma target 4.5
            #pragma vertex SpatiaPointsVertex
            #pragma fragment Fragment
            #include "Packages/com.unity.render-pipelines.core/ShaderLibrary/Common.hlsl"
            #include "Packages/com.unity.render-pipelines.high-definition/Runtime/ShaderLibrary/ShaderVariables.hlsl"
            #define SPATIA_SCREEN_SIZE _ScreenSize.xy
            #include "SpatiaPoints.hlsl"

            float4 Fragment(SpatiaVaryings read, out float depth : SV_Depth) : SV_Target
            {
                depth = SpatiaDepth(read);
                return float4(read.colour * GetInverseCurrentExposureMultiplier(), 1.0);
            }
            ENDHLSL
        }
    }

    SubShader  // URP; the passes of depth alone are for its depth texture, depth priming and ambient occlusion
    {
        PackageRequirements { "com.unity.render-pipelines.universal": "12.0" }
        Tags { "RenderPipeline" = "UniversalPipeline" "RenderType" = "Opaque" "Queue" = "Geometry" }
        Pass
        {
            Name "Forward"
            Tags { "LightMode" = "UniversalForwardOnly" }
            Cull Off
            HLSLPROGRAM
            #pragma target 4.5
            #pragma vertex SpatiaPointsVertex
            #pragma fragment Fragment
            #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl"
            #define SPATIA_SCREEN_SIZE _ScreenParams.xy
            #include "SpatiaPoints.hlsl"

            float4 Fragment(SpatiaVaryings read, out float depth : SV_Depth) : SV_Target
            {
                depth = SpatiaDepth(read);
                return float4(read.colour, 1.0);
            }
            ENDHLSL
        }

        Pass
        {
            Name "Depth"
            Tags { "LightMode" = "DepthOnly" }
            Cull Off
            ColorMask R
            HLSLPROGRAM
            #pragma target 4.5
            #pragma vertex SpatiaPointsVertex
            #pragma fragment Fragment
            #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl"
            #define SPATIA_SCREEN_SIZE _ScreenParams.xy
            #include "SpatiaPoints.hlsl"

            float4 Fragment(SpatiaVaryings read, out float depth : SV_Depth) : SV_Target
            {
                depth = SpatiaDepth(read);
                return read.positionClip.z;
            }
            ENDHLSL
        }

        Pass
        {
            Name "Normals"
            Tags { "LightMode" = "DepthNormalsOnly" }
            Cull Off
            HLSLPROGRAM
            #pragma target 4.5
            #pragma vertex SpatiaPointsVertex
            #pragma fragment Fragment
            #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl"
            #define SPATIA_SCREEN_SIZE _ScreenParams.xy
            #include "SpatiaPoints.hlsl"

            float4 Fragment(SpatiaVaryings read, out float depth : SV_Depth) : SV_Target
            {
                depth = SpatiaDepth(read);
                return float4(-UNITY_MATRIX_V[2].xyz, 0.0);
            }
            ENDHLSL
        }
    }

    SubShader  // built-in
    {
        Tags { "RenderType" = "Opaque" "Queue" = "Geometry" }
        Pass
        {
            Name "Forward"
            Tags { "LightMode" = "Always" }
            Cull Off
            HLSLPROGRAM
            #pragma target 4.5
            #pragma vertex SpatiaPointsVertex
            #pragma fragment Fragment
            #include "UnityCG.cginc"
            #define SPATIA_SCREEN_SIZE _ScreenParams.xy
            #include "SpatiaPoints.hlsl"

            float4 Fragment(SpatiaVaryings read, out float depth : SV_Depth) : SV_Target
            {
                depth = SpatiaDepth(read);
                return float4(read.colour, 1.0);
            }
            ENDHLSL
        }
    }
}
