// A WebSocket client on POSIX sockets, for programs without an engine: `ws://` only (no TLS), one thread, no dependency.
#pragma once

#include <sys/socket.h>

#include <random>
#include <vector>

#include "Spatia/Transport.h"

namespace spatia {

class PosixWebSocket final : public Transport {
public:
    PosixWebSocket();
    ~PosixWebSocket() override;
    PosixWebSocket(const PosixWebSocket&) = delete;
    PosixWebSocket& operator=(const PosixWebSocket&) = delete;

    void open(const std::string& url, TransportEvents& events) override;
    void send(Bytes packet) override;
    void close() override;

    // Moves what can move and tells of it; waits for the first thing to happen for at most so long.
    void poll(int timeout_msecs);

private:
    enum class State { closed, failed, connecting, shaking, open };
    struct Url {
        std::string host, port, path;
    };

    struct Address {
        int family = 0;
        socklen_t size = 0;
        sockaddr_storage place{};
    };

    static bool parse(const std::string& text, Url& url);
    static std::vector<Address> resolve(const Url& url);
    bool dial();
    void drop();
    void fail(const std::string& reason);
    void begin_handshake();
    bool read_handshake();
    bool read_frame();
    void take_frame(std::uint8_t opcode, bool last, ByteView payload);
    void frame(std::uint8_t opcode, ByteView payload);
    void write_some();
    bool read_some();

    TransportEvents* events_ = nullptr;
    State state_ = State::closed;
    int socket_ = -1;
    Url url_;
    std::vector<Address> untried_;  // a name may stand for several places, the first of which need not answer
    std::string accept_, failure_;
    Bytes in_, out_, message_;
    std::size_t written_ = 0;
    bool in_message_ = false;
    std::uint64_t link_ = 0;
    std::mt19937 random_;
};

}  // namespace spatia
