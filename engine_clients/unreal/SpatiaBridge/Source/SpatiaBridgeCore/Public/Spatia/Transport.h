// How packets get to a server and back. The session knows no socket; an engine gives it one that speaks WebSocket.
#pragma once

#include <string>

#include "Spatia/Bytes.h"

namespace spatia {

// What a transport tells, always on the thread that the session lives on, and never from within a call to the transport.
class TransportEvents {
public:
    virtual ~TransportEvents() = default;
    virtual void on_open() = 0;
    virtual void on_packet(ByteView packet) = 0;  // one whole binary WebSocket message
    virtual void on_closed(const std::string& reason) = 0;
};

class Transport {
public:
    virtual ~Transport() = default;
    // Begins to connect, with the WebSocket subprotocol `subprotocol` of Packets.h; `on_open` or `on_closed` follows.
    virtual void open(const std::string& url, TransportEvents& events) = 0;
    // Queues a packet as one binary WebSocket message.
    virtual void send(Bytes packet) = 0;
    // Closes in good order and forgets what was not sent; no event of that connection follows.
    virtual void close() = 0;
};

}  // namespace spatia
