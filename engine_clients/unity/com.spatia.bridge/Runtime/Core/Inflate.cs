using System;
using System.IO;
using System.IO.Compression;
using Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>The compressions that this client reads: gzip and none. Whether the bytes are the right ones, the chunk's hash tells.</summary>
    public static class Inflate
    {
        /// <summary>Exactly <paramref name="count"/> raw bytes into a buffer, and nothing beyond them.</summary>
        /// <exception cref="CorruptDataException">There are fewer or more, or the data is damaged.</exception>
        public static void Decompress(Compression compression, ArraySegment<byte> data, byte[] to, int offset, int count)
        {
            if (compression == Compression.Gzip)
            {
                using (var stream = new GZipStream(Reading(data, 0), CompressionMode.Decompress)) Fill(stream, to, offset, count);
                return;
            }
            if (compression == Compression.Zstd || data.Count != count)
            {
                throw new CorruptDataException(data.Count + " bytes of " + compression + " instead of " + count);
            }
            if (count > 0) Buffer.BlockCopy(data.Array, data.Offset, to, offset, count);
        }

        /// <summary>The same for a zlib stream, as a PNG holds one.</summary>
        public static void Zlib(ArraySegment<byte> data, byte[] to)
        {
            const int header = 2;
            if (data.Count < header) throw new CorruptDataException("a cut zlib stream");
            using (var stream = new DeflateStream(Reading(data, header), CompressionMode.Decompress)) Fill(stream, to, 0, to.Length);
        }

        static MemoryStream Reading(ArraySegment<byte> data, int first)
        {
            return new MemoryStream(data.Array ?? new byte[0], data.Offset + first, data.Count - first, false);
        }

        static void Fill(Stream stream, byte[] to, int offset, int count)
        {
            try
            {
                int filled = 0;
                while (filled < count)
                {
                    int got = stream.Read(to, offset + filled, count - filled);
                    if (got <= 0) throw new CorruptDataException("compressed data ends after " + filled + " of " + count + " bytes");
                    filled += got;
                }
                if (stream.ReadByte() >= 0) throw new CorruptDataException("compressed data goes on beyond " + count + " bytes");
            }
            catch (Exception error) when (error is InvalidDataException || error is IOException)
            {
                throw new CorruptDataException("compressed data is damaged: " + error.Message);
            }
        }
    }
}
