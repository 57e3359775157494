// Messages to the packets of a WebSocket and back: each at most 48 KiB, one binary WebSocket message (spatia_bridge/wire/packets.py).
#pragma once

#include <optional>

#include "Spatia/Messages.h"

namespace spatia {

inline constexpr char subprotocol[] = "spatia.v1.msgpack";
inline constexpr std::size_t packet_bytes = 48 << 10;
inline constexpr std::size_t max_packet_bytes = 64 << 10;   // of what is read
inline constexpr std::size_t max_message_bytes = 64 << 20;  // of what comes in fragments

// Cuts the messages of one side of one link.
class SPATIABRIDGECORE_API PacketWriter {
public:
    // In the order in which they must be sent.
    std::vector<Bytes> packets(const ClientMessage& message);

private:
    std::uint64_t id_ = 0;
};

// Puts the messages of the other side together.
class SPATIABRIDGECORE_API PacketReader {
public:
    // True if the packet is or completes a message, which then is in `message`; its views hold until the next call. If not, and
    // `fault` is not empty, the packet is no part of this protocol and the link is of no further use.
    bool add(ByteView packet, ServerMessage& message, std::string& fault);

private:
    bool join(const Fragment& fragment, std::string& fault);

    std::uint64_t id_ = 0;
    std::uint32_t next_ = 0, parts_ = 0;
    Bytes joined_, packet_;
};

}  // namespace spatia
