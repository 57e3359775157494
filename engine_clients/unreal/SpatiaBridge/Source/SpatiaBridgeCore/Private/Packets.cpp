#include "Spatia/Packets.h"

#include <algorithm>

namespace spatia {
namespace {

constexpr std::size_t fragment_bytes = packet_bytes - 128;  // what is around the data of a fragment takes less

}  // namespace

std::vector<Bytes> PacketWriter::packets(const ClientMessage& message) {
    std::vector<Bytes> packets;
    Bytes whole = encode(message);
    if (whole.size() <= packet_bytes) {
        packets.push_back(std::move(whole));
        return packets;
    }
    ++id_;
    const std::size_t parts = (whole.size() + fragment_bytes - 1) / fragment_bytes;
    packets.reserve(parts);
    for (std::size_t part = 0; part < parts; ++part) {
        const std::size_t first = part * fragment_bytes;
        const ByteView data = ByteView(whole).slice(first, std::min(fragment_bytes, whole.size() - first));
        const Fragment fragment{id_, static_cast<std::uint32_t>(part), static_cast<std::uint32_t>(parts), data};
        packets.push_back(encode(ClientMessage{message.request_id, fragment}));
    }
    return packets;
}

bool PacketReader::add(ByteView packet, ServerMessage& message, std::string& fault) {
    fault.clear();
    if (packet.size > max_packet_bytes) {
        fault = "a packet of " + std::to_string(packet.size) + " bytes";
        return false;
    }
    packet_.assign(packet.begin(), packet.end());
    if (!decode(packet_, message, fault)) return false;
    const Fragment* fragment = std::get_if<Fragment>(&message.body);
    if (fragment == nullptr) return true;
    if (!join(*fragment, fault)) return false;
    packet_.swap(joined_);
    joined_ = {};
    if (!decode(packet_, message, fault)) return false;
    if (std::holds_alternative<Fragment>(message.body)) fault = "a fragment within fragments";
    return fault.empty();
}

// Takes a fragment; true if it is the last of its message.
bool PacketReader::join(const Fragment& fragment, std::string& fault) {
    if (fragment.part == 0) {
        id_ = fragment.id;
        parts_ = fragment.parts;
        next_ = 0;
        joined_.clear();
    }
    if (fragment.id != id_ || fragment.parts != parts_ || fragment.part != next_ || next_ >= parts_) {
        fault = "fragment " + std::to_string(fragment.part) + " of message " + std::to_string(fragment.id) + " continues nothing";
    } else if (fragment.data.size > max_message_bytes - joined_.size()) {
        fault = "a message in fragments is larger than " + std::to_string(max_message_bytes) + " bytes";
    }
    if (!fault.empty()) {
        joined_ = {};
        parts_ = 0;
        return false;
    }
    joined_.insert(joined_.end(), fragment.data.begin(), fragment.data.end());
    return ++next_ == parts_;
}

}  // namespace spatia
