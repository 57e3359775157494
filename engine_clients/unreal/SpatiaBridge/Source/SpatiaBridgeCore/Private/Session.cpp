#include "Spatia/Session.h"

#include <algorithm>
#include <utility>

namespace spatia {
namespace {

constexpr std::uint64_t hello_request = 1;
constexpr std::uint64_t credit_step_bytes = 256 << 10;

// Errors after which another try would end the same way.
bool is_final(const std::string& code) {
    for (const char* each : {"UNAUTHENTICATED", "NOT_FOUND", "INVALID_INPUT", "PROTOCOL", "VERSION_MISMATCH"}) {
        if (code == each) return true;
    }
    return false;
}

Reply unavailable(const std::string& reason) {
    Reply reply;
    reply.error = {"UNAVAILABLE", reason, "connect again", false, 0, {}};
    return reply;
}

}  // namespace

Session::Session(SessionOptions options, Transport& transport, SessionListener& listener)
    : options_(std::move(options)), transport_(transport), listener_(listener) {}

Session::~Session() {
    if (state_ != State::idle && state_ != State::waiting) transport_.close();
}

// -------------------------------------------------------------------------------------------------------- connecting

void Session::open() {
    if (state_ != State::idle && state_ != State::waiting) return;
    state_ = State::connecting;
    since_secs_.reset();
    ++link_;
    transport_.open(options_.url, *this);
}

void Session::close() {
    attempt_ = 0;
    if (state_ == State::waiting) {
        state_ = State::idle;
    } else if (state_ != State::idle) {
        transport_.close();
        end_link("closed here", State::idle);
    }
}

void Session::tick(double now_secs) {
    now_secs_ = now_secs;
    if (!since_secs_) since_secs_ = now_secs;
    const double passed_secs = now_secs - *since_secs_;
    if (state_ == State::waiting && passed_secs >= wait_secs_) {
        open();
    } else if ((state_ == State::connecting || state_ == State::greeting) && passed_secs > options_.connect_timeout_secs) {
        transport_.close();
        on_closed("no answer in " + std::to_string(static_cast<int>(options_.connect_timeout_secs)) + " s");
    }
}

void Session::on_open() {
    if (state_ != State::connecting) return;
    reader_ = {};  // here and not in `open`, which may be called while a message is handled
    Hello hello;
    hello.protocol_version = protocol_version;
    hello.client_name = options_.client_name;
    hello.engine = options_.engine;
    hello.session = options_.session;
    hello.create = options_.create;
    hello.token = options_.token;
    if (mirror_.restore(listener_)) hello.resume = Resume{mirror_.synced_revision(), mirror_.synced_digest()};
    if (state_ != State::connecting) return;  // the listener left
    hello.compressions = {Compression::gzip};
    hello.credit_bytes = options_.credit_bytes;
    hello.push_frames = options_.push_frames;
    hello.batch_chunks = true;
    owed_bytes_ = 0;
    state_ = State::greeting;
    send({hello_request, std::move(hello)});
}

void Session::on_closed(const std::string& reason) {
    if (state_ == State::idle || state_ == State::waiting) return;
    const std::uint64_t link = link_;
    end_link(reason, options_.reconnect ? State::waiting : State::idle);
    if (state_ != State::waiting || link != link_) return;
    since_secs_.reset();
    wait_secs_ = next_wait_secs();
    listener_.on_waiting(wait_secs_, attempt_);
}

// Ends the link here; everyone who waits for an answer is told.
void Session::end_link(const std::string& reason, State next) {
    const bool was_live = state_ == State::live;
    state_ = next;
    std::unordered_map<std::uint64_t, ReplyHandler> unanswered;
    unanswered.swap(replies_);
    for (const auto& [id, handler] : unanswered) {
        if (handler) handler(unavailable(reason));
    }
    if (was_live || next == State::idle) listener_.on_disconnected(reason);
}

// Doubles, up to a bound, less up to three tenths of it, so that clients of one server do not come back all at once.
double Session::next_wait_secs() {
    double wait = options_.first_wait_secs;
    for (int i = 0; i < attempt_ && wait < options_.longest_wait_secs; ++i) wait *= 2;
    ++attempt_;
    jitter_ ^= static_cast<std::uint32_t>(static_cast<std::int64_t>(now_secs_ * 1e6));
    jitter_ = jitter_ * 1664525u + 1013904223u;
    return std::min(wait, options_.longest_wait_secs) * (1.0 - 0.3 * (jitter_ >> 8) / double{1 << 24});
}

// What came is not what the server stated: drop it and get everything again.
void Session::start_anew(const std::string& fault) {
    transport_.close();
    mirror_.forget(listener_);
    on_closed(fault);
}

// ---------------------------------------------------------------------------------------------------------- requests

std::uint64_t Session::request(ClientBody body, ReplyHandler handler) {
    if (state_ != State::live) {
        if (handler) handler(unavailable("there is no link"));
        return 0;
    }
    const std::uint64_t id = next_request_++;
    replies_.emplace(id, std::move(handler));
    send({id, std::move(body)});
    return id;
}

void Session::tell(ClientBody body) {
    if (state_ == State::live) send({0, std::move(body)});
}

void Session::send(const ClientMessage& message) {
    for (Bytes& packet : writer_.packets(message)) transport_.send(std::move(packet));
}

void Session::answer(std::uint64_t request_id, const Reply& reply) {
    const auto found = replies_.find(request_id);
    if (found == replies_.end()) return;
    const ReplyHandler handler = std::move(found->second);
    replies_.erase(found);
    if (handler) handler(reply);
}

// ---------------------------------------------------------------------------------------------------------- messages

void Session::on_packet(ByteView packet) {
    if (state_ != State::greeting && state_ != State::live) return;
    ServerMessage message;
    std::string fault;
    if (reader_.add(packet, message, fault)) {
        handle(message);
    } else if (!fault.empty()) {
        start_anew("a message could not be read: " + fault);
    }
}

void Session::handle(const ServerMessage& message) {
    const ServerBody& body = message.body;
    std::string fault;
    if (const auto* error = std::get_if<Error>(&body)) {
        handle_error(*error, message.request_id);
    } else if (const auto* welcome = std::get_if<Welcome>(&body)) {
        if (state_ == State::live) return start_anew("the server says welcome twice");
        handle_welcome(*welcome);
    } else if (state_ != State::live) {
        start_anew("the server's first message is no welcome");
    } else if (const auto* part = std::get_if<ChunkPart>(&body)) {
        take_parts(part, 1);
    } else if (const auto* batch = std::get_if<ChunkParts>(&body)) {
        take_parts(batch->parts.data(), batch->parts.size());
    } else if (const auto* removed = std::get_if<ChunksRemoved>(&body)) {
        mirror_.apply(*removed, listener_);
    } else if (const auto* synced = std::get_if<Synced>(&body)) {
        if (!mirror_.apply(*synced, fault)) return start_anew(fault);
        attempt_ = 0;
        listener_.on_synced(mirror_.synced_revision());
    } else if (const auto* space = std::get_if<Space>(&body)) {
        if (!mirror_.apply(*space, fault)) return start_anew(fault);
        listener_.on_space();
    } else {
        note(message);
    }
}

void Session::handle_welcome(const Welcome& welcome) {
    std::string fault;
    if (!welcome.resumed) mirror_.forget(listener_);
    if (state_ != State::greeting) return;
    if (!mirror_.apply(welcome.space.value_or(Space{}), fault)) return start_anew(fault);
    state_ = State::live;
    welcome_ = welcome;
    revision_ = welcome.revision.value_or(Revision{});
    recording_ = welcome.recording.value_or(Recording{});
    takes_.clear();
    jobs_.clear();
    for (const Take& take : welcome.takes) takes_[take.number] = take;
    const std::uint64_t link = link_;
    listener_.on_connected(welcome_);
    if (link == link_ && state_ == State::live) listener_.on_space();
    if (link == link_ && state_ == State::live) listener_.on_revision(revision_);
}

void Session::handle_error(const Error& error, std::uint64_t request_id) {
    const bool asked = replies_.count(request_id) != 0;
    const std::uint64_t link = link_;
    if (asked) {
        Reply reply;
        reply.error = error;
        answer(request_id, reply);
    }
    if (link != link_ || (state_ != State::greeting && state_ != State::live)) return;
    if (error.fatal && is_final(error.code)) {
        transport_.close();
        end_link(error.message, State::idle);
        listener_.on_refused(error);
    } else if (!asked) {
        listener_.on_error(error);
    }
}

// Applies parts until one ends the link.
void Session::take_parts(const ChunkPart* parts, std::size_t count) {
    const std::uint64_t link = link_;
    std::uint64_t taken_bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::string fault;
        if (!mirror_.apply(parts[i], listener_, fault)) return start_anew(fault);
        taken_bytes += parts[i].data.size;
        if (link != link_ || state_ != State::live) return;
    }
    give_credit(taken_bytes);
}

void Session::give_credit(std::uint64_t bytes) {
    owed_bytes_ += bytes;
    if (owed_bytes_ < std::min(options_.credit_bytes / 8, credit_step_bytes)) return;
    send({0, Credit{owed_bytes_}});
    owed_bytes_ = 0;
}

// Keeps the newest news and passes it on.
void Session::note(const ServerMessage& message) {
    const ServerBody& body = message.body;
    if (const auto* done = std::get_if<Done>(&body)) {
        Reply reply;
        reply.ok = true;
        reply.done = *done;
        answer(message.request_id, reply);
    } else if (const auto* revision = std::get_if<Revision>(&body)) {
        revision_ = *revision;
        listener_.on_revision(*revision);
    } else if (const auto* progress = std::get_if<Progress>(&body)) {
        Progress& kept = jobs_[progress->job] = *progress;
        kept.preview.reset(); // its bytes are the message's
        listener_.on_progress(*progress);
    } else if (const auto* take = std::get_if<Take>(&body)) {
        takes_[take->number] = *take;
        listener_.on_take(*take);
    } else if (const auto* frame = std::get_if<TakeFrame>(&body)) {
        listener_.on_take_frame(*frame, message.request_id);
    } else if (const auto* projection = std::get_if<LiveProjection>(&body)) {
        listener_.on_live_projection(*projection);
    } else if (const auto* recording = std::get_if<Recording>(&body)) {
        recording_ = *recording;
        listener_.on_recording(*recording);
    } else if (const auto* pong = std::get_if<Pong>(&body)) {
        listener_.on_pong(*pong);
    }
}

}  // namespace spatia
