using System;
using System.IO;
using System.Text;

namespace Spatia.Bridge
{
    /// <summary>Bytes that do not follow the protocol: cut, damaged, or of another version.</summary>
    public sealed class CorruptDataException : Exception
    {
        public CorruptDataException(string message) : base(message) { }
    }

    public enum MsgpackKind { Nil, Boolean, Integer, Number, Text, Bytes, Array, Map, None }

    /// <summary>Writes msgpack: nil, bool, integers, floats, strings, bin, arrays and maps, each in its shortest form.</summary>
    public sealed class MsgpackWriter
    {
        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);
        readonly MemoryStream _out = new MemoryStream();

        public byte[] ToArray() { return _out.ToArray(); }

        public void Nil() { Put(0xC0); }

        public void Boolean(bool value) { Put(value ? 0xC3 : 0xC2); }

        public void Integer(long value)
        {
            if (value >= 0) { Natural((ulong)value); return; }
            if (value >= -32) { Put((int)(value & 0xFF)); return; }
            int size = value >= -0x80 ? 0 : value >= -0x8000 ? 1 : value >= -0x80000000L ? 2 : 3;
            Put(0xD0 + size);
            BigEndian((ulong)value, 1 << size);
        }

        public void Natural(ulong value)
        {
            if (value < 0x80) { Put((int)value); return; }
            int size = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
            Put(0xCC + size);
            BigEndian(value, 1 << size);
        }

        public void Number(double value)
        {
            Put(0xCB);
            BigEndian((ulong)BitConverter.DoubleToInt64Bits(value), 8);
        }

        /// <exception cref="EncoderFallbackException">Text with half a surrogate pair, which UTF-8 cannot say.</exception>
        public void Text(string value)
        {
            byte[] data = Utf8.GetBytes(value);
            Head(data.Length, 0xA0, 32, 0xD9);
            _out.Write(data, 0, data.Length);
        }

        public void Bytes(ArraySegment<byte> value)
        {
            Head(value.Count, 0, 0, 0xC4);
            if (value.Count > 0) _out.Write(value.Array, value.Offset, value.Count);
        }

        public void Array(int count) { Head(count, 0x90, 16, 0xDB); }

        public void Map(int count) { Head(count, 0x80, 16, 0xDD); }

        /// <summary>A length: in the first byte if it is small enough, else in 8 (strings and bin only), 16 or 32 bits after it.
        /// code8 is the code of the 8 bit form, or would be; the next two are those of the others.</summary>
        void Head(int size, int fixedCode, int below, int code8)
        {
            bool hasShort = code8 == 0xC4 || code8 == 0xD9;
            if (size < below) { Put(fixedCode | size); }
            else if (hasShort && size < 0x100) { Put(code8); BigEndian((ulong)size, 1); }
            else if (size < 0x10000) { Put(code8 + 1); BigEndian((ulong)size, 2); }
            else { Put(code8 + 2); BigEndian((ulong)size, 4); }
        }

        void Put(int value) { _out.WriteByte((byte)value); }

        void BigEndian(ulong value, int bytes)
        {
            for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) Put((int)(value >> shift & 0xFF));
        }
    }

    /// <summary>Reads msgpack header by header: no tree is built, bytes are segments of the data, and nothing is allocated for what
    /// a header only claims. Every method throws CorruptDataException for what is not there.</summary>
    public sealed class MsgpackReader
    {
        /// <summary>Elements of all arrays and maps of one message together.</summary>
        public const int MaxValues = 1 << 18;

        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, false);
        readonly byte[] _data;
        readonly int _end;
        int _at;
        int _values;

        public MsgpackReader(ArraySegment<byte> data)
        {
            _data = data.Array ?? new byte[0];
            _at = data.Offset;
            _end = data.Offset + data.Count;
        }

        public bool AtEnd { get { return _at == _end; } }

        /// <summary>What the next value is; None at the end and for what is no type of this protocol.</summary>
        public MsgpackKind Kind
        {
            get
            {
                if (_at >= _end) return MsgpackKind.None;
                byte code = _data[_at];
                if (code < 0x80 || code >= 0xE0 || (code >= 0xCC && code <= 0xD3)) return MsgpackKind.Integer;
                if (code < 0x90 || code == 0xDE || code == 0xDF) return MsgpackKind.Map;
                if (code < 0xA0 || code == 0xDC || code == 0xDD) return MsgpackKind.Array;
                if (code < 0xC0 || (code >= 0xD9 && code <= 0xDB)) return MsgpackKind.Text;
                if (code == 0xC0) return MsgpackKind.Nil;
                if (code == 0xC2 || code == 0xC3) return MsgpackKind.Boolean;
                if (code >= 0xC4 && code <= 0xC6) return MsgpackKind.Bytes;
                return code == 0xCA || code == 0xCB ? MsgpackKind.Number : MsgpackKind.None;
            }
        }

        /// <summary>Takes a nil if one is next.</summary>
        public bool Nil()
        {
            if (Kind != MsgpackKind.Nil) return false;
            ++_at;
            return true;
        }

        public bool Boolean()
        {
            Expect(MsgpackKind.Boolean);
            return _data[_at++] == 0xC3;
        }

        /// <summary>An integer in two's complement; negative says of which sign it is.</summary>
        public ulong Integer(out bool negative)
        {
            Expect(MsgpackKind.Integer);
            byte code = _data[_at++];
            negative = code >= 0xE0;
            if (code < 0x80) return code;
            if (negative) return ~0UL << 8 | code;
            int size = 1 << (code & 3);
            ulong bits = BigEndian(size);
            if (code < 0xD0) return bits;
            int unused = 64 - 8 * size;
            long extended = (long)(bits << unused) >> unused;
            negative = extended < 0;
            return (ulong)extended;
        }

        /// <summary>A float of either size, or an integer.</summary>
        public double Number()
        {
            if (Kind == MsgpackKind.Integer)
            {
                bool negative;
                ulong bits = Integer(out negative);
                return negative ? (double)(long)bits : (double)bits;
            }
            Expect(MsgpackKind.Number);
            if (_data[_at++] == 0xCB) return BitConverter.Int64BitsToDouble((long)BigEndian(8));
            return BitConverter.ToSingle(BitConverter.GetBytes((uint)BigEndian(4)), 0);
        }

        public string Text()
        {
            ArraySegment<byte> found = Run(MsgpackKind.Text);
            return Utf8.GetString(found.Array, found.Offset, found.Count);
        }

        /// <summary>A segment of the data, not a copy.</summary>
        public ArraySegment<byte> Bytes() { return Run(MsgpackKind.Bytes); }

        /// <summary>So many values follow; there is a byte at least for each.</summary>
        public int Array() { return Elements(Length(MsgpackKind.Array), 1); }

        /// <summary>So many keys and values follow; there are two bytes at least for each.</summary>
        public int Map() { return Elements(Length(MsgpackKind.Map), 2); }

        /// <summary>Passes over one value with all that is in it.</summary>
        public void Skip()
        {
            bool negative;
            for (long due = 1; due > 0; --due)  // no recursion: depth is the sender's to choose
            {
                switch (Kind)
                {
                    case MsgpackKind.Nil: Nil(); break;
                    case MsgpackKind.Boolean: Boolean(); break;
                    case MsgpackKind.Integer: Integer(out negative); break;
                    case MsgpackKind.Number: Number(); break;
                    case MsgpackKind.Text: Run(MsgpackKind.Text); break;
                    case MsgpackKind.Bytes: Bytes(); break;
                    case MsgpackKind.Array: due += Array(); break;
                    case MsgpackKind.Map: due += 2L * Map(); break;
                    default: throw Fault("no value");
                }
            }
        }

        public CorruptDataException Fault(string what) { return new CorruptDataException(what + " at byte " + _at); }

        void Expect(MsgpackKind kind)
        {
            if (Kind != kind) throw Fault(Kind + " instead of " + kind);
        }

        ulong BigEndian(int bytes)
        {
            if (bytes > _end - _at) throw Fault("a cut number");
            ulong value = 0;
            for (int i = 0; i < bytes; ++i) value = value << 8 | _data[_at++];
            return value;
        }

        uint Length(MsgpackKind kind)
        {
            Expect(kind);
            byte code = _data[_at++];
            if (code < 0xA0) return code & 0x0Fu;
            if (code < 0xC0) return code & 0x1Fu;
            int first = code <= 0xC6 ? 0xC4 : code <= 0xDB ? 0xD9 : code <= 0xDD ? 0xDB : 0xDD;
            return (uint)BigEndian(1 << (code - first));
        }

        ArraySegment<byte> Run(MsgpackKind kind)
        {
            uint size = Length(kind);
            if (size > _end - _at) throw Fault("a cut value of " + size + " bytes");
            _at += (int)size;
            return new ArraySegment<byte>(_data, _at - (int)size, (int)size);
        }

        int Elements(uint count, int leastBytes)
        {
            if (count > (_end - _at) / leastBytes) throw Fault(count + " values announced, fewer bytes follow");
            _values += (int)count;
            if (_values > MaxValues) throw Fault("too many values");
            return (int)count;
        }
    }
}
