// Lets a test drive the Unreal modules, built against the stubs: commands and answers as in ../cores/driver.cpp; which there are stands
// in ../unreal_module.py.
#include <cstdio>
#include <memory>

#include "Spatia/Fields.h"
#include "SpatiaBake.h"
#include "SpatiaBridgeComponent.h"
#include "SpatiaCameraRig.h"
#include "SpatiaCapture.h"
#include "SpatiaConvert.h"
#include "SpatiaMemoryActor.h"
#include "SpatiaMemoryComponent.h"
#include "SpatiaOptics.h"
#include "SpatiaPath.h"
#include "SpatiaRegion.h"
#include "SpatiaRegionEdit.h"
#include "SpatiaSequencer.h"
#include "Stub/Lidar.h"
#include "Stub/MovieScene.h"
#include "Stub/WebSockets.h"
#include "posix_websocket.h"

namespace spatia {

struct Command {
    std::string what, text, session;
    std::vector<double> numbers;
    ByteView data, more;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("do", m.what), visit("text", m.text), visit("session", m.session), visit("numbers", m.numbers), visit("data", m.data);
        visit("more", m.more);
    }
};

struct Answer {
    std::vector<double> numbers;
    std::vector<std::string> texts;
    Bytes data, more;
    bool flag = false;
    template <class Self, class Visit>
    static void fields(Self& m, Visit& visit) {
        visit("numbers", m.numbers), visit("texts", m.texts), visit("data", m.data), visit("more", m.more), visit("flag", m.flag);
    }
};

}  // namespace spatia

namespace {

using spatia::Answer;
using spatia::Command;

constexpr SIZE_T FragmentBytes = 1000;  // what libwebsockets hands over at a time is as arbitrary

// A socket of the engine on a real one; each message is told in pieces.
class FLiveSocket final : public IWebSocket, private spatia::TransportEvents {
public:
    explicit FLiveSocket(const FString& InUrl) : Url(StubUtf8(*InUrl)) { All.push_back(this); }
    virtual ~FLiveSocket() override { All.erase(std::find(All.begin(), All.end(), this)); }
    virtual void Connect() override { Socket.open(Url, *this); }
    virtual void Close(int32, const FString&) override { Socket.close(); }
    virtual bool IsConnected() override { return true; }
    virtual void Send(const void* Data, SIZE_T Size, bool bIsBinary) override {
        check(bIsBinary);
        const auto* First = static_cast<const std::uint8_t*>(Data);
        Socket.send(spatia::Bytes(First, First + Size));
    }
    virtual FWebSocketConnectedEvent& OnConnected() override { return Connected; }
    virtual FWebSocketConnectionErrorEvent& OnConnectionError() override { return Error; }
    virtual FWebSocketClosedEvent& OnClosed() override { return Closed; }
    virtual FWebSocketBinaryMessageEvent& OnBinaryMessage() override { return Message; }
    void Poll() { Socket.poll(5); }
    inline static std::vector<FLiveSocket*> All;

private:
    virtual void on_open() override { Connected.Broadcast(); }
    virtual void on_packet(spatia::ByteView Packet) override {
        for (SIZE_T At = 0; At < Packet.size; At += FragmentBytes) {
            const SIZE_T Size = std::min(FragmentBytes, Packet.size - At);
            Message.Broadcast(Packet.data + At, Size, At + Size == Packet.size);
        }
    }
    virtual void on_closed(const std::string& Reason) override { Closed.Broadcast(1006, FString(Reason.c_str()), false); }

    std::string Url;
    spatia::PosixWebSocket Socket;
    FWebSocketConnectedEvent Connected;
    FWebSocketConnectionErrorEvent Error;
    FWebSocketClosedEvent Closed;
    FWebSocketBinaryMessageEvent Message;
};

// A server that is not there.
class FDeadSocket final : public IWebSocket {
public:
    virtual void Connect() override { Error.Broadcast(FString("nobody answers there")); }  // at once, from within the call
    virtual void Close(int32, const FString&) override {}
    virtual bool IsConnected() override { return false; }
    virtual void Send(const void*, SIZE_T, bool) override {}
    virtual FWebSocketConnectedEvent& OnConnected() override { return Connected; }
    virtual FWebSocketConnectionErrorEvent& OnConnectionError() override { return Error; }
    virtual FWebSocketClosedEvent& OnClosed() override { return Closed; }
    virtual FWebSocketBinaryMessageEvent& OnBinaryMessage() override { return Message; }

private:
    FWebSocketConnectedEvent Connected;
    FWebSocketConnectionErrorEvent Error;
    FWebSocketClosedEvent Closed;
    FWebSocketBinaryMessageEvent Message;
};

FTransform PoseAt(const std::vector<double>& N, std::size_t At) {
    FQuat Turn(N.at(At + 3), N.at(At + 4), N.at(At + 5), N.at(At + 6));
    Turn.Normalize();
    return FTransform(Turn, FVector(N.at(At), N.at(At + 1), N.at(At + 2)));
}
FTransform PlaceAt(const std::vector<double>& N, std::size_t At) {  // seven of a pose, three of scale
    const FTransform Pose = PoseAt(N, At);
    return FTransform(Pose.GetRotation(), Pose.GetLocation(), FVector(N.at(At + 7), N.at(At + 8), N.at(At + 9)));
}
void Put(std::vector<double>& N, const FVector& V) { N.insert(N.end(), {V.X, V.Y, V.Z}); }
void Put(std::vector<double>& N, const FTransform& Pose) {
    const FQuat Turn = Pose.GetRotation();
    Put(N, Pose.GetLocation());
    N.insert(N.end(), {Turn.X, Turn.Y, Turn.Z, Turn.W});
}
void Put(std::vector<double>& N, const FSpatiaCamera& C) {
    Put(N, C.Pose);
    N.insert(N.end(), {C.Fx, C.Fy, C.Cx, C.Cy, static_cast<double>(C.Width), static_cast<double>(C.Height)});
}
template <class T>
void Append(spatia::Bytes& Out, const T& Value) {
    const auto* First = reinterpret_cast<const std::uint8_t*>(&Value);
    Out.insert(Out.end(), First, First + sizeof Value);
}

class FDriver final : public UObject {
public:
    FDriver() {
        World = NewObject<UWorld>();
        World->Viewport = NewObject<UGameViewportClient>(World);
        USpatiaRegionEdit::Said.AddLambda([this](const FString& Text) { Events.push_back("said: " + StubUtf8(*Text)); });
    }

    Answer Do(const Command& C) {
        Answer A;
        const std::vector<double>& N = C.numbers;
        if (C.what == "optics") Optics(N, A);
        if (C.what == "camera") Camera(C, A);
        if (C.what == "region") Region(N, A);
        if (C.what == "waits") Waits(A);
        if (C.what == "open") Open(C);
        if (C.what == "leave") Bridge->DisconnectFromServer();
        if (C.what == "place") Actor->SetActorTransform(PlaceAt(N, 0));
        if (C.what == "state") State(A);
        if (C.what == "ask") A.numbers = {static_cast<double>(Ask(C))};
        if (C.what == "points") Points(A);
        if (C.what == "bake") Bake(A);
        if (C.what == "commit") Edit = USpatiaRegionEdit::Commit(Bridge, static_cast<ESpatiaEdit>(N.at(0)), RegionOf(N, 1), FColor(255, 0, 0));
        if (C.what == "editor undo") FStubTransaction::Step(FStubTransaction::Undos, FStubTransaction::Redos);
        if (C.what == "editor redo") FStubTransaction::Step(FStubTransaction::Redos, FStubTransaction::Undos);
        if (C.what == "sequencer") Sequencer(N, A);
        if (C.what == "play") Play(N, A);
        return A;
    }

private:
    static void Optics(const std::vector<double>& N, Answer& A) {
        spatia::Optics O{N.at(0), N.at(1), N.at(2) != 0, static_cast<spatia::AspectAxis>(N.at(3)), N.at(4), N.at(5)};
        const auto K = spatia::intrinsics_of(O, static_cast<std::uint32_t>(N.at(6)), static_cast<std::uint32_t>(N.at(7)));
        if (K) A.numbers = {K->fx, K->fy, K->cx, K->cy, static_cast<double>(K->width), static_cast<double>(K->height)};
    }

    // Viewport, ten of the memory's place, seven of the camera's; then what the kind of camera has.
    void Camera(const Command& C, Answer& A) {
        const std::vector<double>& N = C.numbers;
        World->Viewport->StubSize = FVector2D(N.at(0), N.at(1));
        ASpatiaMemoryActor* Memory = World->SpawnActor<ASpatiaMemoryActor>();
        Memory->SetActorTransform(PlaceAt(N, 2));
        AActor* Holder = World->SpawnActor<AActor>();
        UCameraComponent* Made = nullptr;
        if (C.text == "cine") {
            auto* Cine = Holder->CreateDefaultSubobject<UCineCameraComponent>(TEXT("Camera"));
            Cine->Filmback = {static_cast<float>(N.at(19)), static_cast<float>(N.at(20))};
            Cine->CurrentFocalLength = static_cast<float>(N.at(21));
            Cine->LensSettings.SqueezeFactor = static_cast<float>(N.at(22));
            Cine->CropSettings.AspectRatio = static_cast<float>(N.at(23));
            Cine->bConstrainAspectRatio = N.at(24) != 0;
            Made = Cine;
        } else {
            Made = Holder->CreateDefaultSubobject<UCameraComponent>(TEXT("Camera"));
            Made->FieldOfView = static_cast<float>(N.at(19));
            Made->AspectRatio = static_cast<float>(N.at(20));
            Made->ProjectionMode = N.at(22) != 0 ? ECameraProjectionMode::Orthographic : ECameraProjectionMode::Perspective;
        }
        Made->bOverrideAspectRatioAxisConstraint = C.text != "cine" && N.at(21) >= 0;
        if (Made->bOverrideAspectRatioAxisConstraint) Made->AspectRatioAxisConstraint = static_cast<EAspectRatioAxisConstraint>(N.at(21));
        Holder->SetRootComponent(Made);
        Holder->SetActorTransform(PoseAt(N, 12));
        USpatiaCameraRig* Rig = NewObject<USpatiaCameraRig>(Holder);
        Rig->Bridge = Memory->Bridge;
        Put(A.numbers, Rig->CameraNow());
    }

    FSpatiaRegionShape RegionOf(const std::vector<double>& N, std::size_t At) {  // shape, ten of place, size, radius
        ASpatiaRegion* Made = World->SpawnActor<ASpatiaRegion>();
        Made->Shape = static_cast<ESpatiaShape>(N.at(At));
        Made->SetActorTransform(PlaceAt(N, At + 1));
        Made->Size = FVector(N.at(At + 11), N.at(At + 12), N.at(At + 13));
        Made->Radius = N.at(At + 14);
        Made->OnConstruction(Made->GetActorTransform());
        return Made->Message(Bridge);
    }

    void Region(const std::vector<double>& N, Answer& A) {
        const FSpatiaRegionShape Found = RegionOf(N, 0);
        A.numbers.push_back(static_cast<double>(Found.Shape));
        Put(A.numbers, Found.Pose);
        Put(A.numbers, Found.HalfSize);
        A.numbers.push_back(Found.Radius);
    }

    // How long it waits before each try where nobody answers, on a clock of its own.
    void Waits(Answer& A) {
        const auto Usual = FWebSocketsModule::Get().StubMake;
        FWebSocketsModule::Get().StubMake = [](const FString&, const FString&) -> TSharedRef<IWebSocket> {
            return TSharedRef<IWebSocket>(std::make_shared<FDeadSocket>());
        };
        ASpatiaMemoryActor* Made = World->SpawnActor<ASpatiaMemoryActor>();
        Made->Bridge->OnReconnecting.AddLambda([&](double Secs, int32) { A.numbers.push_back(Secs); });
        Made->Bridge->BeginPlay();
        while (A.numbers.size() < 12) {
            FTSTicker::GetCoreTicker().Tick(0.1f);
            FPlatformTime::Offset() += 0.1;
        }
        Made->Bridge->EndPlay(EEndPlayReason::EndPlayInEditor);
        A.flag = !Made->Bridge->IsWanted();
        FWebSocketsModule::Get().StubMake = Usual;
    }

    void Open(const Command& C) {
        FWebSocketsModule::Get().StubMake = [](const FString& Url, const FString& Protocol) -> TSharedRef<IWebSocket> {
            check(StubUtf8(*Protocol) == spatia::subprotocol);
            return TSharedRef<IWebSocket>(std::make_shared<FLiveSocket>(Url));
        };
        if (Actor == nullptr) {
            Actor = World->SpawnActor<ASpatiaMemoryActor>();
            Bridge = Actor->Bridge;
            Listen();
        }
        Bridge->Url = FString(C.text.c_str());
        Bridge->Session = FString(C.session.c_str());
        Synced = -1;  // of another session
        Bridge->ConnectToServer();
    }

    void Listen() {
        Bridge->OnConnected.AddLambda([this](bool bResumed) { Events.push_back(bResumed ? "resumed" : "connected"); });
        Bridge->OnDisconnected.AddLambda([this](const FString& Reason) { Events.push_back("disconnected: " + StubUtf8(*Reason)); });
        Bridge->OnReconnecting.AddLambda([this](double, int32 Attempt) { Events.push_back("waiting " + std::to_string(Attempt)); });
        Bridge->OnProgressed.AddLambda([this](const FSpatiaProgress& P) {
            Events.push_back("stage " + std::to_string(static_cast<int>(P.Stage)) + " " + StubUtf8(*P.Error.Message));
        });
        Bridge->OnSynced.AddLambda([this](int64 Revision) {
            Events.push_back("synced");
            Synced = Revision;
        });
        Bridge->OnErrorReported.AddLambda([this](const FSpatiaError& E) { Events.push_back("error: " + StubUtf8(*E.Message)); });
        Bridge->OnRefused.AddLambda([this](const FSpatiaError& E) { Events.push_back("refused: " + StubUtf8(*E.Code)); });
        Bridge->OnFrameReceived.AddLambda([this](int32, int32, UTexture2D* Texture, const FSpatiaCamera& Camera) {
            Frame = Texture->StubFile;
            FrameCamera = Camera;
            ++Frames;
        });
    }

    // A frame of the engine, then how things stand.
    void State(Answer& A) {
        const std::vector<FLiveSocket*> Sockets = FLiveSocket::All;
        for (FLiveSocket* Each : Sockets) Each->Poll();
        FTSTicker::GetCoreTicker().Tick(0.016f);
        Actor->Memory->TickComponent(0.016f, LEVELTICK_All, nullptr);
        const auto& Mirror = Bridge->Mirror();
        A.flag = Bridge->IsConnectedToServer() && Mirror.clean() && Actor->Memory->IsUpToDate();
        A.numbers = {static_cast<double>(Synced), static_cast<double>(Mirror.points()), static_cast<double>(Actor->Memory->ShownPoints()),
                     static_cast<double>(Mirror.chunks()), static_cast<double>(Frames)};
        A.texts.swap(Events);
        A.data.assign(Mirror.digest().begin(), Mirror.digest().end());
        A.more.assign(Frame.GetData(), Frame.GetData() + Frame.Num());
    }

    int Ask(const Command& C) {
        const std::vector<double>& N = C.numbers;
        USpatiaReply* Reply = nullptr;
        if (C.text == "remove") Reply = Bridge->RemoveRegion(RegionOf(N, 0));
        if (C.text == "recolour") Reply = Bridge->RecolourRegion(RegionOf(N, 0), FColor(10, 200, 30));
        if (C.text == "undo") Reply = Bridge->Undo();
        if (C.text == "accept") Reply = Bridge->AcceptTake(static_cast<int32>(N.at(0)));
        if (C.text == "seed") Reply = Seed(C);
        if (C.text == "generate") Reply = Generate(N);
        check(Reply != nullptr);
        const int Number = ++Asked;
        USpatiaWaitForReply* Node = USpatiaWaitForReply::WaitForReply(Reply);
        const auto Tell = [this, Number](const FSpatiaResult& R) {
            Events.push_back("reply " + std::to_string(Number) + " " + std::to_string(R.Revision) + " " + StubUtf8(*R.Error.Code));
        };
        Node->Done.AddLambda(Tell);
        Node->Failed.AddLambda(Tell);
        Node->Activate();
        return Number;
    }

    // Views of places (seven numbers each): BGRA colours and float depths, one after the other, as a scene capture would read them.
    USpatiaReply* Seed(const Command& C) {
        const auto Width = static_cast<int32>(C.numbers.at(0)), Height = static_cast<int32>(C.numbers.at(1));
        const auto Pixels = static_cast<std::size_t>(Width) * static_cast<std::size_t>(Height);
        TArray<FTransform> Places;
        for (std::size_t At = 3; At < C.numbers.size(); At += 7) Places.Add(PoseAt(C.numbers, At));
        std::size_t View = 0;
        USceneCaptureComponent2D::StubScene = [&](USceneCaptureComponent2D& Camera) {
            check(Camera.StubHidden.size() == 1 && Camera.StubHidden[0] == Actor);  // memory does not seed itself
            FTextureRenderTargetResource& Into = Camera.TextureTarget->Resource;
            const FTransform Seen = Camera.GetComponentTransform(), Wanted = Places[static_cast<int32>(View)];
            check(FVector::Dist(Seen.GetLocation(), Wanted.GetLocation()) < 1e-9);
            if (Camera.CaptureSource == SCS_FinalColorLDR) {
                check(Camera.TextureTarget->RenderTargetFormat == RTF_RGBA8);
                Into.Colours = TArray<FColor>(reinterpret_cast<const FColor*>(C.data.data) + View * Pixels, static_cast<int32>(Pixels));
            } else {
                check(Camera.TextureTarget->RenderTargetFormat == RTF_RGBA32f);
                Into.Values.Reset();
                for (std::size_t i = 0; i < Pixels; ++i) {
                    FLinearColor Value;
                    std::memcpy(&Value.R, C.more.data + (View * Pixels + i) * sizeof(float), sizeof(float));
                    Into.Values.Add(Value);
                }
                ++View;
            }
        };
        const TArray<FSpatiaView> Views = USpatiaCapture::Views(World, Bridge, Places, C.numbers.at(2), Width, Height);
        USceneCaptureComponent2D::StubScene = nullptr;
        return Bridge->SeedViews(Views);
    }

    USpatiaReply* Generate(const std::vector<double>& N) {  // a straight path from one place to another in 1.5 s
        FSpatiaPath Path;
        Path.Poses.Add({0.0, PoseAt(N, 0)});
        Path.Poses.Add({1.5, PoseAt(N, 7)});
        FSpatiaCamera Like;
        Like.Fx = Like.Fy = 60;
        Like.Cx = 48, Like.Cy = 32;
        Like.Width = 96, Like.Height = 64;
        FSpatiaGenerateOptions Options;
        Options.Width = 96, Options.Height = 64;
        return Bridge->Generate(TEXT("a room"), Options, Path.Cameras(Like));
    }

    // World positions and colours of everything that the LiDAR clouds show.
    void Points(Answer& A) {
        for (const ULidarPointCloudComponent* Each : ULidarPointCloudComponent::StubAllClouds) {
            if (!IsValid(Each) || Each->GetOwner() != Actor) continue;
            const ULidarPointCloud& Cloud = *Each->GetPointCloud();
            check(Cloud.bDynamic && Cloud.StubRefreshes > 0);
            A.numbers.push_back(Cloud.StubChanges);
            Show(A, Cloud, Each->GetComponentTransform());
        }
    }
    static void Show(Answer& A, const ULidarPointCloud& Cloud, const FTransform& Placed) {
        for (const FLidarPointCloudPoint& P : Cloud.Points) {
            const FVector At = Placed.TransformPosition(Cloud.StubPlace(P));
            for (double Each : {At.X, At.Y, At.Z}) Append(A.data, Each);
            for (uint8 Each : {P.Color.R, P.Color.G, P.Color.B}) A.more.push_back(Each);
        }
    }

    void Bake(Answer& A) {
        const ULidarPointCloud* Cloud = SpatiaBake::ToAsset(*Actor->Memory, TEXT("/Game/Spatia/MyLevel"));
        A.flag = Cloud != nullptr && FAssetRegistryModule::StubCreated == Cloud && StubUtf8(*Cloud->StubName.ToString()) == "MyLevel";
        if (Cloud != nullptr) Show(A, *Cloud, Actor->Memory->GetComponentTransform());
    }

    // Ten of memory's place, then (secs, pose) each: into a sequence and out again, at 30 a second.
    void Sequencer(const std::vector<double>& N, Answer& A) {
        const FTransform WorldFromMemory = PlaceAt(N, 0);
        FSpatiaPath Path;
        for (std::size_t At = 10; At < N.size(); At += 8) Path.Poses.Add({N.at(At), PoseAt(N, At + 1)});
        ULevelSequence* Sequence = NewObject<ULevelSequence>();
        AActor* Camera = World->SpawnActor<AActor>();
        Camera->Label = TEXT("CineCamera");
        AActor* Other = World->SpawnActor<AActor>();
        Other->Label = TEXT("Other");
        check(SpatiaSequencer::ReadPath(*Sequence, *Camera, WorldFromMemory).Poses.Num() == 0);
        for (int i = 0; i < 2; ++i) A.flag = SpatiaSequencer::WritePath(*Sequence, *Camera, Path, WorldFromMemory);
        check(Sequence->StubBound.size() == 1 && SpatiaSequencer::ReadPath(*Sequence, *Other, WorldFromMemory).Poses.Num() == 0);
        for (const FSpatiaPathPose& Each : SpatiaSequencer::ReadPath(*Sequence, *Camera, WorldFromMemory).Poses) {
            A.numbers.push_back(Each.TimeSecs);
            Put(A.numbers, Each.Pose);
        }
        FGuid First;
        First.A = 1;
        auto* Track = Sequence->GetMovieScene()->FindTrack<UMovieScene3DTransformTrack>(First);
        check(Track->GetAllSections().Num() == 1);
        for (const auto& [At, Yaw] : Track->GetAllSections()[0]->GetChannelProxy().Channels[5]->Keys) A.texts.push_back(std::to_string(Yaw));
    }

    // Records a flight through the rig (a pose a frame of 0.1 s), plays it again: where the camera was, each frame.
    void Play(const std::vector<double>& N, Answer& A) {
        ASpatiaMemoryActor* Memory = World->SpawnActor<ASpatiaMemoryActor>();
        Memory->SetActorTransform(PlaceAt(N, 0));
        AActor* Flown = World->SpawnActor<AActor>();
        Flown->SetRootComponent(Flown->CreateDefaultSubobject<UCameraComponent>(TEXT("Camera")));
        USpatiaCameraRig* Rig = NewObject<USpatiaCameraRig>(Flown);
        Rig->Bridge = Memory->Bridge;
        USpatiaPathRecorder* Recorder = NewObject<USpatiaPathRecorder>(Flown);
        Recorder->Rig = Rig;
        Recorder->OnPlayed.AddLambda([&] { A.flag = true; });
        Recorder->StartRecording();
        for (std::size_t At = 10; At < N.size(); At += 7) {
            Flown->SetActorTransform(PoseAt(N, At));
            Recorder->TickComponent(0.1f, LEVELTICK_All, nullptr);
        }
        Recorder->Play();
        for (std::size_t At = 10; At + 7 < N.size(); At += 7) {
            check(!A.flag);
            Recorder->TickComponent(0.1f, LEVELTICK_All, nullptr);
            Put(A.numbers, Flown->GetActorTransform());
        }
    }

    UWorld* World = nullptr;
    ASpatiaMemoryActor* Actor = nullptr;
    USpatiaBridgeComponent* Bridge = nullptr;
    USpatiaRegionEdit* Edit = nullptr;
    std::vector<std::string> Events;
    int64 Synced = -1;
    int Asked = 0, Frames = 0;
    TArray<uint8> Frame;
    FSpatiaCamera FrameCamera;
};

bool Read(std::uint8_t* Into, std::size_t Size) { return std::fread(Into, 1, Size, stdin) == Size; }

}  // namespace

int main() {
    FDriver& Driver = *NewObject<FDriver>();
    std::uint8_t Head[4];
    while (Read(Head, 4)) {
        spatia::Bytes Data(std::size_t{Head[0]} << 24 | std::size_t{Head[1]} << 16 | std::size_t{Head[2]} << 8 | Head[3]);
        if (!Read(Data.data(), Data.size())) return 1;
        spatia::MsgpackReader In(Data);
        spatia::FieldReader Fields(In);
        Command Asked;
        Fields.read(Asked);
        check(In.at_end());
        spatia::MsgpackWriter Writer;
        spatia::FieldWriter(Writer).write(Driver.Do(Asked));
        const spatia::Bytes Out = Writer.take();
        const auto Size = static_cast<std::uint32_t>(Out.size());
        for (int Shift = 24; Shift >= 0; Shift -= 8) std::fputc(static_cast<int>(Size >> Shift & 0xFF), stdout);
        std::fwrite(Out.data(), 1, Out.size(), stdout);
        std::fflush(stdout);
    }
    for (auto& Each : UObject::StubAll) Each->BeginDestroy();
    UObject::StubAll.clear();
    return 0;
}
