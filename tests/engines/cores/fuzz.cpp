// Feeds damaged bytes to everything in the core that reads what a server sent: fuzz SEED ROUNDS FILE…
//
// Each round takes one of the files (whole messages, pictures, gzip data), damages it a few times and reads it. A reader may refuse;
// the sanitizers end the program for anything else. What a reader takes must be written and read again to the same bytes.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "Spatia/Inflate.h"
#include "Spatia/Png.h"
#include "Spatia/Session.h"

namespace {

using namespace spatia;

class Nowhere : public Transport {
public:
    void open(const std::string&, TransportEvents& events) override { events_ = &events; }
    void send(Bytes packet) override { sent += packet.size(); }
    void close() override {}
    TransportEvents* events_ = nullptr;
    std::size_t sent = 0;
};

// A session that is live, whatever became of the last one.
class Target {
public:
    Target() : session_({}, transport_, listener_) {}

    void feed(ByteView packet) {
        if (session_.state() != Session::State::live) {
            session_.close();
            session_.open();
            transport_.events_->on_open();
            Welcome welcome;
            welcome.space = Space{{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, 0.1, false};
            transport_.events_->on_packet(encode(ServerMessage{1, welcome}));
        }
        transport_.events_->on_packet(packet);
        for (const ChunkIndex& index : session_.mirror().indexes()) {
            for (const PackedPoint& point : PointSpan(session_.mirror().shown(index))) checksum_ += point.x;
            checksum_ += session_.mirror().client_from_bytes(index).m[3] > 0;
        }
        if (session_.mirror().chunks() > 64) session_.close(), session_.open(), transport_.events_->on_open();
    }

private:
    Nowhere transport_;
    SessionListener listener_;
    Session session_;
    std::uint64_t checksum_ = 0;
};

class Damage {
public:
    explicit Damage(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }

    void damage(Bytes& data, const Bytes& other) {
        static const std::uint8_t telling[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0xC0, 0xC1, 0xC4, 0xC6, 0xCB, 0xCF, 0xD3, 0xDD, 0xDF, 0xFF};
        const auto at = [&] { return data.begin() + static_cast<std::ptrdiff_t>(below(data.size())); };
        if (data.empty()) return;
        switch (below(6)) {
            case 0: *at() ^= static_cast<std::uint8_t>(1u << below(8)); break;
            case 1: *at() = telling[below(sizeof telling)]; break;
            case 2: data.resize(below(data.size())); break;
            case 3: data.insert(at(), static_cast<std::uint8_t>(random_())); break;
            case 4: data.erase(at()); break;
            default: {  // the end of another
                data.resize(below(data.size()));
                const auto cut = static_cast<std::ptrdiff_t>(below(other.size()));
                data.insert(data.end(), other.begin() + cut, other.end());
            }
        }
    }

private:
    std::mt19937 random_;
};

template <class Message>
bool reads(ByteView data) {
    Message message, again;
    std::string fault;
    if (!decode(data, message, fault)) return false;
    const Bytes written = encode(message);
    if (!decode(written, again, fault) || encode(again) != written) {
        std::printf("what was written reads otherwise: %s\n", fault.c_str());
        std::abort();
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    if (count < 4) return 2;
    std::vector<Bytes> files;
    for (int i = 3; i < count; ++i) {
        std::ifstream file(words[i], std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    Damage random(static_cast<std::uint32_t>(std::atoi(words[1])));
    Target target;
    int messages = 0, pictures = 0, inflated = 0;
    const int rounds = std::atoi(words[2]);
    for (int round = 0; round < rounds; ++round) {
        Bytes data = files[random.below(files.size())];
        for (std::size_t i = random.below(4); i > 0; --i) random.damage(data, files[random.below(files.size())]);
        messages += reads<ServerMessage>(data);
        messages += reads<ClientMessage>(data);
        Picture picture;
        std::string fault;
        pictures += decode_png(data, picture, fault);
        Bytes raw;
        inflated += decompress(Compression::gzip, data, random.below(1 << 12), raw) ||
                    decompress(Compression::gzip, data, 4096, raw);
        target.feed(data);
    }
    std::printf("%d %d %d %d\n", rounds, messages, pictures, inflated);
    return 0;
}
