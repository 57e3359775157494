using System;
using UnityEngine;
using Wire = Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Unity's values as parts of messages and back. No axes are changed here: the server speaks Unity's.</summary>
    public static class SpatiaWire
    {
        public static Wire.Vector3 Vector(Vector3 value) { return new Wire.Vector3 { X = value.x, Y = value.y, Z = value.z }; }

        public static Vector3 ToVector(Wire.Vector3 value)
        {
            return value == null ? Vector3.zero : new Vector3((float)value.X, (float)value.Y, (float)value.Z);
        }

        public static Wire.Pose Pose(Pose value)
        {
            Quaternion turn = value.rotation;
            return new Wire.Pose
            {
                Position = Vector(value.position),
                Rotation = new Wire.Quaternion { X = turn.x, Y = turn.y, Z = turn.z, W = turn.w },
            };
        }

        public static Pose ToPose(Wire.Pose value)
        {
            if (value == null) return UnityEngine.Pose.identity;
            Wire.Quaternion turn = value.Rotation ?? new Wire.Quaternion { W = 1 };
            var rotation = new Quaternion((float)turn.X, (float)turn.Y, (float)turn.Z, (float)turn.W);
            return new Pose(ToVector(value.Position), rotation);
        }

        /// <summary>A box's region: its centre and turn relative to the memory, and its full extent in the memory's
        /// units.</summary>
        public static Wire.Region Box(Pose placed, Vector3 size)
        {
            var half = new Vector3(Mathf.Abs(size.x), Mathf.Abs(size.y), Mathf.Abs(size.z)) * 0.5f;
            return new Wire.Region { Box = new Wire.Box { Pose = Pose(placed), HalfSize = Vector(half) } };
        }

        public static Wire.Region Sphere(Vector3 centre, float radius)
        {
            return new Wire.Region { Sphere = new Wire.Sphere { Centre = Vector(centre), Radius = radius } };
        }

        /// <summary>0xRRGGBB.</summary>
        public static uint Rgb(Color colour)
        {
            Color32 bytes = colour;
            return (uint)bytes.r << 16 | (uint)bytes.g << 8 | bytes.b;
        }

        public static Matrix4x4 ToMatrix(Affine affine)
        {
            Matrix4x4 found = Matrix4x4.identity;
            for (int i = 0; i < 12; ++i) found[i / 4, i % 4] = (float)affine.M[i];
            return found;
        }

        /// <summary>Puts a picture of the server into a texture, which is made if there is none; false if it cannot be
        /// shown.</summary>
        public static bool ToTexture(Wire.Image image, ref Texture2D texture)
        {
            if (image == null || (image.Format != Wire.ImageFormat.Jpeg && image.Format != Wire.ImageFormat.Png)) return false;
            if (texture == null)
            {
                texture = new Texture2D(2, 2, TextureFormat.RGB24, false) { hideFlags = HideFlags.HideAndDontSave };
            }
            var data = new byte[image.Data.Count];
            Buffer.BlockCopy(image.Data.Array, image.Data.Offset, data, 0, data.Length);
            return texture.LoadImage(data);
        }
    }
}
