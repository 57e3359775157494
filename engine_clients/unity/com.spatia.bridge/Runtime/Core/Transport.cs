using System;

namespace Spatia.Bridge
{
    /// <summary>What a transport tells; only ever from within Poll, so on the caller's own thread.</summary>
    public interface ITransportEvents
    {
        void OnOpen();
        /// <summary>One whole binary WebSocket message; the receiver may keep it.</summary>
        void OnPacket(ArraySegment<byte> packet);
        void OnClosed(string reason);
    }

    /// <summary>How packets get to a server and back. All members are called on one thread, in Unity the main thread, and none of
    /// them waits.</summary>
    public interface ITransport : IDisposable
    {
        /// <summary>Begins to connect, with the subprotocol PacketWriter.Subprotocol; ends what was before without a word.</summary>
        void Open(string url, ITransportEvents events);
        /// <summary>Queues a packet as one binary WebSocket message.</summary>
        void Send(byte[] packet);
        /// <summary>Closes in good order and forgets what was not sent; no event of that connection follows.</summary>
        void Close();
        /// <summary>Tells of what came, for about so long; what is left waits for the next call.</summary>
        void Poll(double budgetSecs);
    }
}
