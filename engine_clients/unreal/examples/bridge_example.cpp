// A whole client on a page: bridge_example [URL] [SESSION]
//
// Connects, waits until it holds all of memory, puts a small red pillar into the scene, has a clip generated past it, fetches the
// clip's first frame by number, throws the clip away and takes the pillar back out.
#include <chrono>
#include <cstdio>
#include <fstream>

#include "Spatia/Session.h"
#include "posix_websocket.h"

namespace {

using namespace spatia;

class Printer : public SessionListener {
public:
    void on_connected(const Welcome& welcome) override {
        std::printf("connected to \"%s\", %s\n", welcome.session.c_str(), welcome.resumed ? "resumed" : "from scratch");
    }
    void on_disconnected(const std::string& reason) override { std::printf("disconnected: %s\n", reason.c_str()); }
    void on_refused(const Error& error) override { std::printf("refused: %s (%s)\n", error.message.c_str(), error.remedy.c_str()); }
    void on_error(const Error& error) override { std::printf("error: %s (%s)\n", error.message.c_str(), error.remedy.c_str()); }
    void on_progress(const Progress& progress) override {
        std::printf("job %llu: %s %u of %u\n", static_cast<unsigned long long>(progress.job),
                    EnumNames<Stage>::names[static_cast<std::size_t>(progress.stage)], progress.done, progress.total);
    }
    void on_take_frame(const TakeFrame& frame, std::uint64_t) override {
        if (!frame.colour) return;
        std::ofstream file("frame.jpg", std::ios::binary);
        file.write(reinterpret_cast<const char*>(frame.colour->data.data), static_cast<std::streamsize>(frame.colour->data.size));
        std::printf("frame %u of take %u is in frame.jpg, %zu bytes\n", frame.number, frame.take, frame.colour->data.size);
    }
};

// Moves the link until a condition holds; false if it does not in time, or the link is over.
template <class Condition>
bool until(PosixWebSocket& socket, Session& session, double seconds, Condition condition) {
    const auto start = std::chrono::steady_clock::now();
    while (!condition()) {
        const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
        session.tick(now.count());
        socket.poll(20);
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        if (passed.count() > seconds || session.state() == Session::State::idle) return false;
    }
    return true;
}

// Asks, waits, and tells what came of it.
Reply ask(PosixWebSocket& socket, Session& session, const char* what, ClientBody body) {
    Reply answer;
    bool answered = false;
    session.request(std::move(body), [&](const Reply& reply) { answer = reply, answered = true; });
    if (!until(socket, session, 300, [&] { return answered; })) answer.error.message = "no answer";
    std::printf("%s: %s\n", what, answer.ok ? "done" : answer.error.message.c_str());
    return answer;
}

Camera camera(double x, double time_secs) {  // OpenCV axes: it looks along +z
    return {Pose{Vector3{x, 0, -1}, Quaternion{0, 0, 0, 1}}, Intrinsics{100, 100, 80, 48, 160, 96}, time_secs};
}

}  // namespace

int main(int count, char** words) {
    SessionOptions options;
    if (count > 1) options.url = words[1];
    if (count > 2) options.session = words[2];
    options.reconnect = false;
    Printer printer;
    PosixWebSocket socket;
    Session session(options, socket, printer);
    session.open();
    if (!until(socket, session, 60, [&] { return session.mirror().clean(); })) return 1;
    std::printf("%llu points in %zu chunks\n", static_cast<unsigned long long>(session.mirror().points()), session.mirror().chunks());

    std::vector<float> positions;
    Bytes rgb;
    for (int i = 0; i < 4000; ++i) {
        positions.insert(positions.end(), {0.01f * static_cast<float>(i % 20), 0.01f * static_cast<float>(i / 400) - 0.2f,
                                           1.0f + 0.01f * static_cast<float>(i / 20 % 20)});
        rgb.insert(rgb.end(), {220, 30, 30});
    }
    const float diameter = 0.01f;
    Insert pillar;
    pillar.count = 4000;
    pillar.positions = {reinterpret_cast<const std::uint8_t*>(positions.data()), positions.size() * sizeof(float)};
    pillar.rgb = rgb;
    pillar.diameters = {reinterpret_cast<const std::uint8_t*>(&diameter), sizeof diameter};
    const Reply inserted = ask(socket, session, "insert", Edit{pillar});
    if (!inserted.ok) return 1;
    until(socket, session, 60, [&] { return session.mirror().clean() && session.mirror().synced_revision() >= inserted.done.revision; });
    std::printf("now %llu points\n", static_cast<unsigned long long>(session.mirror().points()));

    Generate clip;
    clip.prompt = "a pillar";
    clip.trajectory = Trajectory{{camera(-0.2, 0), camera(0.2, 1.5)}};
    clip.clips = 1;
    clip.width = 160;
    clip.height = 96;
    const Reply begun = ask(socket, session, "generate", clip);
    const auto stage = [&] {
        const auto job = session.jobs().find(begun.done.job);
        return job == session.jobs().end() ? Stage::unspecified : job->second.stage;
    };
    // The take of the last clip waits for a decision, the job does not.
    until(socket, session, 300, [&] { return !begun.ok || stage() == Stage::done || stage() == Stage::failed; });
    const bool made = stage() == Stage::done;
    if (made) {
        const std::uint32_t take = session.jobs().at(begun.done.job).take;
        FetchFrames first;
        first.take = take;
        first.count = 1;
        ask(socket, session, "fetch", first);
        ask(socket, session, "discard", Discard{take});
    }
    const bool undone = ask(socket, session, "undo", Undo{}).ok;
    session.close();
    return made && undone ? 0 : 1;
}
