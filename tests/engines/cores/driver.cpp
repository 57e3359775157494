// Lets a test drive the C++ core: commands by standard input, answers by standard output, each a msgpack map after its length
// (32 bits, big endian). What there is to ask stands in tests/engines/cores.py.
#include <chrono>
#include <cstdio>
#include <utility>

#include "Spatia/Fields.h"
#include "Spatia/Inflate.h"
#include "Spatia/Png.h"
#include "Spatia/Session.h"
#include "posix_websocket.h"

namespace spatia {

struct Step {
    std::string what, text;
    ByteView data;
    double number = 0;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("what", m.what), visit("text", m.text), visit("data", m.data), visit("number", m.number);
    }
};

struct Command {
    std::string what, text, session;
    Engine engine = Engine::unspecified;
    ByteView data;
    std::vector<ByteView> packets;
    std::vector<Step> steps;
    std::uint32_t size = 0;
    bool flag = false;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("do", m.what), visit("text", m.text), visit("session", m.session), visit("engine", m.engine), visit("data", m.data);
        visit("packets", m.packets), visit("steps", m.steps), visit("size", m.size), visit("flag", m.flag);
    }
};

struct Answered {
    std::uint64_t request = 0;
    bool ok = false;
    Done done;
    Error error;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("request", m.request), visit("ok", m.ok);
        visit("revision", m.done.revision), visit("take", m.done.take), visit("job", m.done.job);
        visit("code", m.error.code), visit("message", m.error.message), visit("details", m.error.details);
    }
};

struct Frame {
    std::uint32_t take = 0, number = 0;
    std::uint64_t request = 0;
    Bytes colour, depth;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("take", m.take), visit("number", m.number), visit("request", m.request), visit("colour", m.colour);
        visit("depth", m.depth);
    }
};

struct Answer {
    bool ok = false;
    std::string fault;
    Bytes data;
    std::vector<Bytes> packets;
    std::vector<std::string> events;
    std::uint32_t width = 0, height = 0, channels = 0, bits = 0;
    std::string state;
    std::uint64_t revision = 0, synced = 0, points = 0, chunks = 0, changed = 0, request = 0;
    bool clean = false, resumed = false;
    Bytes digest;
    std::vector<Answered> replies;
    std::vector<Take> takes;
    std::vector<Progress> jobs;
    std::vector<Frame> frames;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("ok", m.ok), visit("fault", m.fault), visit("data", m.data), visit("packets", m.packets), visit("events", m.events);
        visit("width", m.width), visit("height", m.height), visit("channels", m.channels), visit("bits", m.bits);
        visit("state", m.state), visit("revision", m.revision), visit("synced", m.synced), visit("points", m.points);
        visit("chunks", m.chunks), visit("changed", m.changed), visit("request", m.request), visit("clean", m.clean);
        visit("resumed", m.resumed), visit("digest", m.digest), visit("replies", m.replies), visit("takes", m.takes);
        visit("jobs", m.jobs), visit("frames", m.frames);
    }
};

namespace {

const char* name_of(Session::State state) {
    const char* const names[] = {"idle", "waiting", "connecting", "greeting", "live"};
    return names[static_cast<int>(state)];
}

// Everything that a session tells, as words.
class Log : public SessionListener {
public:
    void on_chunk(const ChunkIndex&) override { ++changed; }
    void on_cleared() override { events.emplace_back("cleared"); }
    void on_connected(const Welcome& welcome) override { events.emplace_back(welcome.resumed ? "resumed" : "connected"); }
    void on_disconnected(const std::string& reason) override { events.push_back("disconnected: " + reason); }
    void on_waiting(double secs, int attempt) override {
        events.push_back("waiting " + std::to_string(attempt));
        waits_secs.push_back(secs);
    }
    void on_refused(const Error& error) override { events.push_back("refused: " + error.code); }
    void on_synced(std::uint64_t revision) override { events.push_back("synced " + std::to_string(revision)); }
    void on_error(const Error& error) override { events.push_back("error: " + error.code); }
    void on_take_frame(const TakeFrame& frame, std::uint64_t request_id) override {
        const ByteView colour = frame.colour ? frame.colour->data : ByteView(), depth = frame.depth ? frame.depth->data : ByteView();
        frames.push_back({frame.take, frame.number, request_id, Bytes(colour.begin(), colour.end()), Bytes(depth.begin(), depth.end())});
    }
    ReplyHandler answer(std::uint64_t place) {
        return [this, place](const Reply& reply) { replies.push_back({place, reply.ok, reply.done, reply.error}); };
    }

    std::vector<std::string> events;
    std::vector<double> waits_secs;
    std::vector<Frame> frames;
    std::vector<Answered> replies;
    std::uint64_t changed = 0;
};

void tell_mirror(const PointMirror& mirror, Answer& answer) {
    answer.points = mirror.points();
    answer.chunks = mirror.chunks();
    answer.clean = mirror.clean();
    answer.synced = mirror.synced_revision();
    answer.digest.assign(mirror.digest().begin(), mirror.digest().end());
}

// float64 (N, 3) of all points in the client's axes and units, in no order.
Bytes positions(const PointMirror& mirror) {
    std::vector<double> found;
    for (const ChunkIndex& index : mirror.indexes()) {
        const Affine affine = mirror.client_from_bytes(index);
        for (const PackedPoint& point : PointSpan(mirror.shown(index))) {
            const Vector3 p = affine.apply(point.x, point.y, point.z);
            found.insert(found.end(), {p.x, p.y, p.z});
        }
    }
    Bytes bytes(found.size() * sizeof(double));
    if (!bytes.empty()) std::memcpy(bytes.data(), found.data(), bytes.size());
    return bytes;
}

// -------------------------------------------------------------------------------------------------------- without a link

void recode(const Command& command, Answer& answer) {
    if (command.text == "ClientMessage") {
        ClientMessage message;
        answer.ok = decode(command.data, message, answer.fault);
        if (answer.ok) answer.data = encode(message);
    } else {
        ServerMessage message;
        answer.ok = decode(command.data, message, answer.fault);
        if (answer.ok) answer.data = encode(message);
    }
}

void split(const Command& command, Answer& answer) {
    ClientMessage message;
    PacketWriter writer;
    if (decode(command.data, message, answer.fault)) answer.packets = writer.packets(message);
}

void join(const Command& command, Answer& answer) {
    PacketReader reader;
    for (const ByteView& packet : command.packets) {
        ServerMessage message;
        if (reader.add(packet, message, answer.fault)) answer.packets.push_back(encode(message));
        if (!answer.fault.empty()) return;
    }
}

// Feeds chunk messages to a mirror until one is at fault.
void mirror(const Command& command, Answer& answer) {
    Log log;
    PointMirror mirror;
    for (const ByteView& packet : command.packets) {
        ServerMessage message;
        if (!decode(packet, message, answer.fault)) break;
        if (const auto* part = std::get_if<ChunkPart>(&message.body)) mirror.apply(*part, log, answer.fault);
        if (const auto* removed = std::get_if<ChunksRemoved>(&message.body)) mirror.apply(*removed, log);
        if (const auto* synced = std::get_if<Synced>(&message.body)) mirror.apply(*synced, answer.fault);
        if (const auto* space = std::get_if<Space>(&message.body)) mirror.apply(*space, answer.fault);
        if (!answer.fault.empty()) break;
    }
    if (command.flag) mirror.restore(log);
    tell_mirror(mirror, answer);
    answer.changed = log.changed;
    answer.data = positions(mirror);
}

// A transport that is all words.
class Script : public Transport {
public:
    explicit Script(Log& log) : log_(log) {}
    void open(const std::string& url, TransportEvents& events) override {
        log_.events.push_back("open " + url);
        events_ = &events;
    }
    void send(Bytes packet) override { sent.push_back(std::move(packet)); }
    void close() override { log_.events.emplace_back("close"); }
    TransportEvents* events_ = nullptr;
    std::vector<Bytes> sent;

private:
    Log& log_;
};

// Plays a script of what transport, clock and caller do; the packets sent, what was told, the waits.
void play(const Command& command, Answer& answer) {
    Log log;
    Script transport(log);
    SessionOptions options;
    options.session = command.session;
    Session session(options, transport, log);
    std::uint64_t place = 0;
    for (const Step& step : command.steps) {
        if (step.what == "open") session.open();
        if (step.what == "close") session.close();
        if (step.what == "tick") session.tick(step.number);
        if (step.what == "opened") transport.events_->on_open();
        if (step.what == "packet") transport.events_->on_packet(step.data);
        if (step.what == "broken") transport.events_->on_closed(step.text);
        ClientMessage message;
        if (step.what == "request" && decode(step.data, message, answer.fault)) session.request(message.body, log.answer(++place));
        if (step.what == "tell" && decode(step.data, message, answer.fault)) session.tell(message.body);
    }
    tell_mirror(session.mirror(), answer);
    answer.state = name_of(session.state());
    answer.packets = transport.sent;
    answer.events = log.events;
    answer.replies = log.replies;
    answer.data.resize(log.waits_secs.size() * sizeof(double));
    if (!answer.data.empty()) std::memcpy(answer.data.data(), log.waits_secs.data(), answer.data.size());
}

void inflate(const Command& command, Answer& answer) {
    const bool gzip = command.text == "gzip";
    answer.ok = decompress(gzip ? Compression::gzip : Compression::none, command.data, command.size, answer.data);
}

void png(const Command& command, Answer& answer) {
    Picture picture;
    answer.ok = decode_png(command.data, picture, answer.fault);
    answer.width = picture.width;
    answer.height = picture.height;
    answer.channels = picture.channels;
    answer.bits = picture.bits;
    answer.data = picture.samples;
}

// --------------------------------------------------------------------------------------------------------- with a server

class Live {
public:
    Live() : session_({}, socket_, log_) {}

    void open(const Command& command) {
        session_.close();
        session_.options().url = command.text;
        session_.options().session = command.session;
        session_.options().engine = command.engine;
        session_.options().push_frames = command.flag;
        session_.options().first_wait_secs = 0.1;
        session_.open();
    }
    void request(const Command& command, Answer& answer) {
        ClientMessage message;
        if (!decode(command.data, message, answer.fault)) return;
        answer.request = ++asked_;
        session_.request(message.body, log_.answer(asked_));
    }
    void tell(const Command& command, Answer& answer) {
        ClientMessage message;
        if (decode(command.data, message, answer.fault)) session_.tell(message.body);
    }
    // Moves for a moment, then tells how things are; frames, replies and events are told once.
    void state(Answer& answer) {
        const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
        session_.tick(now.count());
        socket_.poll(20);
        for (int i = 0; i < 50; ++i) socket_.poll(0);
        tell_mirror(session_.mirror(), answer);
        answer.state = name_of(session_.state());
        answer.revision = session_.revision().number;
        answer.resumed = session_.welcome().resumed;
        for (const auto& [number, take] : session_.takes()) answer.takes.push_back(take);
        for (const auto& [number, job] : session_.jobs()) answer.jobs.push_back(job);
        answer.changed = std::exchange(log_.changed, 0);
        answer.events = std::exchange(log_.events, {});
        answer.replies = std::exchange(log_.replies, {});
        answer.frames = std::exchange(log_.frames, {});
    }
    void close() { session_.close(); }
    Bytes points() const { return positions(session_.mirror()); }

private:
    Log log_;
    PosixWebSocket socket_;
    Session session_;
    std::uint64_t asked_ = 0;
};

void obey(const Command& command, Live& live, Answer& answer) {
    if (command.what == "recode") return recode(command, answer);
    if (command.what == "split") return split(command, answer);
    if (command.what == "join") return join(command, answer);
    if (command.what == "mirror") return mirror(command, answer);
    if (command.what == "play") return play(command, answer);
    if (command.what == "inflate") return inflate(command, answer);
    if (command.what == "png") return png(command, answer);
    if (command.what == "open") return live.open(command);
    if (command.what == "request") return live.request(command, answer);
    if (command.what == "tell") return live.tell(command, answer);
    if (command.what == "state") return live.state(answer);
    if (command.what == "close") return live.close();
    if (command.what == "positions") answer.data = live.points();
    else answer.fault = "no such command";
}

bool read_all(std::uint8_t* to, std::size_t size) { return std::fread(to, 1, size, stdin) == size; }

}  // namespace
}  // namespace spatia

int main() {
    using namespace spatia;
    Live live;
    std::uint8_t head[4];
    while (read_all(head, 4)) {
        Bytes data(std::size_t{head[0]} << 24 | std::size_t{head[1]} << 16 | std::size_t{head[2]} << 8 | head[3]);
        if (!read_all(data.data(), data.size())) return 1;
        MsgpackReader in(data);
        Command command;
        FieldReader(in).read(command);
        Answer answer;
        if (in.at_end()) obey(command, live, answer);
        else answer.fault = "the command: " + in.fault();
        MsgpackWriter out;
        FieldWriter(out).write(answer);
        const Bytes said = out.take();
        for (int i = 0; i < 4; ++i) head[i] = static_cast<std::uint8_t>(said.size() >> (24 - 8 * i));
        std::fwrite(head, 1, 4, stdout);
        std::fwrite(said.data(), 1, said.size(), stdout);
        std::fflush(stdout);
    }
    return 0;
}
