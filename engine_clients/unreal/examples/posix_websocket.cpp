// RFC 6455, the client's side.
#include "posix_websocket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

#include "Spatia/Packets.h"

namespace spatia {
namespace {

constexpr std::size_t read_bytes = 64 << 10;
constexpr std::size_t max_header_bytes = 16 << 10;
constexpr std::uint8_t op_continue = 0, op_text = 1, op_binary = 2, op_close = 8, op_ping = 9, op_pong = 10;

std::string base64(ByteView data) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < data.size; i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 3; ++j) bits = bits << 8 | (i + j < data.size ? data.data[i + j] : 0u);
        for (std::size_t j = 0; j < 4; ++j) text += i + j <= data.size ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

// SHA-1 (FIPS 180-4), which a WebSocket's handshake is made of.
std::array<std::uint8_t, 20> sha1(const std::string& text) {
    const auto rotated = [](std::uint32_t x, int by) { return x << by | x >> (32 - by); };
    Bytes data(text.begin(), text.end());
    data.push_back(0x80);
    data.resize((data.size() + 8 + 63) / 64 * 64);
    for (std::size_t i = 0; i < 8; ++i) data[data.size() - 1 - i] = static_cast<std::uint8_t>(std::uint64_t{text.size()} * 8 >> (8 * i));
    std::uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (std::size_t at = 0; at < data.size(); at += 64) {
        std::uint32_t w[80];
        for (std::size_t i = 0; i < 16; ++i) {
            w[i] = 0;
            for (std::size_t j = 0; j < 4; ++j) w[i] = w[i] << 8 | data[at + 4 * i + j];
        }
        for (int i = 16; i < 80; ++i) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        std::uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; ++i) {
            const std::uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
            const std::uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            const std::uint32_t next = rotated(a, 5) + f + e + k + w[i];
            e = d, d = c, c = rotated(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    std::array<std::uint8_t, 20> hash{};
    for (std::size_t i = 0; i < 20; ++i) hash[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
    return hash;
}

// The value of an HTTP header, without regard to the case of its name; empty if it is not there.
std::string header(const std::string& response, std::string name) {
    const auto lower = [](unsigned char c) { return static_cast<char>(std::tolower(c)); };
    std::string folded(response.size(), ' ');
    std::transform(response.begin(), response.end(), folded.begin(), lower);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    const std::size_t found = folded.find("\r\n" + name + ":");
    if (found == std::string::npos) return {};
    const std::size_t first = response.find_first_not_of(" \t", found + name.size() + 3);
    return response.substr(first, response.find("\r\n", first) - first);
}

}  // namespace

PosixWebSocket::PosixWebSocket() : random_(std::random_device{}()) {}

PosixWebSocket::~PosixWebSocket() { close(); }

// -------------------------------------------------------------------------------------------------- opening and closing

void PosixWebSocket::open(const std::string& url, TransportEvents& events) {
    close();
    events_ = &events;
    ++link_;
    if (!parse(url, url_)) {
        state_ = State::failed;
        failure_ = url + " is no WebSocket address; write ws://HOST:PORT";
        return;
    }
    untried_ = resolve(url_);
    if (dial()) return;
    state_ = State::failed;
    failure_ = "nobody answers at " + url;
}

bool PosixWebSocket::parse(const std::string& text, Url& url) {
    if (text.rfind("ws://", 0) != 0) return false;
    const std::size_t slash = text.find('/', 5);
    const std::string place = text.substr(5, slash == std::string::npos ? slash : slash - 5);
    const std::size_t colon = place.rfind(':');
    const bool has_port = colon != std::string::npos && place.find(']', colon) == std::string::npos;
    url.host = has_port ? place.substr(0, colon) : place;
    url.port = has_port ? place.substr(colon + 1) : "80";
    url.path = slash == std::string::npos ? "/" : text.substr(slash);
    if (url.host.size() > 2 && url.host.front() == '[') url.host = url.host.substr(1, url.host.size() - 2);
    return !url.host.empty() && !url.port.empty();
}

// Last first.
std::vector<PosixWebSocket::Address> PosixWebSocket::resolve(const Url& url) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    std::vector<Address> addresses;
    if (getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found) != 0) return addresses;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        Address address;
        address.family = each->ai_family;
        address.size = each->ai_addrlen;
        std::memcpy(&address.place, each->ai_addr, each->ai_addrlen);
        addresses.insert(addresses.begin(), address);
    }
    freeaddrinfo(found);
    return addresses;
}

// Begins to connect to the next address; false if none is left.
bool PosixWebSocket::dial() {
    drop();
    while (!untried_.empty()) {
        const Address address = untried_.back();
        untried_.pop_back();
        socket_ = ::socket(address.family, SOCK_STREAM, 0);
        if (socket_ < 0) continue;
        const int on = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
        if (connect(socket_, reinterpret_cast<const sockaddr*>(&address.place), address.size) == 0 || errno == EINPROGRESS) {
            state_ = State::connecting;
            return true;
        }
        drop();
    }
    return false;
}

void PosixWebSocket::drop() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    state_ = State::closed;
    in_.clear();
    out_.clear();
    message_.clear();
    written_ = 0;
    in_message_ = false;
}

void PosixWebSocket::close() {
    if (state_ == State::open && written_ == 0) {  // not in the middle of a packet
        out_.clear();
        const std::uint8_t normal[] = {0x03, 0xE8};
        frame(op_close, {normal, sizeof normal});
        write_some();
    }
    drop();
}

void PosixWebSocket::fail(const std::string& reason) {
    drop();
    events_->on_closed(reason);
}

// --------------------------------------------------------------------------------------------------------------- moving

void PosixWebSocket::poll(int timeout_msecs) {
    if (state_ == State::closed) {
        ::poll(nullptr, 0, timeout_msecs);
        return;
    }
    if (state_ == State::failed) return fail(failure_);
    const bool wants_write = state_ == State::connecting || written_ < out_.size();
    pollfd watched{socket_, static_cast<short>(POLLIN | (wants_write ? POLLOUT : 0)), 0};
    if (::poll(&watched, 1, timeout_msecs) <= 0) return;
    if (state_ == State::connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            if (!dial()) fail("nobody answers at ws://" + url_.host + ":" + url_.port);
            return;
        }
        begin_handshake();
    }
    write_some();
    const bool alive = read_some();
    const std::uint64_t link = link_;
    if (state_ == State::shaking && !read_handshake()) return;
    while (link == link_ && state_ == State::open && read_frame()) {
    }
    if (link != link_ || (state_ != State::open && state_ != State::shaking)) return;
    if (!alive) return fail("the connection broke");
    write_some();
}

void PosixWebSocket::write_some() {
    while (written_ < out_.size()) {
        const ssize_t sent = ::send(socket_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
        if (sent <= 0) return;  // full, or broken: reading tells
        written_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    written_ = 0;
}

// False once nothing more will come.
bool PosixWebSocket::read_some() {
    const std::size_t before = in_.size();
    in_.resize(before + read_bytes);
    const ssize_t got = ::recv(socket_, in_.data() + before, read_bytes, 0);
    in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

void PosixWebSocket::begin_handshake() {
    std::uint8_t nonce[16];
    for (std::uint8_t& byte : nonce) byte = static_cast<std::uint8_t>(random_());
    const std::string key = base64({nonce, sizeof nonce});
    const auto hash = sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    accept_ = base64({hash.data(), hash.size()});
    const std::string host = url_.host.find(':') == std::string::npos ? url_.host : "[" + url_.host + "]";
    const std::string request = "GET " + url_.path + " HTTP/1.1\r\nHost: " + host + ":" + url_.port +
                                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key +
                                "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n";
    out_.assign(request.begin(), request.end());
    state_ = State::shaking;
}

// True once the connection is open.
bool PosixWebSocket::read_handshake() {
    const std::string head(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(std::min(in_.size(), max_header_bytes)));
    const std::size_t end = head.find("\r\n\r\n");
    if (end == std::string::npos) {
        if (in_.size() >= max_header_bytes) fail("the answer is no WebSocket");
        return false;
    }
    const std::string response = head.substr(0, end + 2);
    if (response.rfind("HTTP/1.1 101", 0) != 0) {
        fail("the server refuses: " + response.substr(0, response.find("\r\n")) + " " + head.substr(end + 4));
    } else if (header(response, "Sec-WebSocket-Accept") != accept_ || header(response, "Sec-WebSocket-Protocol") != subprotocol) {
        fail("the server does not speak " + std::string(subprotocol));
    } else {
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(end + 4));
        state_ = State::open;
        const std::uint64_t link = link_;
        events_->on_open();
        return link == link_ && state_ == State::open;
    }
    return false;
}

// ---------------------------------------------------------------------------------------------------------------- frames

void PosixWebSocket::send(Bytes packet) {
    if (state_ == State::open) frame(op_binary, packet);
}

void PosixWebSocket::frame(std::uint8_t opcode, ByteView payload) {
    out_.push_back(static_cast<std::uint8_t>(0x80 | opcode));
    const int length_bytes = payload.size < 126 ? 0 : payload.size < 0x10000 ? 2 : 8;
    out_.push_back(static_cast<std::uint8_t>(0x80 | (length_bytes == 0 ? payload.size : length_bytes == 2 ? 126u : 127u)));
    for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) {
        out_.push_back(static_cast<std::uint8_t>(std::uint64_t{payload.size} >> shift));
    }
    std::uint8_t mask[4];
    for (std::uint8_t& byte : mask) byte = static_cast<std::uint8_t>(random_());
    out_.insert(out_.end(), mask, mask + 4);
    for (std::size_t i = 0; i < payload.size; ++i) out_.push_back(payload.data[i] ^ mask[i % 4]);
}

// Takes one frame off the front of what came; false if none is whole.
bool PosixWebSocket::read_frame() {
    if (in_.size() < 2) return false;
    const std::uint8_t opcode = in_[0] & 0x0F, code = in_[1];
    const std::size_t length_bytes = code < 126 ? 0 : code == 126 ? 2 : 8;
    if (in_.size() < 2 + length_bytes) return false;
    std::uint64_t size = length_bytes == 0 ? code : 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8 | in_[2 + i];
    const bool control = opcode >= op_close, last = (in_[0] & 0x80) != 0;
    if ((in_[0] & 0x70) != 0 || (code & 0x80) != 0 || (control && (!last || size > 125))) {
        fail("the server breaks the WebSocket protocol");
        return false;
    }
    if (size > max_packet_bytes) {
        fail("the server sent a frame of " + std::to_string(size) + " bytes");
        return false;
    }
    const std::size_t first = 2 + length_bytes, whole = first + static_cast<std::size_t>(size);
    if (in_.size() < whole) return false;
    const Bytes payload(in_.begin() + static_cast<std::ptrdiff_t>(first), in_.begin() + static_cast<std::ptrdiff_t>(whole));
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(whole));
    take_frame(opcode, last, payload);
    return true;
}

void PosixWebSocket::take_frame(std::uint8_t opcode, bool last, ByteView payload) {
    if (opcode == op_ping) return frame(op_pong, payload);
    if (opcode == op_pong) return;
    if (opcode == op_close) {
        const std::string reason = payload.size > 2 ? std::string(payload.begin() + 2, payload.end()) : "";
        frame(op_close, payload.slice(0, std::min<std::size_t>(payload.size, 2)));
        write_some();
        return fail(reason.empty() ? "the server closed the link" : reason);
    }
    if (opcode == op_text || (opcode == op_continue) != in_message_ || opcode > op_binary) {
        return fail("the server sent a frame that does not belong here");
    }
    if (message_.size() + payload.size > max_packet_bytes) return fail("the server sent too large a message");
    message_.insert(message_.end(), payload.begin(), payload.end());
    in_message_ = !last;
    if (!last) return;
    const Bytes packet = std::exchange(message_, {});
    events_->on_packet(packet);
}

}  // namespace spatia
