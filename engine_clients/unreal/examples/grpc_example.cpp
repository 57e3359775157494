// A whole client over gRPC on a page: grpc_example [HOST:PORT] [SESSION]
//
// Connects, holds all of memory checked by hash, puts a small red pillar into the scene, sees it arrive and takes it back out.
// Messages are protobuf's own; of the protocol core it uses the point mirror alone, which knows no transport.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <vector>

#include "Spatia/PointMirror.h"
#include "bridge.grpc.pb.h"

namespace {

namespace v1 = spatia::v1;

spatia::ByteView view(const std::string& bytes) { return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}; }

spatia::ChunkIndex index_of(const v1::ChunkIndex& index) { return {index.level(), index.x(), index.y(), index.z()}; }

spatia::ChunkPart part_of(const v1::ChunkPart& part) {  // its views hold as long as the message
    return {index_of(part.index()),
            part.total_points(),
            part.first(),
            part.count(),
            part.compression() == v1::COMPRESSION_GZIP ? spatia::Compression::gzip : spatia::Compression::none,
            part.raw_size(),
            view(part.data()),
            view(part.packed_hash())};
}

class Client {
public:
    explicit Client(const std::string& target)
        : stub_(v1::Bridge::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()))),
          stream_(stub_->Connect(&context_)) {}

    // Sends a request; its number.
    std::uint64_t ask(v1::ClientMessage message) {
        message.set_request_id(++requests_);
        stream_->Write(message);
        return requests_;
    }

    // Takes messages until a condition holds; false: the stream or the trust in it ended before.
    template <class Condition>
    bool until(Condition condition) {
        v1::ServerMessage message;
        while (!condition()) {
            if (!stream_->Read(&message) || !take(message)) return false;
        }
        return true;
    }

    // Waits until the request is answered and memory is exactly the revision that it made.
    bool done(const char* what, std::uint64_t request) {
        const bool well = until([&] { return answered_ >= request && mirror_.clean() && mirror_.synced_revision() >= made_; });
        std::printf("%s: %s\n", what, well ? "done" : fault_.c_str());
        return well;
    }

    // Leaves in good order.
    void close() {
        stream_->WritesDone();
        for (v1::ServerMessage message; stream_->Read(&message);) {}
        stream_->Finish();
    }

    const spatia::PointMirror& mirror() const { return mirror_; }

private:
    bool take(const v1::ServerMessage& message) {
        switch (message.body_case()) {
            case v1::ServerMessage::kWelcome:
                answered_ = message.request_id();
                return true;
            case v1::ServerMessage::kDone:
                answered_ = message.request_id();
                made_ = message.done().revision();
                return true;
            case v1::ServerMessage::kError:
                fault_ = message.error().message() + " (" + message.error().remedy() + ")";
                return false;
            case v1::ServerMessage::kChunkPart:
                return take(message.chunk_part());
            case v1::ServerMessage::kChunkParts:
                for (const v1::ChunkPart& part : message.chunk_parts().parts()) {
                    if (!take(part)) return false;
                }
                return true;
            case v1::ServerMessage::kChunksRemoved: {
                spatia::ChunksRemoved removed;
                for (const v1::ChunkIndex& index : message.chunks_removed().indexes()) removed.indexes.push_back(index_of(index));
                mirror_.apply(removed, nobody_);
                return true;
            }
            case v1::ServerMessage::kSynced:
                return mirror_.apply(spatia::Synced{message.synced().revision(), view(message.synced().digest())}, fault_);
            default:
                return true;
        }
    }

    // Takes points and lets the server send as many bytes more.
    bool take(const v1::ChunkPart& part) {
        if (!mirror_.apply(part_of(part), nobody_, fault_)) return false;
        v1::ClientMessage credit;
        credit.mutable_credit()->set_bytes(part.data().size());
        return stream_->Write(credit);
    }

    grpc::ClientContext context_;
    std::unique_ptr<v1::Bridge::Stub> stub_;
    std::unique_ptr<grpc::ClientReaderWriter<v1::ClientMessage, v1::ServerMessage>> stream_;
    spatia::PointMirror mirror_;
    spatia::MirrorListener nobody_;
    std::uint64_t requests_ = 0, answered_ = 0, made_ = 0;
    std::string fault_ = "the server ended the stream";
};

v1::ClientMessage hello(const std::string& session) {
    v1::ClientMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(1);
    hello.set_client_name("c++ grpc");
    hello.set_engine(v1::ENGINE_OPENCV);
    hello.set_session(session);
    hello.set_create(true);
    hello.add_compressions(v1::COMPRESSION_GZIP);
    hello.set_credit_bytes(4 << 20);
    hello.set_batch_chunks(true);
    return message;
}

v1::ClientMessage pillar() {  // OpenCV axes, metres: 20 cm wide, 10 cm high, a metre ahead
    std::vector<float> positions;
    std::string rgb;
    for (int i = 0; i < 4000; ++i) {
        positions.insert(positions.end(), {0.01f * static_cast<float>(i % 20), 0.01f * static_cast<float>(i / 400) - 0.2f,
                                           1.0f + 0.01f * static_cast<float>(i / 20 % 20)});
        rgb += "\xDC\x1E\x1E";
    }
    const float diameter = 0.01f;
    v1::ClientMessage message;
    v1::Insert& insert = *message.mutable_edit()->mutable_insert();
    insert.set_count(4000);
    insert.set_positions(positions.data(), positions.size() * sizeof(float));
    insert.set_rgb(rgb);
    insert.set_diameters(&diameter, sizeof diameter);
    return message;
}

v1::ClientMessage undo() {
    v1::ClientMessage message;
    message.mutable_undo();
    return message;
}

}  // namespace

int main(int count, char** words) {
    const std::string target = count > 1 ? words[1] : "127.0.0.1:50051";
    const std::string session = count > 2 ? words[2] : "my-level";
    Client client(target);
    const auto say_points = [&] { std::printf("%llu points\n", static_cast<unsigned long long>(client.mirror().points())); };
    if (!client.done("connect", client.ask(hello(session)))) return 1;
    say_points();
    if (!client.done("insert", client.ask(pillar()))) return 1;
    say_points();
    if (!client.done("undo", client.ask(undo()))) return 1;
    say_points();
    client.close();
    return 0;
}
