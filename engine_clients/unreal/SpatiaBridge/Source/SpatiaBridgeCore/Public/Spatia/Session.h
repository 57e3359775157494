// The live link from the client's side, as a state machine with no socket, no thread and no clock of its own.
//
//     idle ──open()──▶ connecting ──on_open──▶ greeting ──welcome──▶ live
//      ▲                  ▲                       │                   │
//      └──close()/refused─┴───── waiting ◀────────┴──── link broke ───┘
//
// While it waits it tries again by itself, ever more seldom, and a client that was in sync gets only what changed meanwhile. What
// it is asked for without a link fails at once: nothing is queued across links.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "Spatia/Packets.h"
#include "Spatia/PointMirror.h"
#include "Spatia/Transport.h"

namespace spatia {

inline constexpr std::uint32_t protocol_version = 1;

struct SessionOptions {
    std::string url = "ws://127.0.0.1:50052";
    std::string session = "my-level";
    std::string client_name = "c++";
    Engine engine = Engine::opencv;  // whose axes and units go in and out
    std::string token;
    bool create = true;         // make the session if there is none
    bool push_frames = false;   // frames of takes come as they are made
    bool reconnect = true;
    std::uint64_t credit_bytes = 4 << 20;  // of chunk data that may be on its way
    double connect_timeout_secs = 10;
    double first_wait_secs = 0.5, longest_wait_secs = 15;  // before it tries again; doubles each time
};

// The answer to one request: `done`, or else `error`.
struct Reply {
    bool ok = false;
    Done done;
    Error error;
};
using ReplyHandler = std::function<void(const Reply&)>;

// What happens; called from within `on_packet`, `on_closed`, `tick` and the requests. Any call to the session may be made here,
// but to destroy it.
class SPATIABRIDGECORE_API SessionListener : public MirrorListener {
public:
    virtual void on_connected(const Welcome&) {}  // `resumed`: only what changed will come
    virtual void on_disconnected(const std::string& /*reason*/) {}
    virtual void on_waiting(double /*secs*/, int /*attempt*/) {}
    virtual void on_refused(const Error&) {}  // to try again would not help
    virtual void on_space() {}                // where the points lie changed
    virtual void on_revision(const Revision&) {}
    virtual void on_synced(std::uint64_t /*revision*/) {}  // the mirror is exactly this revision
    virtual void on_progress(const Progress&) {}
    virtual void on_take(const Take&) {}
    virtual void on_take_frame(const TakeFrame&, std::uint64_t /*request_id*/) {}  // 0: pushed
    virtual void on_live_projection(const LiveProjection&) {}
    virtual void on_recording(const Recording&) {}
    virtual void on_pong(const Pong&) {}
    virtual void on_error(const Error&) {}  // that no reply tells of
};

class SPATIABRIDGECORE_API Session final : private TransportEvents {
public:
    enum class State { idle, waiting, connecting, greeting, live };

    // The transport and the listener outlive the session.
    Session(SessionOptions options, Transport& transport, SessionListener& listener);
    ~Session() override;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Connects and stays connected until `close` or until it is refused; uses what the options say now.
    void open();
    // Leaves. The session goes on at the server; the mirror keeps what it has.
    void close();
    // To be called often, say every frame; `now_secs` grows steadily.
    void tick(double now_secs);

    // Asks; the number of the request, 0 without a link. The handler is called once: with the answer, or UNAVAILABLE.
    std::uint64_t request(ClientBody body, ReplyHandler handler = {});
    // Sends what wants no answer (poses, all views of a sweep but the last); dropped without a link.
    void tell(ClientBody body);

    SessionOptions& options() { return options_; }
    State state() const { return state_; }
    const PointMirror& mirror() const { return mirror_; }
    // The newest that the server told.
    const Welcome& welcome() const { return welcome_; }
    const Revision& revision() const { return revision_; }
    const Recording& recording() const { return recording_; }
    const std::map<std::uint32_t, Take>& takes() const { return takes_; }
    const std::map<std::uint64_t, Progress>& jobs() const { return jobs_; }

private:
    void on_open() override;
    void on_packet(ByteView packet) override;
    void on_closed(const std::string& reason) override;

    void handle(const ServerMessage& message);
    void handle_error(const Error& error, std::uint64_t request_id);
    void handle_welcome(const Welcome& welcome);
    void note(const ServerMessage& message);
    void take_parts(const ChunkPart* parts, std::size_t count);
    void give_credit(std::uint64_t bytes);
    void send(const ClientMessage& message);
    void answer(std::uint64_t request_id, const Reply& reply);
    void start_anew(const std::string& fault);
    void end_link(const std::string& reason, State next);
    double next_wait_secs();

    SessionOptions options_;
    Transport& transport_;
    SessionListener& listener_;
    PointMirror mirror_;
    PacketWriter writer_;
    PacketReader reader_;

    State state_ = State::idle;
    double now_secs_ = 0, wait_secs_ = 0;
    std::optional<double> since_secs_;  // when the state was first seen by a tick
    int attempt_ = 0;
    std::uint32_t jitter_ = 0x9E3779B9u;
    std::uint64_t link_ = 0;  // counts links: who calls out looks whether it is still in the one it was in
    std::uint64_t next_request_ = 2, owed_bytes_ = 0;
    std::unordered_map<std::uint64_t, ReplyHandler> replies_;

    Welcome welcome_;
    Revision revision_;
    Recording recording_;
    std::map<std::uint32_t, Take> takes_;
    std::map<std::uint64_t, Progress> jobs_;
};

}  // namespace spatia
