// Graphics: buffers and draw calls are kept for a test to look at; nothing is drawn.
using System;
using System.Collections.Generic;
using UnityEngine.Rendering;

namespace UnityEngine
{
    public enum MeshTopology { Triangles = 0, Quads = 2, Lines = 3, Points = 5 }
    public enum TextureFormat { RGB24 = 3, RGBA32 = 4, RFloat = 18 }
    public enum RenderTextureFormat { ARGB32 = 0, Depth = 1, RFloat = 14 }
    public enum RenderTextureReadWrite { Default = 0, Linear = 1, sRGB = 2 }
    public enum ScaleMode { StretchToFill = 0, ScaleAndCrop = 1, ScaleToFit = 2 }

    public sealed class Shader : Object
    {
        static readonly List<string> Names = new List<string>();

        public static int PropertyToID(string name)
        {
            if (!Names.Contains(name)) Names.Add(name);
            return Names.IndexOf(name);
        }
    }

    public class Material : Object
    {
        public readonly Dictionary<int, float> Floats = new Dictionary<int, float>();
        public Material(Shader shader) { this.shader = shader; }
        public Shader shader { get; private set; }
        public int renderQueue { get; set; }
        public Color color { get; set; }
        public void SetFloat(int nameID, float value) { Floats[nameID] = value; }
        public void SetVector(int nameID, Vector4 value) { }
    }

    public sealed class MaterialPropertyBlock
    {
        public readonly Dictionary<int, object> Values = new Dictionary<int, object>();
        public void SetFloat(int nameID, float value) { Values[nameID] = value; }
        public void SetMatrix(int nameID, Matrix4x4 value) { Values[nameID] = value; }
        public void SetBuffer(int nameID, GraphicsBuffer value) { Values[nameID] = value; }
        public void SetTexture(string name, Texture value) { Values[Shader.PropertyToID(name)] = value; }
    }

    public sealed class GraphicsBuffer : IDisposable
    {
        [Flags]
        public enum Target { Structured = 16, Raw = 32 }

        public GraphicsBuffer(Target target, int count, int stride)
        {
            if (count <= 0) throw new ArgumentException("a buffer without elements");
            this.count = count;
            this.stride = stride;
            Bytes = new byte[count * stride];
        }

        public int count { get; private set; }
        public int stride { get; private set; }
        /// <summary>Not Unity's: what the graphics card has; null once disposed.</summary>
        public byte[] Bytes { get; private set; }

        public void SetData(Array data, int managedBufferStartIndex, int graphicsBufferStartIndex, int count)
        {
            Buffer.BlockCopy(data, managedBufferStartIndex * stride, Bytes, graphicsBufferStartIndex * stride, count * stride);
        }

        public void Dispose() { Bytes = null; }
    }

    public struct RenderParams
    {
        public RenderParams(Material mat) : this() { material = mat; }
        public Material material { get; set; }
        public MaterialPropertyBlock matProps { get; set; }
        public Bounds worldBounds { get; set; }
        public Camera camera { get; set; }
        public int layer { get; set; }
        public ShadowCastingMode shadowCastingMode { get; set; }
        public bool receiveShadows { get; set; }
    }

    public static class Graphics
    {
        public struct Drawn
        {
            public byte[] Records;
            public Matrix4x4 WorldFromBytes;
            public float Spread;
            public int Vertices;
            public Bounds Bounds;
            public Camera Camera;
        }

        /// <summary>Not Unity's: what would have been drawn.</summary>
        public static readonly List<Drawn> Calls = new List<Drawn>();

        public static void RenderPrimitives(in RenderParams rparams, MeshTopology topology, int vertexCount, int instanceCount = 1)
        {
            Dictionary<int, object> values = rparams.matProps.Values;
            Calls.Add(new Drawn
            {
                Records = ((GraphicsBuffer)values[Shader.PropertyToID("_SpatiaRecords")]).Bytes,
                WorldFromBytes = (Matrix4x4)values[Shader.PropertyToID("_SpatiaWorldFromBytes")],
                Spread = (float)values[Shader.PropertyToID("_SpatiaSpread")],
                Vertices = vertexCount, Bounds = rparams.worldBounds, Camera = rparams.camera,
            });
        }

        public static void Blit(Texture source, RenderTexture dest, Material mat, int pass) { }
        public static void ExecuteCommandBuffer(CommandBuffer buffer) { }
    }

    public static class GeometryUtility
    {
        /// <summary>Not Unity's: which boxes are in view.</summary>
        public static Predicate<Bounds> Sees = bounds => true;

        public static void CalculateFrustumPlanes(Camera camera, Plane[] planes) { }
        public static bool TestPlanesAABB(Plane[] planes, Bounds bounds) { return Sees(bounds); }
    }

    public class Texture : Object
    {
        public virtual int width { get; set; }
        public virtual int height { get; set; }
    }

    public class RenderTexture : Texture
    {
        public RenderTextureFormat format { get; private set; }
        public static RenderTexture active { get; set; }

        public static RenderTexture GetTemporary(int width, int height, int depthBuffer, RenderTextureFormat format)
        {
            return new RenderTexture { width = width, height = height, format = format };
        }

        public static RenderTexture GetTemporary(
            int width, int height, int depthBuffer, RenderTextureFormat format, RenderTextureReadWrite readWrite)
        {
            return GetTemporary(width, height, depthBuffer, format);
        }

        public static void ReleaseTemporary(RenderTexture temp) { }
    }

    public sealed class Texture2D : Texture
    {
        /// <summary>Not Unity's: what the graphics card holds, as a picture and as float32 rows.</summary>
        public static byte[] Png, Raw;

        /// <summary>Not Unity's: what was last loaded.</summary>
        public byte[] Loaded;

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain) : this(width, height, textureFormat, mipChain, false) { }

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain, bool linear)
        {
            this.width = width;
            this.height = height;
        }

        public void ReadPixels(Rect source, int destX, int destY, bool recalculateMipMaps) { }
        public byte[] GetRawTextureData() { return Raw; }
    }

    public static class ImageConversion
    {
        public static byte[] EncodeToPNG(this Texture2D tex) { return Texture2D.Png; }

        public static bool LoadImage(this Texture2D tex, byte[] data)
        {
            tex.Loaded = data;
            return true;
        }
    }

    public class Renderer : Component
    {
        public bool enabled { get; set; }
        public bool forceRenderingOff { get; set; }
        public Material material { get; set; }
        public Material[] sharedMaterials { get; set; }
        public void GetPropertyBlock(MaterialPropertyBlock properties) { }
        public void SetPropertyBlock(MaterialPropertyBlock properties) { }
    }

    public sealed class Mesh : Object
    {
        public Vector3[] Vertices, Corners;
        public Color32[] Colours;
        public int[] Triangles;
        public IndexFormat indexFormat { get; set; }
        public void SetVertices(Vector3[] inVertices) { Vertices = inVertices; }
        public void SetColors(Color32[] inColors) { Colours = inColors; }
        public void SetUVs(int channel, Vector3[] uvs) { Corners = uvs; }
        public void SetTriangles(int[] triangles, int submesh) { Triangles = triangles; }
    }
}

namespace UnityEngine.Rendering
{
    public enum ShadowCastingMode { Off = 0, On = 1 }
    public enum IndexFormat { UInt16 = 0, UInt32 = 1 }

    public struct ScriptableRenderContext { }
    public abstract class RenderPipelineAsset : ScriptableObject { }

    public static class GraphicsSettings { public static RenderPipelineAsset currentRenderPipeline { get; set; } }

    public static class RenderPipelineManager
    {
        public static event Action<ScriptableRenderContext, Camera> beginCameraRendering;
        public static void Begin(Camera camera) { if (beginCameraRendering != null) beginCameraRendering(new ScriptableRenderContext(), camera); }
    }

    public struct RenderTargetIdentifier
    {
        public static implicit operator RenderTargetIdentifier(Texture tex) { return new RenderTargetIdentifier(); }
    }

    public sealed class CommandBuffer : IDisposable
    {
        public string name { get; set; }
        public void SetRenderTarget(RenderTargetIdentifier rt) { }
        public void ClearRenderTarget(bool clearDepth, bool clearColor, Color backgroundColor) { }
        public void SetViewProjectionMatrices(Matrix4x4 view, Matrix4x4 proj) { }
        public void DrawRenderer(Renderer renderer, Material material, int submeshIndex, int shaderPass) { }
        public void Dispose() { }
    }
}
