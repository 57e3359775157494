using System;
using System.IO;
using System.Text;
using UnityEngine;
using UnityEngine.Rendering;

namespace Spatia.Bridge
{
    /// <summary>Memory as an asset of your level, which needs no server: a mesh, or a PLY file as Pcx and most other tools read
    /// it.
    /// <para>Unlike the live display this goes over all points once; some million points take some seconds.</para></summary>
    public static class SpatiaBake
    {
        static readonly Vector2[] Corners = { new Vector2(-1, -1), new Vector2(1, -1), new Vector2(1, 1), new Vector2(-1, 1) };
        static readonly int[] TwoTriangles = { 0, 1, 2, 0, 2, 3 };

        /// <summary>A mesh of squares in the memory object's own space, for a material of the shader
        /// Spatia/SpatiaBaked.</summary>
        public static Mesh ToMesh(PointMirror mirror)
        {
            var points = (int)mirror.Points;
            var positions = new Vector3[4 * points];
            var colours = new Color32[4 * points];
            var corners = new Vector3[4 * points];
            var triangles = new int[6 * points];
            int at = 0;
            ForEach(mirror, (position, width, colour) =>
            {
                for (int i = 0; i < 4; ++i)
                {
                    positions[4 * at + i] = position;
                    colours[4 * at + i] = colour;
                    corners[4 * at + i] = new Vector3(Corners[i].x, Corners[i].y, width);
                }
                for (int i = 0; i < 6; ++i) triangles[6 * at + i] = 4 * at + TwoTriangles[i];
                ++at;
            });
            var mesh = new Mesh { name = "Spatia memory", indexFormat = IndexFormat.UInt32 };
            mesh.SetVertices(positions);
            mesh.SetColors(colours);
            mesh.SetUVs(0, corners);
            mesh.SetTriangles(triangles, 0);
            return mesh;
        }

        /// <summary>A material for it.</summary>
        public static Material ToMaterial() { return new Material(Resources.Load<Shader>("Spatia/SpatiaBaked")); }

        /// <summary>Binary PLY in Unity's axes: position, colour, and confidence as alpha.</summary>
        public static void WritePly(PointMirror mirror, Stream stream)
        {
            string header = "ply\nformat binary_little_endian 1.0\nelement vertex " + mirror.Points + "\n" +
                "property float x\nproperty float y\nproperty float z\n" +
                "property uchar red\nproperty uchar green\nproperty uchar blue\nproperty uchar alpha\nend_header\n";
            byte[] head = Encoding.ASCII.GetBytes(header);
            stream.Write(head, 0, head.Length);
            var place = new float[3];
            var row = new byte[16];
            ForEach(mirror, (position, width, colour) =>
            {
                place[0] = position.x;
                place[1] = position.y;
                place[2] = position.z;
                Buffer.BlockCopy(place, 0, row, 0, 12);  // little endian, as every platform of Unity
                row[12] = colour.r;
                row[13] = colour.g;
                row[14] = colour.b;
                row[15] = colour.a;
                stream.Write(row, 0, row.Length);
            });
        }

        /// <summary>Goes over the points of all complete chunks: place and footprint in the memory object's space, sRGB with
        /// confidence.</summary>
        static void ForEach(PointMirror mirror, Action<Vector3, float, Color32> take)
        {
            foreach (ChunkKey key in mirror.Keys())
            {
                Affine affine = mirror.ClientFromBytes(key);
                double unit = Math.Sqrt(affine.M[0] * affine.M[0] + affine.M[4] * affine.M[4] + affine.M[8] * affine.M[8]);
                ArraySegment<byte> shown = mirror.Shown(key);
                if (shown.Count < mirror.TotalPoints(key) * PointMirror.PointBytes) continue;  // under way
                byte[] data = shown.Array;
                for (int i = shown.Offset; i < shown.Offset + shown.Count; i += PointMirror.PointBytes)
                {
                    double x = data[i], y = data[i + 1], z = data[i + 2];
                    var position = new Vector3(
                        (float)affine.Apply(0, x, y, z), (float)affine.Apply(1, x, y, z), (float)affine.Apply(2, x, y, z));
                    var width = (float)(4 * unit * Math.Pow(2, (data[i + 3] - 128.0) / 32));
                    take(position, width, new Color32(data[i + 4], data[i + 5], data[i + 6], data[i + 7]));
                }
            }
        }
    }
}
