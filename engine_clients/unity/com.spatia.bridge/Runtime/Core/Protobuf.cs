using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Spatia.Bridge
{
    /// <summary>Messages to protobuf, for transports that speak it (gRPC). A message names its fields in the order of their
    /// numbers, which in bridge.proto have no gaps, so a field's number is its place.</summary>
    public sealed class ProtobufWriter : FieldVisitor
    {
        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        readonly MemoryStream _out = new MemoryStream();
        int _number;

        /// <exception cref="ArgumentException">Two members of a oneof, or text that is no text.</exception>
        public static byte[] Encode(IMessage message)
        {
            var writer = new ProtobufWriter();
            message.Fields(writer);
            return writer._out.ToArray();
        }

        bool Begin(bool present, ProtobufType type)
        {
            ++_number;
            if (present) Varint((ulong)_number << 3 | (uint)type);
            return present;
        }

        public override void Value(string name, ref bool value) { if (Begin(value, ProtobufType.Varint)) Varint(1); }

        public override void Value(string name, ref int value)  // sint32
        {
            if (Begin(value != 0, ProtobufType.Varint)) Varint((uint)(value << 1 ^ value >> 31));
        }

        public override void Value(string name, ref uint value) { if (Begin(value != 0, ProtobufType.Varint)) Varint(value); }

        public override void Value(string name, ref uint? value)
        {
            if (Begin(value.HasValue, ProtobufType.Varint)) Varint(value.Value);
        }

        public override void Value(string name, ref ulong value) { if (Begin(value != 0, ProtobufType.Varint)) Varint(value); }

        public override void Value(string name, ref double value)
        {
            if (Begin(BitConverter.DoubleToInt64Bits(value) != 0, ProtobufType.Fixed64)) Double(value);
        }

        public override void Value(string name, ref string value)
        {
            if (Begin(!string.IsNullOrEmpty(value), ProtobufType.Bytes)) Run(new ArraySegment<byte>(Utf8.GetBytes(value)));
        }

        public override void Value(string name, ref ArraySegment<byte> value)
        {
            if (Begin(value.Count > 0, ProtobufType.Bytes)) Run(value);
        }

        public override void Value(string name, ref List<double> values)
        {
            if (!Begin(values.Count > 0, ProtobufType.Bytes)) return;
            Varint((ulong)values.Count * sizeof(double));
            values.ForEach(Double);
        }

        public override void Value(string name, ref List<ArraySegment<byte>> values)
        {
            Begin(false, ProtobufType.Bytes);
            foreach (ArraySegment<byte> value in values) { Again(ProtobufType.Bytes); Run(value); }
        }

        public override void Value(string name, ref List<string> values)
        {
            Begin(false, ProtobufType.Bytes);
            foreach (string value in values) { Again(ProtobufType.Bytes); Run(new ArraySegment<byte>(Utf8.GetBytes(value))); }
        }

        public override void Value(string name, ref Dictionary<string, double> values)
        {
            Begin(false, ProtobufType.Bytes);
            foreach (KeyValuePair<string, double> each in values)
            {
                Again(ProtobufType.Bytes);
                Run(new ArraySegment<byte>(Encode(new ProtobufEntry { Key = each.Key, Number = each.Value })));
            }
        }

        public override void Enum(string name, string[] names, ref int value)
        {
            if (Begin(value != 0, ProtobufType.Varint)) Varint((uint)value);
        }

        public override void Enums(string name, string[] names, ref List<int> values)
        {
            if (!Begin(values.Count > 0, ProtobufType.Bytes)) return;
            Varint((ulong)values.Count);  // every number is below 128
            values.ForEach(value => Varint((uint)value));
        }

        public override void Message<T>(string name, ref T value)
        {
            if (Begin(value != null, ProtobufType.Bytes)) Run(new ArraySegment<byte>(Encode(value)));
        }

        public override void Messages<T>(string name, ref List<T> values)
        {
            Begin(false, ProtobufType.Bytes);
            foreach (T value in values) { Again(ProtobufType.Bytes); Run(new ArraySegment<byte>(Encode(value))); }
        }

        public override void OneOf(int present)
        {
            if (present > 1) throw new ArgumentException("two members of one oneof");
        }

        void Again(ProtobufType type) { Varint((ulong)_number << 3 | (uint)type); }

        void Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7) _out.WriteByte((byte)(value | 0x80));
            _out.WriteByte((byte)value);
        }

        void Double(double value)
        {
            ulong bits = (ulong)BitConverter.DoubleToInt64Bits(value);
            for (int i = 0; i < 8; ++i) _out.WriteByte((byte)(bits >> (8 * i)));
        }

        void Run(ArraySegment<byte> data)
        {
            Varint((ulong)data.Count);
            if (data.Count > 0) _out.Write(data.Array, data.Offset, data.Count);
        }
    }

    enum ProtobufType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 }

    /// <summary>One pair of a map from text to numbers.</summary>
    sealed class ProtobufEntry : IMessage
    {
        public string Key = "";
        public double Number;

        public void Fields(FieldVisitor visit)
        {
            visit.Value("key", ref Key);
            visit.Value("value", ref Number);
        }
    }

    /// <summary>Protobuf to messages. Bytes are segments of the data; fields that are not known are passed over.</summary>
    public sealed class ProtobufReader : FieldVisitor
    {
        static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, false);

        readonly byte[] _data;
        int _at;
        int _end;
        int _number;  // of the field whose value is next
        int _place;   // of the field that is asked for
        bool _found;
        ProtobufType _type;

        ProtobufReader(ArraySegment<byte> data)
        {
            _data = data.Array ?? new byte[0];
            _at = data.Offset;
            _end = data.Offset + data.Count;
        }

        /// <exception cref="CorruptDataException">The bytes are no such message.</exception>
        public static T Decode<T>(ArraySegment<byte> data) where T : class, IMessage, new()
        {
            var message = new T();
            new ProtobufReader(data).Read(message);
            return message;
        }

        void Read(IMessage message)
        {
            while (_at < _end)
            {
                ulong tag = Varint();
                if (tag >> 3 == 0 || tag > uint.MaxValue) throw Fault("no field");
                _number = (int)(tag >> 3);
                _type = (ProtobufType)(tag & 7);
                _place = 0;
                _found = false;
                message.Fields(this);
                if (!_found) Skip();
            }
        }

        /// <summary>Whether the value that is next belongs to the field asked for now.</summary>
        bool Begin(ProtobufType type, ProtobufType packed = ProtobufType.Bytes)
        {
            if (++_place != _number || _found || (_type != type && _type != packed)) return false;
            _found = true;
            return true;
        }

        public override void Value(string name, ref bool value)
        {
            if (Begin(ProtobufType.Varint, ProtobufType.Varint)) value = Varint() != 0;
        }

        public override void Value(string name, ref int value)
        {
            if (!Begin(ProtobufType.Varint, ProtobufType.Varint)) return;
            uint coded = (uint)Varint();
            value = (int)(coded >> 1) ^ -(int)(coded & 1);
        }

        public override void Value(string name, ref uint value)
        {
            if (Begin(ProtobufType.Varint, ProtobufType.Varint)) value = (uint)Varint();
        }

        public override void Value(string name, ref uint? value)
        {
            if (Begin(ProtobufType.Varint, ProtobufType.Varint)) value = (uint)Varint();
        }

        public override void Value(string name, ref ulong value)
        {
            if (Begin(ProtobufType.Varint, ProtobufType.Varint)) value = Varint();
        }

        public override void Value(string name, ref double value)
        {
            if (Begin(ProtobufType.Fixed64, ProtobufType.Fixed64)) value = Double();
        }

        public override void Value(string name, ref string value) { if (Begin(ProtobufType.Bytes)) value = Text(); }
        public override void Value(string name, ref ArraySegment<byte> value) { if (Begin(ProtobufType.Bytes)) value = Run(); }

        public override void Value(string name, ref List<double> values)
        {
            if (!Begin(ProtobufType.Fixed64)) return;
            if (_type == ProtobufType.Fixed64) { values.Add(Double()); return; }
            int end = RunEnd();
            while (_at < end) values.Add(Double());
        }

        public override void Value(string name, ref List<ArraySegment<byte>> values)
        {
            if (Begin(ProtobufType.Bytes)) values.Add(Run());
        }

        public override void Value(string name, ref List<string> values) { if (Begin(ProtobufType.Bytes)) values.Add(Text()); }

        public override void Value(string name, ref Dictionary<string, double> values)
        {
            if (!Begin(ProtobufType.Bytes)) return;
            var entry = new ProtobufEntry();
            ReadWithin(entry);
            values[entry.Key] = entry.Number;
        }

        public override void Enum(string name, string[] names, ref int value)
        {
            if (Begin(ProtobufType.Varint, ProtobufType.Varint)) value = Known(names);
        }

        public override void Enums(string name, string[] names, ref List<int> values)
        {
            if (!Begin(ProtobufType.Varint)) return;
            if (_type == ProtobufType.Varint) { values.Add(Known(names)); return; }
            int end = RunEnd();
            while (_at < end) values.Add(Known(names));
        }

        public override void Message<T>(string name, ref T value)
        {
            if (!Begin(ProtobufType.Bytes)) return;
            if (value == null) value = new T();
            ReadWithin(value);
        }

        public override void Messages<T>(string name, ref List<T> values)
        {
            if (!Begin(ProtobufType.Bytes)) return;
            var value = new T();
            ReadWithin(value);
            values.Add(value);
        }

        public override void OneOf(int present)
        {
            if (present > 1) throw Fault("two members of one oneof");
        }

        /// <summary>A message that is a field of the one being read.</summary>
        void ReadWithin(IMessage message)
        {
            int outer = _end, number = _number, place = _place;
            _end = RunEnd();
            Read(message);
            _end = outer;
            _number = number;
            _place = place;
            _found = true;
        }

        int Known(string[] names)
        {
            ulong value = Varint();
            return value < (ulong)names.Length ? (int)value : 0;
        }

        void Skip()
        {
            switch (_type)
            {
                case ProtobufType.Varint: Varint(); break;
                case ProtobufType.Fixed64: Double(); break;
                case ProtobufType.Bytes: Run(); break;
                case ProtobufType.Fixed32: Take(4); break;
                default: throw Fault("no value");
            }
        }

        ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; shift < 70; shift += 7)
            {
                byte next = _data[Take(1)];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80) return value;
            }
            throw Fault("a number that does not end");
        }

        double Double()
        {
            int from = Take(8);
            ulong bits = 0;
            for (int i = 7; i >= 0; --i) bits = bits << 8 | _data[from + i];
            return BitConverter.Int64BitsToDouble((long)bits);
        }

        string Text()
        {
            ArraySegment<byte> run = Run();
            return Utf8.GetString(run.Array, run.Offset, run.Count);
        }

        ArraySegment<byte> Run()
        {
            ulong size = Varint();
            if (size > (ulong)(_end - _at)) throw Fault("a cut value of " + size + " bytes");
            return new ArraySegment<byte>(_data, Take((int)size), (int)size);
        }

        /// <summary>Where the run that begins here ends.</summary>
        int RunEnd()
        {
            ulong size = Varint();
            if (size > (ulong)(_end - _at)) throw Fault("a cut value of " + size + " bytes");
            return _at + (int)size;
        }

        int Take(int size)
        {
            if (size > _end - _at) throw Fault("a cut value");
            _at += size;
            return _at - size;
        }

        CorruptDataException Fault(string what) { return new CorruptDataException(what + " at byte " + _at); }
    }
}
