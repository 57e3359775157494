using System;
using UnityEngine;

namespace Spatia.Bridge
{
    /// <summary>One chunk on the graphics card: its records as they came, 8 bytes a point. No loop over points.</summary>
    sealed class DrawnChunk
    {
        public const int VerticesAPoint = 6;
        const float HalfSide = 128;  // of a chunk, in its own bytes
        const float VoxelBytes = 4;

        static readonly int RecordsName = Shader.PropertyToID("_SpatiaRecords");
        static readonly int WorldFromBytesName = Shader.PropertyToID("_SpatiaWorldFromBytes");
        static readonly int SpreadName = Shader.PropertyToID("_SpatiaSpread");
        // What SetData takes: elements as large as the buffer's.
        static readonly ulong[] Scratch = new ulong[PointMirror.MaxChunkPoints];

        readonly MaterialPropertyBlock _properties = new MaterialPropertyBlock();
        GraphicsBuffer _records;
        int _total;
        float _unit;  // of a byte, in the world
        Vector3 _centre;

        public int Points { get; private set; }
        public Bounds Bounds { get; private set; }

        /// <summary>Shows these packed bytes; so many points are to come in all.</summary>
        public void Upload(ArraySegment<byte> bytes, int total)
        {
            _total = total;
            Points = bytes.Count / PointMirror.PointBytes;
            if (_records == null || _records.count < Points)
            {
                Release();
                int room = Mathf.NextPowerOfTwo(Points);
                _records = new GraphicsBuffer(GraphicsBuffer.Target.Structured, room, PointMirror.PointBytes);
                _properties.SetBuffer(RecordsName, _records);
            }
            Buffer.BlockCopy(bytes.Array, bytes.Offset, Scratch, 0, bytes.Count);
            _records.SetData(Scratch, 0, 0, Points);
        }

        /// <summary>Puts it where its bytes belong in the world.</summary>
        public void Place(Matrix4x4 worldFromBytes)
        {
            _properties.SetMatrix(WorldFromBytesName, worldFromBytes);
            _unit = ((Vector3)worldFromBytes.GetColumn(0)).magnitude;
            _centre = worldFromBytes.MultiplyPoint3x4(Vector3.one * HalfSide);
            Bounds = new Bounds(_centre, Vector3.one * (2 * Radius));
        }

        float Radius { get { return (HalfSide + VoxelBytes) * Mathf.Sqrt(3) * _unit; } }

        /// <summary>How far apart its points are on the screen, in pixels, where it is nearest to the eye.</summary>
        public double SpacingPixels(Vector3 eye, float focalPixels, bool orthographic)
        {
            float distance = orthographic ? 1 : Mathf.Max(Vector3.Distance(eye, _centre) - Radius, 0.01f);
            return VoxelBytes * _unit * focalPixels / distance;
        }

        /// <summary>Draws the first so many points, each that much wider.</summary>
        public void Draw(RenderParams parameters, int drawn)
        {
            _properties.SetFloat(SpreadName, Mathf.Sqrt((float)_total / Mathf.Max(drawn, 1)));
            parameters.matProps = _properties;
            parameters.worldBounds = Bounds;
            Graphics.RenderPrimitives(parameters, MeshTopology.Triangles, drawn * VerticesAPoint);
        }

        /// <summary>Takes it off the graphics card.</summary>
        public void Release()
        {
            if (_records != null) _records.Dispose();
            _records = null;
        }
    }
}
