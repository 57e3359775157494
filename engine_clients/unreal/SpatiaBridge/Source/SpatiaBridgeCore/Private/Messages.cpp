#include "Spatia/Messages.h"

#include "Spatia/Fields.h"

namespace spatia {
namespace {

template <class Message>
Bytes encoded(const Message& message) {
    MsgpackWriter out;
    FieldWriter(out).write(message);
    return out.take();
}

template <class Message>
bool decoded(ByteView data, Message& message, std::string& fault) {
    message = {};
    MsgpackReader in(data);
    if (in.kind() != MsgpackKind::map) in.fail("no map");
    FieldReader(in).read(message);
    if (in.ok() && !in.at_end()) in.fail("something after the message");
    fault = in.fault();
    return in.ok();
}

}  // namespace

Bytes encode(const ClientMessage& message) { return encoded(message); }
Bytes encode(const ServerMessage& message) { return encoded(message); }
bool decode(ByteView data, ClientMessage& message, std::string& fault) { return decoded(data, message, fault); }
bool decode(ByteView data, ServerMessage& message, std::string& fault) { return decoded(data, message, fault); }

}  // namespace spatia
