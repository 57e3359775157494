using System;
using System.Collections.Generic;

namespace Spatia.Bridge
{
    /// <summary>A message: names its fields once, for reading and writing alike.</summary>
    public interface IMessage
    {
        void Fields(FieldVisitor visit);
    }

    /// <summary>What goes over a message's fields. The rules are those of spatia_bridge/wire/maps.py: a message is a map by field
    /// names; a field with its default is left out, but a sub-message that is not null is there even if it is empty; enums travel
    /// by name. Members of a oneof are fields of which at most one is not null.</summary>
    public abstract class FieldVisitor
    {
        public abstract void Value(string name, ref bool value);
        public abstract void Value(string name, ref int value);
        public abstract void Value(string name, ref uint value);
        public abstract void Value(string name, ref uint? value);
        public abstract void Value(string name, ref ulong value);
        public abstract void Value(string name, ref double value);
        public abstract void Value(string name, ref string value);
        public abstract void Value(string name, ref ArraySegment<byte> value);
        public abstract void Value(string name, ref List<double> values);
        public abstract void Value(string name, ref List<ArraySegment<byte>> values);
        public abstract void Value(string name, ref List<string> values);
        public abstract void Value(string name, ref Dictionary<string, double> values);
        public abstract void Enum(string name, string[] names, ref int value);
        public abstract void Enums(string name, string[] names, ref List<int> values);
        public abstract void Message<T>(string name, ref T value) where T : class, IMessage, new();
        public abstract void Messages<T>(string name, ref List<T> values) where T : class, IMessage, new();
        /// <summary>The members around belong to one oneof: call it after the last with how many of them are not null.</summary>
        public abstract void OneOf(int present);
    }

    /// <summary>Messages to msgpack.</summary>
    public sealed class FieldWriter : FieldVisitor
    {
        const ulong SafeInteger = (1UL << 53) - 1;  // what every language reads exactly as a number

        readonly MsgpackWriter _out = new MsgpackWriter();
        int _count = -1;  // not negative: fields are counted, not written

        /// <exception cref="ArgumentException">Two members of a oneof, or text that is no text.</exception>
        public static byte[] Encode(IMessage message)
        {
            var writer = new FieldWriter();
            writer.Write(message);
            return writer._out.ToArray();
        }

        void Write(IMessage message)
        {
            _count = 0;
            message.Fields(this);
            _out.Map(_count);
            _count = -1;
            message.Fields(this);
        }

        bool Begin(string name, bool present)
        {
            if (!present) return false;
            if (_count >= 0) { ++_count; return false; }
            _out.Text(name);
            return true;
        }

        public override void Value(string name, ref bool value) { if (Begin(name, value)) _out.Boolean(value); }
        public override void Value(string name, ref int value) { if (Begin(name, value != 0)) _out.Integer(value); }
        public override void Value(string name, ref uint value) { if (Begin(name, value != 0)) _out.Natural(value); }
        public override void Value(string name, ref uint? value) { if (Begin(name, value.HasValue)) _out.Natural(value.Value); }

        public override void Value(string name, ref ulong value)
        {
            if (!Begin(name, value != 0)) return;
            if (value <= SafeInteger) { _out.Natural(value); return; }
            var bigEndian = new byte[8];
            for (int i = 0; i < 8; ++i) bigEndian[i] = (byte)(value >> (56 - 8 * i));
            _out.Bytes(new ArraySegment<byte>(bigEndian));
        }

        public override void Value(string name, ref double value)
        {
            if (Begin(name, BitConverter.DoubleToInt64Bits(value) != 0)) _out.Number(value);  // −0.0 is no default
        }

        public override void Value(string name, ref string value) { if (Begin(name, !string.IsNullOrEmpty(value))) _out.Text(value); }
        public override void Value(string name, ref ArraySegment<byte> value) { if (Begin(name, value.Count > 0)) _out.Bytes(value); }

        public override void Value(string name, ref List<double> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Array(values.Count);
            foreach (double value in values) _out.Number(value);
        }

        public override void Value(string name, ref List<ArraySegment<byte>> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Array(values.Count);
            foreach (ArraySegment<byte> value in values) _out.Bytes(value);
        }

        public override void Value(string name, ref List<string> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Array(values.Count);
            foreach (string value in values) _out.Text(value);
        }

        public override void Value(string name, ref Dictionary<string, double> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Map(values.Count);
            foreach (KeyValuePair<string, double> each in values)
            {
                _out.Text(each.Key);
                _out.Number(each.Value);
            }
        }

        public override void Enum(string name, string[] names, ref int value) { if (Begin(name, value != 0)) _out.Text(names[value]); }

        public override void Enums(string name, string[] names, ref List<int> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Array(values.Count);
            foreach (int value in values) _out.Text(names[value]);
        }

        public override void Message<T>(string name, ref T value) { if (Begin(name, value != null)) Write(value); }

        public override void Messages<T>(string name, ref List<T> values)
        {
            if (!Begin(name, values.Count > 0)) return;
            _out.Array(values.Count);
            foreach (T value in values) Write(value);
        }

        public override void OneOf(int present)
        {
            if (present > 1) throw new ArgumentException(present + " members of a oneof are set; set one");
        }
    }

    /// <summary>Messages from msgpack. Nil and what is left out read as the default, whole numbers as floats where those are due,
    /// 8 bytes as a 64 bit integer; unknown keys and enum names pass.</summary>
    public sealed class FieldReader : FieldVisitor
    {
        readonly MsgpackReader _in;
        string _key;
        bool _found;

        FieldReader(MsgpackReader input) { _in = input; }

        /// <exception cref="CorruptDataException">The bytes are no such message.</exception>
        public static T Decode<T>(ArraySegment<byte> data) where T : class, IMessage, new()
        {
            var input = new MsgpackReader(data);
            var message = new T();
            new FieldReader(input).Read(message);
            if (!input.AtEnd) throw input.Fault("something after the message");
            return message;
        }

        void Read(IMessage message)
        {
            for (int left = _in.Map(); left > 0; --left)
            {
                _key = _in.Text();
                _found = _in.Nil();
                if (_found) continue;
                message.Fields(this);
                if (!_found) _in.Skip();
            }
            _found = true;  // of the message around: its field is the one that was just read
        }

        bool Begin(string name)
        {
            if (_found || _key != name) return false;
            _found = true;
            return true;
        }

        public override void Value(string name, ref bool value) { if (Begin(name)) value = _in.Boolean(); }

        public override void Value(string name, ref int value)
        {
            if (!Begin(name)) return;
            bool negative;
            long whole = (long)_in.Integer(out negative);
            if (negative != whole < 0 || whole < int.MinValue || whole > int.MaxValue) throw _in.Fault("an integer out of range");
            value = (int)whole;
        }

        public override void Value(string name, ref uint value) { if (Begin(name)) value = Natural(); }
        public override void Value(string name, ref uint? value) { if (Begin(name)) value = Natural(); }

        uint Natural()
        {
            bool negative;
            ulong whole = _in.Integer(out negative);
            if (negative || whole > uint.MaxValue) throw _in.Fault("an integer out of range");
            return (uint)whole;
        }

        public override void Value(string name, ref ulong value)
        {
            if (!Begin(name)) return;
            bool negative = false;
            if (_in.Kind == MsgpackKind.Bytes)
            {
                ArraySegment<byte> bigEndian = _in.Bytes();
                if (bigEndian.Count != 8) throw _in.Fault("an integer of " + bigEndian.Count + " bytes");
                value = 0;
                for (int i = 0; i < 8; ++i) value = value << 8 | bigEndian.Array[bigEndian.Offset + i];
            }
            else
            {
                value = _in.Integer(out negative);
            }
            if (negative) throw _in.Fault("an integer out of range");
        }

        public override void Value(string name, ref double value) { if (Begin(name)) value = _in.Number(); }
        public override void Value(string name, ref string value) { if (Begin(name)) value = _in.Text(); }
        public override void Value(string name, ref ArraySegment<byte> value) { if (Begin(name)) value = _in.Bytes(); }

        public override void Value(string name, ref List<double> values)
        {
            if (!Begin(name)) return;
            values = new List<double>();
            for (int left = _in.Array(); left > 0; --left) values.Add(_in.Number());
        }

        public override void Value(string name, ref List<ArraySegment<byte>> values)
        {
            if (!Begin(name)) return;
            values = new List<ArraySegment<byte>>();
            for (int left = _in.Array(); left > 0; --left) values.Add(_in.Bytes());
        }

        public override void Value(string name, ref List<string> values)
        {
            if (!Begin(name)) return;
            values = new List<string>();
            for (int left = _in.Array(); left > 0; --left) values.Add(_in.Text());
        }

        public override void Value(string name, ref Dictionary<string, double> values)
        {
            if (!Begin(name)) return;
            values = new Dictionary<string, double>();
            for (int left = _in.Map(); left > 0; --left)
            {
                string key = _in.Text();
                values[key] = _in.Nil() ? 0 : _in.Number();
            }
        }

        public override void Enum(string name, string[] names, ref int value) { if (Begin(name)) value = Named(names); }

        public override void Enums(string name, string[] names, ref List<int> values)
        {
            if (!Begin(name)) return;
            values = new List<int>();
            for (int left = _in.Array(); left > 0; --left) values.Add(Named(names));
        }

        int Named(string[] names)
        {
            if (_in.Kind == MsgpackKind.Integer) { _in.Skip(); return 0; }  // the server writes names
            return Math.Max(Array.IndexOf(names, _in.Text()), 0);
        }

        public override void Message<T>(string name, ref T value)
        {
            if (!Begin(name)) return;
            value = new T();
            Read(value);
        }

        public override void Messages<T>(string name, ref List<T> values)
        {
            if (!Begin(name)) return;
            values = new List<T>();
            for (int left = _in.Array(); left > 0; --left)
            {
                var value = new T();
                if (!_in.Nil()) Read(value);
                values.Add(value);
            }
        }

        public override void OneOf(int present)
        {
            if (present > 1) throw _in.Fault("two members of one oneof");
        }
    }
}
