using System;
using System.Collections.Generic;
using System.Security.Cryptography;
using Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Which chunk: its level in the pyramid and its place in that level's grid.</summary>
    public struct ChunkKey : IEquatable<ChunkKey>
    {
        public readonly uint Level;
        public readonly int X, Y, Z;

        public ChunkKey(uint level, int x, int y, int z)
        {
            Level = level;
            X = x;
            Y = y;
            Z = z;
        }

        internal ChunkKey(ChunkIndex index) : this(index.Level, index.X, index.Y, index.Z) { }

        public bool Equals(ChunkKey other) { return Level == other.Level && X == other.X && Y == other.Y && Z == other.Z; }
        public override bool Equals(object other) { return other is ChunkKey && Equals((ChunkKey)other); }

        public override int GetHashCode()
        {
            unchecked { return (((int)Level * 73856093 ^ X) * 19349663 ^ Y) * 83492791 ^ Z; }
        }

        public override string ToString() { return "(" + Level + ", " + X + ", " + Y + ", " + Z + ")"; }
    }

    /// <summary>p' = M · (p, 1), row-major 3×4.</summary>
    public struct Affine
    {
        public double[] M;

        public static Affine Identity { get { return new Affine { M = new double[] { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0 } }; } }

        /// <summary>One row's coordinate (0 = x) of a point's image.</summary>
        public double Apply(int row, double x, double y, double z)
        {
            return M[4 * row] * x + M[4 * row + 1] * y + M[4 * row + 2] * z + M[4 * row + 3];
        }
    }

    /// <summary>What a client holds of memory: chunks assembled from parts, checked by hash, and the revision they add up to.
    /// <para>A point is 8 bytes: x, y, z in quarter voxels of the chunk's level, footprint (diameter = 4 · 2^level ·
    /// 2^((footprint − 128) / 32) of chunk space), r, g, b (sRGB), confidence (255 = certain).</para>
    /// <para>Every Apply throws CorruptDataException where data, hash or digest is not as the server stated: then Forget, and
    /// connect anew.</para></summary>
    public sealed class PointMirror : IDisposable
    {
        public const int PointBytes = 8;
        public const int MaxPartBytes = 64 << 10;
        public const int MaxChunkPoints = 64 * 64 * 64;
        public const int MaxLevel = 31;

        sealed class Chunk
        {
            public byte[] Data;
            public byte[] PackedHash;
        }

        sealed class Begun
        {
            public byte[] Data = new byte[0];
            public int Filled;
            public byte[] PackedHash;
            public uint TotalPoints;
        }

        readonly Dictionary<ChunkKey, Chunk> _chunks = new Dictionary<ChunkKey, Chunk>();
        readonly Dictionary<ChunkKey, Begun> _begun = new Dictionary<ChunkKey, Begun>();
        readonly Dictionary<ChunkKey, Chunk> _before = new Dictionary<ChunkKey, Chunk>();  // what Synced had where something changed since
        readonly SHA256 _sha256 = SHA256.Create();
        byte[] _digest = new byte[32];

        /// <summary>What there is to show of a chunk changed; ask Shown. Empty: it is gone.</summary>
        public event Action<ChunkKey> ChunkChanged = delegate { };
        /// <summary>Everything is gone.</summary>
        public event Action Cleared = delegate { };

        /// <summary>From chunk space to the client's axes and units.</summary>
        public Affine ClientFromChunk { get; private set; } = Affine.Identity;
        /// <summary>Of level 0; 0 = the scene is empty.</summary>
        public double VoxelSizeM { get; private set; }
        /// <summary>Points in all complete chunks.</summary>
        public long Points { get; private set; }
        /// <summary>Complete chunks.</summary>
        public int Chunks { get { return _chunks.Count; } }
        /// <summary>Of the last Synced, −1 before the first.</summary>
        public long SyncedRevision { get; private set; } = -1;
        /// <summary>Of the last Synced, 32 bytes.</summary>
        public byte[] SyncedDigest { get; private set; } = new byte[32];
        /// <summary>Nothing came since Synced: the chunks are exactly that revision.</summary>
        public bool Clean { get; private set; }

        /// <summary>Of the complete chunks, 32 bytes: the XOR that a revision's digest is.</summary>
        public byte[] Digest() { return (byte[])_digest.Clone(); }

        /// <summary>Of all chunks of which there is something to show.</summary>
        public List<ChunkKey> Keys()
        {
            var keys = new List<ChunkKey>(_chunks.Keys);
            keys.AddRange(_begun.Keys);
            return keys;
        }

        /// <summary>The packed bytes of a chunk, of one under way what has come: a coarse sample of the whole. Not to be changed;
        /// valid until the next message.</summary>
        public ArraySegment<byte> Shown(ChunkKey key)
        {
            Begun begun;
            if (_begun.TryGetValue(key, out begun)) return new ArraySegment<byte>(begun.Data, 0, begun.Filled);
            Chunk chunk;
            return new ArraySegment<byte>(_chunks.TryGetValue(key, out chunk) ? chunk.Data : new byte[0]);
        }

        /// <summary>Points that a chunk has, or will have when all of it is here.</summary>
        public int TotalPoints(ChunkKey key)
        {
            Begun begun;
            return _begun.TryGetValue(key, out begun) ? (int)begun.TotalPoints : Shown(key).Count / PointBytes;
        }

        /// <summary>From a chunk's own bytes (x, y, z) to the client's axes and units: what a shader needs, once a
        /// chunk.</summary>
        public Affine ClientFromBytes(ChunkKey key)
        {
            double scale = Math.Pow(2, key.Level);
            double x = scale * (256.0 * key.X + 0.5), y = scale * (256.0 * key.Y + 0.5), z = scale * (256.0 * key.Z + 0.5);
            var found = new double[12];
            for (int i = 0; i < 12; ++i) found[i] = i % 4 == 3 ? ClientFromChunk.Apply(i / 4, x, y, z) : ClientFromChunk.M[i] * scale;
            return new Affine { M = found };
        }

        public void Apply(Space space)
        {
            if (space.ClientFromChunk.Count != 12 || space.ClientFromChunk.Exists(each => double.IsNaN(each) || double.IsInfinity(each)))
            {
                throw new CorruptDataException("a space without an affine of 12 numbers");
            }
            ClientFromChunk = new Affine { M = space.ClientFromChunk.ToArray() };
            VoxelSizeM = space.VoxelSizeM;
        }

        public void Apply(ChunkPart part)
        {
            long size = (long)part.Count * PointBytes;
            if (part.Index == null || part.Index.Level > MaxLevel || part.PackedHash.Count != 32 || part.Count == 0 ||
                part.RawSize != size || size > MaxPartBytes || part.TotalPoints > MaxChunkPoints)
            {
                throw new CorruptDataException("a chunk part of " + part.Count + " points that states " + part.RawSize + " bytes");
            }
            var key = new ChunkKey(part.Index);
            Clean = false;
            if (part.First == 0)
            {
                Put(key, null);
                _begun[key] = new Begun { PackedHash = Copy(part.PackedHash), TotalPoints = part.TotalPoints };
            }
            Begun begun;
            if (!_begun.TryGetValue(key, out begun) || !Same(part.PackedHash, begun.PackedHash) ||
                part.TotalPoints != begun.TotalPoints || (long)part.First * PointBytes != begun.Filled ||
                (long)part.First + part.Count > part.TotalPoints)
            {
                throw new CorruptDataException("a part of chunk " + key + " from point " + part.First + " on continues nothing");
            }
            Append(begun, part, (int)size);
            if (part.First + part.Count == part.TotalPoints) Finish(key, begun);
            ChunkChanged(key);
        }

        public void Apply(ChunksRemoved removed)
        {
            Clean = false;
            foreach (ChunkIndex index in removed.Indexes)
            {
                var key = new ChunkKey(index);
                _begun.Remove(key);
                Put(key, null);
                ChunkChanged(key);
            }
        }

        public void Apply(Synced synced)
        {
            if (_begun.Count > 0 || !Same(synced.Digest, _digest) || synced.Revision > long.MaxValue)
            {
                throw new CorruptDataException("revision " + synced.Revision + " has another digest here");
            }
            SyncedRevision = (long)synced.Revision;
            SyncedDigest = Digest();
            Clean = true;
            _before.Clear();
        }

        /// <summary>Holds nothing from here on.</summary>
        public void Forget()
        {
            _chunks.Clear();
            _begun.Clear();
            _before.Clear();
            _digest = new byte[32];
            Points = 0;
            SyncedRevision = -1;
            SyncedDigest = new byte[32];
            Clean = false;
            Cleared();
        }

        /// <summary>Back to the last synced revision; null if there is none, else what to say in hello. What came since is
        /// dropped, what it replaced is back.</summary>
        public Resume Restore()
        {
            if (SyncedRevision < 0) return null;
            var before = new List<KeyValuePair<ChunkKey, Chunk>>(_before);  // has every chunk that was begun since, too
            _begun.Clear();
            foreach (KeyValuePair<ChunkKey, Chunk> each in before)
            {
                Put(each.Key, each.Value);
                ChunkChanged(each.Key);
            }
            _before.Clear();
            Clean = true;
            return new Resume { Revision = (ulong)SyncedRevision, Digest = new ArraySegment<byte>(SyncedDigest) };
        }

        public void Dispose() { _sha256.Dispose(); }

        /// <summary>Adds a part's points; makes room for what came, not for what is said to come.</summary>
        static void Append(Begun begun, ChunkPart part, int size)
        {
            int needed = begun.Filled + size;
            if (needed > begun.Data.Length)
            {
                int whole = (int)begun.TotalPoints * PointBytes;
                Array.Resize(ref begun.Data, Math.Min(whole, Math.Max(needed, 2 * begun.Data.Length)));
            }
            Inflate.Decompress(part.Compression, part.Data, begun.Data, begun.Filled, size);
            begun.Filled = needed;
        }

        void Finish(ChunkKey key, Begun begun)
        {
            _begun.Remove(key);
            if (!Same(new ArraySegment<byte>(begun.PackedHash), _sha256.ComputeHash(begun.Data)))
            {
                throw new CorruptDataException("chunk " + key + " is not what its hash says");
            }
            Put(key, new Chunk { Data = begun.Data, PackedHash = begun.PackedHash });
        }

        /// <summary>Puts a complete chunk in the place of what was there; null only takes that away.</summary>
        void Put(ChunkKey key, Chunk chunk)
        {
            Chunk old;
            _chunks.TryGetValue(key, out old);
            if (!_before.ContainsKey(key)) _before[key] = old;
            if (old != null)
            {
                Fold(key, old);
                Points -= old.Data.Length / PointBytes;
                _chunks.Remove(key);
            }
            if (chunk == null) return;
            Fold(key, chunk);
            Points += chunk.Data.Length / PointBytes;
            _chunks[key] = chunk;
        }

        /// <summary>XORs SHA-256(level, x, y, z as int32 little endian ‖ packed hash) into the digest, or out of it.</summary>
        void Fold(ChunkKey key, Chunk chunk)
        {
            var named = new byte[48];
            uint[] words = { key.Level, (uint)key.X, (uint)key.Y, (uint)key.Z };
            for (int i = 0; i < 16; ++i) named[i] = (byte)(words[i / 4] >> (8 * (i % 4)));
            Buffer.BlockCopy(chunk.PackedHash, 0, named, 16, 32);
            byte[] own = _sha256.ComputeHash(named);
            for (int i = 0; i < own.Length; ++i) _digest[i] ^= own[i];
        }

        static byte[] Copy(ArraySegment<byte> data)
        {
            var copy = new byte[data.Count];
            Buffer.BlockCopy(data.Array, data.Offset, copy, 0, data.Count);
            return copy;
        }

        static bool Same(ArraySegment<byte> a, byte[] b)
        {
            if (a.Count != b.Length) return false;
            for (int i = 0; i < b.Length; ++i)
            {
                if (a.Array[a.Offset + i] != b[i]) return false;
            }
            return true;
        }
    }
}
