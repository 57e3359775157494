// Unity's value types, computing. Conventions: left-handed, quaternions (x, y, z, w) that turn by q v q⁻¹, column vectors, matrices
// element by row and column. Only what the package uses.
using System;

namespace UnityEngine
{
    public static class Mathf
    {
        public static float Abs(float value) { return Math.Abs(value); }
        public static float Max(float a, float b) { return Math.Max(a, b); }
        public static int Max(int a, int b) { return Math.Max(a, b); }
        public static float Min(float a, float b) { return Math.Min(a, b); }
        public static float Sqrt(float value) { return (float)Math.Sqrt(value); }
        public static float Clamp(float value, float low, float high) { return Math.Min(Math.Max(value, low), high); }
        public static int Clamp(int value, int low, int high) { return Math.Min(Math.Max(value, low), high); }

        public static int NextPowerOfTwo(int value)
        {
            int found = 1;
            while (found < value) found <<= 1;
            return found;
        }
    }

    public struct Vector2
    {
        public float x, y;
        public Vector2(float x, float y) { this.x = x; this.y = y; }
    }

    public struct Vector2Int
    {
        public int x, y;
        public Vector2Int(int x, int y) { this.x = x; this.y = y; }
    }

    [Serializable]
    public struct Vector3
    {
        public float x, y, z;
        public Vector3(float x, float y, float z) { this.x = x; this.y = y; this.z = z; }
        public static Vector3 zero { get { return new Vector3(0, 0, 0); } }
        public static Vector3 one { get { return new Vector3(1, 1, 1); } }
        public static Vector3 right { get { return new Vector3(1, 0, 0); } }
        public static Vector3 up { get { return new Vector3(0, 1, 0); } }
        public static Vector3 forward { get { return new Vector3(0, 0, 1); } }
        public float magnitude { get { return (float)Math.Sqrt((double)x * x + (double)y * y + (double)z * z); } }
        public static float Distance(Vector3 a, Vector3 b) { return (a - b).magnitude; }
        public static Vector3 Scale(Vector3 a, Vector3 b) { return new Vector3(a.x * b.x, a.y * b.y, a.z * b.z); }
        public static Vector3 Max(Vector3 a, Vector3 b) { return new Vector3(Math.Max(a.x, b.x), Math.Max(a.y, b.y), Math.Max(a.z, b.z)); }
        public static Vector3 Lerp(Vector3 a, Vector3 b, float share) { return a + (b - a) * Math.Min(Math.Max(share, 0), 1); }
        public static Vector3 operator +(Vector3 a, Vector3 b) { return new Vector3(a.x + b.x, a.y + b.y, a.z + b.z); }
        public static Vector3 operator -(Vector3 a, Vector3 b) { return new Vector3(a.x - b.x, a.y - b.y, a.z - b.z); }
        public static Vector3 operator *(Vector3 a, float s) { return new Vector3(a.x * s, a.y * s, a.z * s); }
        public static Vector3 operator *(float s, Vector3 a) { return a * s; }
        public static Vector3 operator /(Vector3 a, float s) { return new Vector3(a.x / s, a.y / s, a.z / s); }
    }

    public struct Vector4
    {
        public float x, y, z, w;
        public Vector4(float x, float y, float z, float w) { this.x = x; this.y = y; this.z = z; this.w = w; }
        public float magnitude { get { return (float)Math.Sqrt((double)x * x + (double)y * y + (double)z * z + (double)w * w); } }
        public static implicit operator Vector3(Vector4 v) { return new Vector3(v.x, v.y, v.z); }
    }

    [Serializable]
    public struct Quaternion
    {
        public float x, y, z, w;
        public Quaternion(float x, float y, float z, float w) { this.x = x; this.y = y; this.z = z; this.w = w; }
        public static Quaternion identity { get { return new Quaternion(0, 0, 0, 1); } }
        public static float Dot(Quaternion a, Quaternion b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }
        public static Quaternion Inverse(Quaternion q) { return new Quaternion(-q.x, -q.y, -q.z, q.w); }

        public static Quaternion AngleAxis(float degrees, Vector3 axis)
        {
            double half = degrees * Math.PI / 360, share = Math.Sin(half) / axis.magnitude;
            return new Quaternion((float)(axis.x * share), (float)(axis.y * share), (float)(axis.z * share), (float)Math.Cos(half));
        }

        /// <summary>About z, then x, then y.</summary>
        public static Quaternion Euler(float x, float y, float z)
        {
            return AngleAxis(y, Vector3.up) * AngleAxis(x, Vector3.right) * AngleAxis(z, Vector3.forward);
        }

        public static Quaternion operator *(Quaternion a, Quaternion b)
        {
            return new Quaternion(
                a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y + a.y * b.w + a.z * b.x - a.x * b.z,
                a.w * b.z + a.z * b.w + a.x * b.y - a.y * b.x, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z);
        }

        public static Vector3 operator *(Quaternion q, Vector3 v)
        {
            Quaternion turned = q * new Quaternion(v.x, v.y, v.z, 0) * Inverse(q);
            return new Vector3(turned.x, turned.y, turned.z);
        }

        public static Quaternion Slerp(Quaternion a, Quaternion b, float share)
        {
            double dot = Dot(a, b), side = dot < 0 ? -1 : 1, angle = Math.Acos(Math.Min(Math.Abs(dot), 1));
            double first = angle < 1e-6 ? 1 - share : Math.Sin((1 - share) * angle) / Math.Sin(angle);
            double second = side * (angle < 1e-6 ? share : Math.Sin(share * angle) / Math.Sin(angle));
            return new Quaternion((float)(first * a.x + second * b.x), (float)(first * a.y + second * b.y),
                                  (float)(first * a.z + second * b.z), (float)(first * a.w + second * b.w));
        }
    }

    [Serializable]
    public struct Pose
    {
        public Vector3 position;
        public Quaternion rotation;
        public Pose(Vector3 position, Quaternion rotation) { this.position = position; this.rotation = rotation; }
        public static Pose identity { get { return new Pose(Vector3.zero, Quaternion.identity); } }
    }

    public struct Matrix4x4
    {
        public float m00, m01, m02, m03, m10, m11, m12, m13, m20, m21, m22, m23, m30, m31, m32, m33;

        public static Matrix4x4 zero { get { return new Matrix4x4(); } }
        public static Matrix4x4 identity { get { return new Matrix4x4 { m00 = 1, m11 = 1, m22 = 1, m33 = 1 }; } }

        public float this[int row, int column]
        {
            get
            {
                float[] all = { m00, m01, m02, m03, m10, m11, m12, m13, m20, m21, m22, m23, m30, m31, m32, m33 };
                return all[4 * row + column];
            }
            set
            {
                switch (4 * row + column)
                {
                    case 0: m00 = value; break;
                    case 1: m01 = value; break;
                    case 2: m02 = value; break;
                    case 3: m03 = value; break;
                    case 4: m10 = value; break;
                    case 5: m11 = value; break;
                    case 6: m12 = value; break;
                    case 7: m13 = value; break;
                    case 8: m20 = value; break;
                    case 9: m21 = value; break;
                    case 10: m22 = value; break;
                    case 11: m23 = value; break;
                    case 12: m30 = value; break;
                    case 13: m31 = value; break;
                    case 14: m32 = value; break;
                    default: m33 = value; break;
                }
            }
        }

        public Vector4 GetColumn(int column) { return new Vector4(this[0, column], this[1, column], this[2, column], this[3, column]); }

        public Vector3 MultiplyPoint3x4(Vector3 p)
        {
            return new Vector3(m00 * p.x + m01 * p.y + m02 * p.z + m03, m10 * p.x + m11 * p.y + m12 * p.z + m13,
                               m20 * p.x + m21 * p.y + m22 * p.z + m23);
        }

        public static Matrix4x4 TRS(Vector3 position, Quaternion rotation, Vector3 scale)
        {
            Vector3 x = rotation * new Vector3(scale.x, 0, 0), y = rotation * new Vector3(0, scale.y, 0), z = rotation * new Vector3(0, 0, scale.z);
            return new Matrix4x4
            {
                m00 = x.x, m10 = x.y, m20 = x.z, m01 = y.x, m11 = y.y, m21 = y.z, m02 = z.x, m12 = z.y, m22 = z.z,
                m03 = position.x, m13 = position.y, m23 = position.z, m33 = 1,
            };
        }

        /// <summary>OpenGL's.</summary>
        public static Matrix4x4 Frustum(float left, float right, float bottom, float top, float near, float far)
        {
            return new Matrix4x4
            {
                m00 = 2 * near / (right - left), m02 = (right + left) / (right - left), m11 = 2 * near / (top - bottom),
                m12 = (top + bottom) / (top - bottom), m22 = -(far + near) / (far - near), m23 = -2 * far * near / (far - near), m32 = -1,
            };
        }

        public static Matrix4x4 operator *(Matrix4x4 a, Matrix4x4 b)
        {
            Matrix4x4 found = zero;
            for (int row = 0; row < 4; ++row)
            {
                for (int column = 0; column < 4; ++column)
                {
                    float sum = 0;
                    for (int i = 0; i < 4; ++i) sum += a[row, i] * b[i, column];
                    found[row, column] = sum;
                }
            }
            return found;
        }

        public static bool operator ==(Matrix4x4 a, Matrix4x4 b) { return a.Equals(b); }
        public static bool operator !=(Matrix4x4 a, Matrix4x4 b) { return !a.Equals(b); }
        public override bool Equals(object other) { return base.Equals(other); }
        public override int GetHashCode() { return m00.GetHashCode() ^ m03.GetHashCode(); }
    }

    public struct Bounds
    {
        public Vector3 center, size;
        public Bounds(Vector3 center, Vector3 size) { this.center = center; this.size = size; }
    }

    public struct Plane
    {
        public Vector3 normal;
        public float distance;
    }

    public struct Rect
    {
        public float x, y, width, height;
        public Rect(float x, float y, float width, float height) { this.x = x; this.y = y; this.width = width; this.height = height; }
    }

    public struct Color
    {
        public float r, g, b, a;
        public static Color grey { get { return new Color(0.5f, 0.5f, 0.5f); } }
        public Color(float r, float g, float b) : this(r, g, b, 1) { }
        public Color(float r, float g, float b, float a) { this.r = r; this.g = g; this.b = b; this.a = a; }
    }

    public struct Color32
    {
        public byte r, g, b, a;
        public Color32(byte r, byte g, byte b, byte a) { this.r = r; this.g = g; this.b = b; this.a = a; }

        public static implicit operator Color32(Color c)
        {
            return new Color32(Byte(c.r), Byte(c.g), Byte(c.b), Byte(c.a));
        }

        static byte Byte(float value) { return (byte)Math.Round(Math.Min(Math.Max(value, 0), 1) * 255f); }
    }
}
