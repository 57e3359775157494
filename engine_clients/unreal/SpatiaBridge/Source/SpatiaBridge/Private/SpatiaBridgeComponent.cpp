#include "SpatiaBridgeComponent.h"

#include "Engine/Texture2D.h"
#include "GameFramework/Actor.h"
#include "HAL/PlatformTime.h"
#include "ImageUtils.h"

#include "SpatiaConvert.h"
#include "SpatiaLog.h"
#include "SpatiaMemoryComponent.h"
#include "SpatiaWebSocket.h"

namespace {

// JPEG or PNG; null if it is none that can be shown.
UTexture2D* ToTexture(const std::optional<spatia::Image>& Image) {
    if (!Image || Image->data.empty()) return nullptr;
    const TArray<uint8> Data(Image->data.data, static_cast<int32>(Image->data.size));
    return FImageUtils::ImportBufferAsTexture2D(Data);
}

spatia::View ToMessage(const FSpatiaView& View) { // its bytes are the view's own
    const auto Width = static_cast<std::uint32_t>(View.Camera.Width), Height = static_cast<std::uint32_t>(View.Camera.Height);
    const spatia::ByteView Colour(View.Colour.GetData(), static_cast<std::size_t>(View.Colour.Num()));
    const spatia::ByteView Depth(reinterpret_cast<const std::uint8_t*>(View.Depth.GetData()), View.Depth.Num() * sizeof(float));
    spatia::View Message;
    Message.camera = SpatiaConvert::ToMessage(View.Camera);
    Message.colour = spatia::Image{spatia::ImageFormat::png, Width, Height, Colour};
    Message.depth = spatia::Image{spatia::ImageFormat::raw, Width, Height, Depth};
    Message.depth_convention = spatia::DepthConvention::planar;
    Message.metres_per_unit = View.MetresPerUnit;
    return Message;
}

} // namespace

/** Passes on what happens as the component's events. */
class USpatiaBridgeComponent::FLink final : public spatia::SessionListener {
public:
    explicit FLink(USpatiaBridgeComponent& Owner) : Bridge(Owner), Session(spatia::SessionOptions{}, Socket, *this) {}

    virtual void on_connected(const spatia::Welcome& Welcome) override { Bridge.OnConnected.Broadcast(Welcome.resumed); }
    virtual void on_disconnected(const std::string& Reason) override {
        Bridge.OnDisconnected.Broadcast(SpatiaConvert::ToText(Reason));
    }
    virtual void on_waiting(double Secs, int Attempt) override { Bridge.OnReconnecting.Broadcast(Secs, Attempt); }
    virtual void on_refused(const spatia::Error& Error) override { Bridge.OnRefused.Broadcast(SpatiaConvert::ToError(Error)); }
    virtual void on_error(const spatia::Error& Error) override { Bridge.OnErrorReported.Broadcast(SpatiaConvert::ToError(Error)); }
    virtual void on_revision(const spatia::Revision& Revision) override {
        Bridge.OnRevisionChanged.Broadcast(SpatiaConvert::ToRevision(Revision));
    }
    virtual void on_synced(std::uint64_t Revision) override { Bridge.OnSynced.Broadcast(static_cast<int64>(Revision)); }
    virtual void on_progress(const spatia::Progress& Progress) override {
        FSpatiaProgress Now = SpatiaConvert::ToProgress(Progress);
        Now.Preview = ToTexture(Progress.preview);
        Bridge.OnProgressed.Broadcast(Now);
    }
    virtual void on_take(const spatia::Take& Take) override { Bridge.OnTakeChanged.Broadcast(SpatiaConvert::ToTake(Take)); }
    virtual void on_recording(const spatia::Recording& Recording) override {
        Bridge.OnRecordingChanged.Broadcast(SpatiaConvert::ToRecording(Recording));
    }
    virtual void on_take_frame(const spatia::TakeFrame& Frame, std::uint64_t) override {
        UTexture2D* Texture = ToTexture(Frame.colour);
        if (Texture == nullptr) return;
        const FSpatiaCamera Camera = SpatiaConvert::ToCamera(Frame.camera.value_or(spatia::Camera{}));
        Bridge.OnFrameReceived.Broadcast(static_cast<int32>(Frame.take), static_cast<int32>(Frame.number), Texture, Camera);
    }
    virtual void on_live_projection(const spatia::LiveProjection& Projection) override {
        UTexture2D* Texture = ToTexture(Projection.colour);
        if (Texture != nullptr) Bridge.OnLiveProjectionReceived.Broadcast(Texture, Projection.coverage);
    }
    virtual void on_chunk(const spatia::ChunkIndex& Index) override {
        if (USpatiaMemoryComponent* Shown = Bridge.GetMemory()) Shown->ChunkChanged(Index);
    }
    virtual void on_cleared() override {
        if (USpatiaMemoryComponent* Shown = Bridge.GetMemory()) Shown->ShowAll();
    }
    virtual void on_space() override {
        if (USpatiaMemoryComponent* Shown = Bridge.GetMemory()) Shown->ShowAll();
    }

    USpatiaBridgeComponent& Bridge;
    FSpatiaWebSocket Socket;
    spatia::Session Session;
};

USpatiaBridgeComponent::USpatiaBridgeComponent() { PrimaryComponentTick.bCanEverTick = false; }

USpatiaBridgeComponent::FLink& USpatiaBridgeComponent::TheLink() {
    if (!Link.IsValid()) Link = MakeShared<FLink>(*this);
    return *Link;
}

// -------------------------------------------------------------------------------------------------------- connection

void USpatiaBridgeComponent::BeginPlay() {
    Super::BeginPlay();
    if (bConnectOnStart) ConnectToServer();
}

void USpatiaBridgeComponent::EndPlay(const EEndPlayReason::Type Reason) {
    DisconnectFromServer();
    Super::EndPlay(Reason);
}

void USpatiaBridgeComponent::OnComponentDestroyed(bool bDestroyingHierarchy) {
    DisconnectFromServer();
    Super::OnComponentDestroyed(bDestroyingHierarchy);
}

void USpatiaBridgeComponent::BeginDestroy() {
    FTSTicker::GetCoreTicker().RemoveTicker(Ticking);
    Link.Reset(); // a level that is closed in the editor destroys no components, it lets go of them
    Super::BeginDestroy();
}

void USpatiaBridgeComponent::ConnectToServer() {
    spatia::Session& TheSession = TheLink().Session;
    spatia::SessionOptions& Options = TheSession.options();
    const std::string To = SpatiaConvert::ToUtf8(Url), Name = SpatiaConvert::ToUtf8(Session);
    if (To != Options.url || Name != Options.session) TheSession.close(); // it may be connected elsewhere
    Options.url = To;
    Options.session = Name;
    Options.client_name = "unreal";
    Options.engine = spatia::Engine::unreal;
    Options.token = SpatiaConvert::ToUtf8(Token);
    Options.create = bCreate;
    Options.push_frames = bPushFrames;
    Options.reconnect = bReconnect;
    if (USpatiaMemoryComponent* Shown = GetMemory()) Shown->SetBridge(this);
    TheSession.open();
    StartTicking();
}

void USpatiaBridgeComponent::DisconnectFromServer() {
    if (Link.IsValid()) Link->Session.close();
}

bool USpatiaBridgeComponent::IsConnectedToServer() const {
    return Link.IsValid() && Link->Session.state() == spatia::Session::State::live;
}

bool USpatiaBridgeComponent::IsWanted() const { return Link.IsValid() && Link->Session.state() != spatia::Session::State::idle; }

// A ticker and not the component's tick, which rests in the editor while nothing moves.
void USpatiaBridgeComponent::StartTicking() {
    if (Ticking.IsValid()) return;
    Ticking = FTSTicker::GetCoreTicker().AddTicker(FTickerDelegate::CreateUObject(this, &USpatiaBridgeComponent::TickLink));
}

bool USpatiaBridgeComponent::TickLink(float) {
    TheLink().Socket.Poll();
    TheLink().Session.tick(FPlatformTime::Seconds());
    TArray<TPair<TWeakObjectPtr<USpatiaReply>, FSpatiaResult>> Failing;
    Swap(Failing, FailingSoon);
    for (const TPair<TWeakObjectPtr<USpatiaReply>, FSpatiaResult>& Each : Failing) Answer(Each.Key.Get(), Each.Value);
    return true;
}

// ---------------------------------------------------------------------------------------------------------- requests

USpatiaReply* USpatiaBridgeComponent::Ask(spatia::ClientBody Body) {
    if (!IsConnectedToServer()) return FailSoon(TEXT("UNAVAILABLE"), TEXT("there is no connection"), TEXT("connect first"));
    USpatiaReply* Reply = NewObject<USpatiaReply>(this);
    Waiting.Add(Reply);
    Link->Session.request(MoveTemp(Body), [this, Asked = TWeakObjectPtr<USpatiaReply>(Reply)](const spatia::Reply& Answered) {
        Answer(Asked.Get(), SpatiaConvert::ToResult(Answered.ok, Answered.done, Answered.error));
    });
    return Reply;
}

void USpatiaBridgeComponent::Tell(spatia::ClientBody Body) {
    if (Link.IsValid()) Link->Session.tell(MoveTemp(Body));
}

// In the next frame, so that who asked can begin to listen.
USpatiaReply* USpatiaBridgeComponent::FailSoon(const TCHAR* Code, const TCHAR* Message, const TCHAR* Remedy) {
    USpatiaReply* Reply = NewObject<USpatiaReply>(this);
    FSpatiaResult Result;
    Result.Error.Code = Code;
    Result.Error.Message = Message;
    Result.Error.Remedy = Remedy;
    Waiting.Add(Reply);
    FailingSoon.Emplace(Reply, Result);
    StartTicking();
    return Reply;
}

void USpatiaBridgeComponent::Answer(USpatiaReply* Reply, const FSpatiaResult& Result) {
    if (Reply == nullptr) return;
    Waiting.Remove(Reply);
    Reply->Resolve(Result);
}

USpatiaReply* USpatiaBridgeComponent::SeedViews(const TArray<FSpatiaView>& Views) {
    if (Views.Num() == 0) return FailSoon(TEXT("INVALID_INPUT"), TEXT("there is no view"), TEXT("capture one first"));
    for (int32 i = 0; i + 1 < Views.Num(); ++i) Tell(spatia::Seed{ToMessage(Views[i]), true});
    return Ask(spatia::Seed{ToMessage(Views.Last()), false});
}

USpatiaReply* USpatiaBridgeComponent::RemoveRegion(const FSpatiaRegionShape& Region) {
    return Ask(spatia::Edit{spatia::Remove{SpatiaConvert::ToMessage(Region)}});
}

USpatiaReply* USpatiaBridgeComponent::LockRegion(const FSpatiaRegionShape& Region) {
    return Ask(spatia::Edit{spatia::Lock{SpatiaConvert::ToMessage(Region)}});
}

USpatiaReply* USpatiaBridgeComponent::Unlock(int32 Place) { return Ask(spatia::Edit{spatia::Unlock{static_cast<std::uint32_t>(Place)}}); }

USpatiaReply* USpatiaBridgeComponent::MoveRegion(const FSpatiaRegionShape& Region, const FTransform& Motion, bool bCopy) {
    return Ask(spatia::Edit{spatia::Move{SpatiaConvert::ToMessage(Region), SpatiaConvert::ToMessage(Motion), bCopy}});
}

USpatiaReply* USpatiaBridgeComponent::RecolourRegion(const FSpatiaRegionShape& Region, FColor Colour, double Strength) {
    const std::uint32_t Rgb = static_cast<std::uint32_t>(Colour.R) << 16 | static_cast<std::uint32_t>(Colour.G) << 8 | Colour.B;
    return Ask(spatia::Edit{spatia::Recolour{SpatiaConvert::ToMessage(Region), Rgb, Strength}});
}

USpatiaReply* USpatiaBridgeComponent::Undo() { return Ask(spatia::Undo{}); }

USpatiaReply* USpatiaBridgeComponent::Redo() { return Ask(spatia::Redo{}); }

USpatiaReply* USpatiaBridgeComponent::Record(bool bOn) { return Ask(spatia::Record{bOn}); }

USpatiaReply* USpatiaBridgeComponent::Generate(
    const FString& Prompt, const FSpatiaGenerateOptions& Options, const TArray<FSpatiaCamera>& Cameras) {
    return Ask(SpatiaConvert::ToMessage(Prompt, Options, Cameras));
}

USpatiaReply* USpatiaBridgeComponent::Cancel(int64 Job) { return Ask(spatia::Cancel{static_cast<std::uint64_t>(Job)}); }

USpatiaReply* USpatiaBridgeComponent::AcceptTake(int32 Take) { return Ask(spatia::Accept{static_cast<std::uint32_t>(Take)}); }

USpatiaReply* USpatiaBridgeComponent::DiscardTake(int32 Take) { return Ask(spatia::Discard{static_cast<std::uint32_t>(Take)}); }

USpatiaReply* USpatiaBridgeComponent::FetchFrames(int32 Take, int32 First, int32 Count) {
    spatia::FetchFrames Wanted;
    Wanted.take = static_cast<std::uint32_t>(Take);
    Wanted.first = static_cast<std::uint32_t>(First);
    Wanted.count = static_cast<std::uint32_t>(Count);
    return Ask(Wanted);
}

USpatiaReply* USpatiaBridgeComponent::LiveView(bool bOn, int32 Width, int32 Height, double MaxRateHz) {
    if (!bOn) return Ask(spatia::LiveView{});
    return Ask(spatia::LiveView{true, static_cast<std::uint32_t>(Width), static_cast<std::uint32_t>(Height), MaxRateHz, false});
}

// ------------------------------------------------------------------------------------------------------------- state

void USpatiaBridgeComponent::SetMemory(USpatiaMemoryComponent* Shown) {
    if (IsValid(Memory) && Memory != Shown) Memory->SetBridge(nullptr);
    Memory = Shown;
    if (IsValid(Memory)) Memory->SetBridge(this);
}

USpatiaMemoryComponent* USpatiaBridgeComponent::GetMemory() const {
    if (IsValid(Memory)) return Memory;
    return GetOwner() != nullptr ? GetOwner()->FindComponentByClass<USpatiaMemoryComponent>() : nullptr;
}

FTransform USpatiaBridgeComponent::MemoryFrom(const FTransform& World) const {
    const USpatiaMemoryComponent* Shown = GetMemory();
    return Shown != nullptr ? World.GetRelativeTransform(Shown->GetComponentTransform()) : World;
}

const spatia::PointMirror& USpatiaBridgeComponent::Mirror() const {
    return const_cast<USpatiaBridgeComponent*>(this)->TheLink().Session.mirror();
}

FSpatiaRevision USpatiaBridgeComponent::GetRevision() const {
    return Link.IsValid() ? SpatiaConvert::ToRevision(Link->Session.revision()) : FSpatiaRevision();
}

FSpatiaRecording USpatiaBridgeComponent::GetRecording() const {
    return Link.IsValid() ? SpatiaConvert::ToRecording(Link->Session.recording()) : FSpatiaRecording();
}

TArray<FSpatiaTake> USpatiaBridgeComponent::GetTakes() const {
    TArray<FSpatiaTake> Found;
    if (!Link.IsValid()) return Found;
    for (const auto& [Number, Take] : Link->Session.takes()) Found.Add(SpatiaConvert::ToTake(Take));
    return Found;
}
