using System;
using System.IO;

namespace Spatia.Bridge
{
    /// <summary>PNG as the server writes it, without an engine's decoder: depth comes as 16 bit grey, which those often cut to 8.</summary>
    public sealed class Png
    {
        public const int MaxPixels = 1 << 26;
        /// <summary>Of a depth picture in millimetres: infinite, or farther than 16 bits tell. 0 is: nothing known.</summary>
        public const ushort FarDepthMm = 65535;

        static readonly byte[] Signature = { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A };
        static readonly uint[] CrcTable = MakeCrcTable();

        public int Width { get; private set; }
        public int Height { get; private set; }
        /// <summary>1 grey, 3 RGB, 4 RGBA.</summary>
        public int Channels { get; private set; }
        /// <summary>Of a sample: 8, or 16 for grey.</summary>
        public int Bits { get; private set; }
        /// <summary>Rows from the top, no padding; 16 bit samples little endian.</summary>
        public byte[] Samples { get; private set; }

        Png() { }

        /// <summary>Grey, RGB and RGBA of 8 bits and grey of 16, not interlaced; nothing is allocated before size and kind are
        /// checked.</summary>
        /// <exception cref="CorruptDataException">Anything else, what is cut or damaged, and more than MaxPixels.</exception>
        public static Png Decode(ArraySegment<byte> data)
        {
            var png = new Png();
            var packed = new MemoryStream();
            png.ReadChunks(data, packed);
            int pixel = png.Channels * png.Bits / 8, row = png.Width * pixel;
            long size = (row + 1L) * png.Height;
            // Deflate makes no byte more than 1032: what claims more is refused before there is room for it.
            if (size / 1032 > packed.Length || size > int.MaxValue) throw new CorruptDataException("a PNG that is too short for its size");
            var coded = new byte[size];
            Inflate.Zlib(new ArraySegment<byte>(packed.ToArray()), coded);
            png.Samples = new byte[row * png.Height];
            for (int y = 0; y < png.Height; ++y) png.Unfilter(coded, y, row, pixel);
            if (png.Bits == 16) SwapBytes(png.Samples);
            return png;
        }

        void ReadChunks(ArraySegment<byte> data, Stream packed)
        {
            byte[] bytes = data.Array;
            int at = data.Offset, end = data.Offset + data.Count;
            for (int i = 0; i < Signature.Length; ++i)
            {
                if (data.Count <= i || bytes[at + i] != Signature[i]) throw new CorruptDataException("no PNG");
            }
            at += Signature.Length;
            for (bool first = true; end - at >= 12; first = false)
            {
                uint size = Word(bytes, at);
                if (size > end - at - 12) break;
                int body = at + 8, next = body + (int)size + 4;
                if (Crc(bytes, at + 4, (int)size + 4) != Word(bytes, next - 4)) throw new CorruptDataException("a PNG with a wrong checksum");
                uint name = Word(bytes, at + 4);
                if (first != (name == 0x49484452)) throw new CorruptDataException("a PNG that does not begin with one header");
                if (first) ReadHeader(bytes, body, (int)size);
                if (name == 0x49444154) packed.Write(bytes, body, (int)size);  // IDAT
                if (name == 0x49454E44) return;  // IEND
                at = next;
            }
            throw new CorruptDataException("a cut PNG");
        }

        void ReadHeader(byte[] bytes, int at, int size)
        {
            if (size != 13) throw new CorruptDataException("a PNG with a header of " + size + " bytes");
            uint width = Word(bytes, at), height = Word(bytes, at + 4);
            int kind = bytes[at + 9];
            Bits = bytes[at + 8];
            Channels = kind == 0 ? 1 : kind == 2 ? 3 : kind == 6 ? 4 : 0;
            bool known = Channels != 0 && (Bits == 8 || (Bits == 16 && Channels == 1));
            bool plain = bytes[at + 10] == 0 && bytes[at + 11] == 0 && bytes[at + 12] == 0;
            if (!known || !plain || width == 0 || height == 0 || (ulong)width * height > MaxPixels)
            {
                throw new CorruptDataException("a PNG of another kind or size");
            }
            Width = (int)width;
            Height = (int)height;
        }

        /// <summary>Undoes the filter of row y.</summary>
        void Unfilter(byte[] coded, int y, int size, int pixel)
        {
            int from = y * (size + 1), to = y * size, filter = coded[from++];
            if (filter > 4) throw new CorruptDataException("a PNG with an unknown filter");
            for (int i = 0; i < size; ++i)
            {
                int left = i < pixel ? 0 : Samples[to + i - pixel];
                int above = y == 0 ? 0 : Samples[to + i - size];
                int corner = i < pixel || y == 0 ? 0 : Samples[to + i - size - pixel];
                int guess = filter == 0 ? 0 : filter == 1 ? left : filter == 2 ? above : filter == 3 ? (left + above) / 2 : Paeth(left, above, corner);
                Samples[to + i] = (byte)(coded[from + i] + guess);
            }
        }

        static int Paeth(int left, int above, int corner)
        {
            int guess = left + above - corner;
            int toLeft = Math.Abs(guess - left), toAbove = Math.Abs(guess - above), toCorner = Math.Abs(guess - corner);
            return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
        }

        static void SwapBytes(byte[] samples)
        {
            for (int i = 0; i + 1 < samples.Length; i += 2)
            {
                byte high = samples[i];
                samples[i] = samples[i + 1];
                samples[i + 1] = high;
            }
        }

        static uint Word(byte[] data, int at)
        {
            return (uint)data[at] << 24 | (uint)data[at + 1] << 16 | (uint)data[at + 2] << 8 | data[at + 3];
        }

        static uint Crc(byte[] data, int first, int count)
        {
            uint crc = ~0u;
            for (int i = first; i < first + count; ++i) crc = CrcTable[(crc ^ data[i]) & 255] ^ crc >> 8;
            return ~crc;
        }

        static uint[] MakeCrcTable()
        {
            var table = new uint[256];
            for (uint i = 0; i < 256; ++i)
            {
                uint entry = i;
                for (int bit = 0; bit < 8; ++bit) entry = (entry & 1) != 0 ? 0xEDB88320 ^ entry >> 1 : entry >> 1;
                table[i] = entry;
            }
            return table;
        }
    }
}
