using System;
using System.Collections.Generic;
using Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>Messages to the packets of a WebSocket: each at most 48 KiB, one binary WebSocket message; larger messages travel
    /// as fragments (spatia_bridge/wire/packets.py).</summary>
    public sealed class PacketWriter
    {
        public const string Subprotocol = "spatia.v1.msgpack";
        public const int PacketBytes = 48 << 10;
        const int FragmentBytes = PacketBytes - 128;  // what is around the data of a fragment takes less

        ulong _id;

        /// <summary>In the order in which they must be sent.</summary>
        public List<byte[]> Packets(ClientMessage message)
        {
            return Packets(message, piece => new ClientMessage { RequestId = message.RequestId, Fragment = piece });
        }

        /// <summary>The same for a server's message, for transports that get it in another encoding.</summary>
        public List<byte[]> Packets(ServerMessage message)
        {
            return Packets(message, piece => new ServerMessage { RequestId = message.RequestId, Fragment = piece });
        }

        List<byte[]> Packets(IMessage message, Func<Fragment, IMessage> wrap)
        {
            byte[] whole = FieldWriter.Encode(message);
            var packets = new List<byte[]>();
            if (whole.Length <= PacketBytes)
            {
                packets.Add(whole);
                return packets;
            }
            ++_id;
            int parts = (whole.Length + FragmentBytes - 1) / FragmentBytes;
            for (int part = 0; part < parts; ++part)
            {
                int first = part * FragmentBytes;
                var data = new ArraySegment<byte>(whole, first, Math.Min(FragmentBytes, whole.Length - first));
                var fragment = new Fragment { Id = _id, Part = (uint)part, Parts = (uint)parts, Data = data };
                packets.Add(FieldWriter.Encode(wrap(fragment)));
            }
            return packets;
        }
    }

    /// <summary>Puts the messages of a server together.</summary>
    public sealed class PacketReader
    {
        public const int MaxPacketBytes = 64 << 10;

        readonly FragmentJoiner _fragments = new FragmentJoiner();

        /// <summary>The message that this packet is or completes, else null. Its bytes are segments of the packet.</summary>
        /// <exception cref="CorruptDataException">It is no part of this protocol; the link is of no further use.</exception>
        public ServerMessage Add(ArraySegment<byte> packet)
        {
            if (packet.Count > MaxPacketBytes) throw new CorruptDataException("a packet of " + packet.Count + " bytes");
            var message = FieldReader.Decode<ServerMessage>(packet);
            if (message.Fragment == null) return message;
            byte[] whole = _fragments.Add(message.Fragment);
            if (whole == null) return null;
            message = FieldReader.Decode<ServerMessage>(new ArraySegment<byte>(whole));
            if (message.Fragment != null) throw new CorruptDataException("a fragment within fragments");
            return message;
        }
    }

    /// <summary>Puts the fragments of messages together, of either direction.</summary>
    public sealed class FragmentJoiner
    {
        public const int MaxMessageBytes = 64 << 20;

        readonly System.IO.MemoryStream _joined = new System.IO.MemoryStream();
        ulong _id;
        uint _next;
        uint _parts;

        /// <summary>The bytes of the message whose last fragment this is, else null.</summary>
        /// <exception cref="CorruptDataException">It continues nothing, or the message is too large.</exception>
        public byte[] Add(Fragment fragment)
        {
            if (fragment.Part == 0)
            {
                Forget();
                _id = fragment.Id;
                _parts = fragment.Parts;
            }
            if (fragment.Id != _id || fragment.Parts != _parts || fragment.Part != _next || _next >= _parts)
            {
                Forget();
                throw new CorruptDataException("fragment " + fragment.Part + " of message " + fragment.Id + " continues nothing");
            }
            if (fragment.Data.Count > MaxMessageBytes - _joined.Length)
            {
                Forget();
                throw new CorruptDataException("a message in fragments is larger than " + MaxMessageBytes + " bytes");
            }
            if (fragment.Data.Count > 0) _joined.Write(fragment.Data.Array, fragment.Data.Offset, fragment.Data.Count);
            if (++_next != _parts) return null;
            byte[] whole = _joined.ToArray();
            Forget();
            return whole;
        }

        void Forget()
        {
            _joined.SetLength(0);
            _joined.Capacity = 0;
            _next = _parts = 0;
        }
    }
}
