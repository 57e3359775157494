#include "SpatiaPanelModel.h"

#include "Engine/Texture2D.h"

#include "SpatiaBridgeComponent.h"

namespace {

constexpr int32 MaxClips = 20; // kept; then the oldest goes
constexpr int32 MaxFrames = 4096; // of a clip

FString NameOf(ESpatiaStage Stage) {
    switch (Stage) {
        case ESpatiaStage::Queued:
            return TEXT("queued");
        case ESpatiaStage::Projecting:
            return TEXT("projecting");
        case ESpatiaStage::Generating:
            return TEXT("generating");
        case ESpatiaStage::Waiting:
            return TEXT("waiting");
        case ESpatiaStage::Updating:
            return TEXT("updating");
        case ESpatiaStage::Done:
            return TEXT("done");
        case ESpatiaStage::Cancelled:
            return TEXT("cancelled");
        case ESpatiaStage::Failed:
            return TEXT("failed");
        default:
            return TEXT("working");
    }
}

} // namespace

void USpatiaPanelModel::Attach(USpatiaBridgeComponent* Found) {
    if (Bridge == Found) return;
    if (IsValid(Bridge)) {
        Bridge->OnConnected.RemoveAll(this);
        Bridge->OnDisconnected.RemoveAll(this);
        Bridge->OnReconnecting.RemoveAll(this);
        Bridge->OnRefused.RemoveAll(this);
        Bridge->OnErrorReported.RemoveAll(this);
        Bridge->OnProgressed.RemoveAll(this);
        Bridge->OnFrameReceived.RemoveAll(this);
        Bridge->DisconnectFromServer();
    }
    Bridge = Found;
    Clips.Reset();
    Preview = nullptr;
    Shown = Newest = Previewed = 0;
    if (!IsValid(Bridge)) return;
    Bridge->OnConnected.AddDynamic(this, &USpatiaPanelModel::HandleConnected);
    Bridge->OnDisconnected.AddDynamic(this, &USpatiaPanelModel::HandleDisconnected);
    Bridge->OnReconnecting.AddDynamic(this, &USpatiaPanelModel::HandleReconnecting);
    Bridge->OnRefused.AddDynamic(this, &USpatiaPanelModel::HandleError);
    Bridge->OnErrorReported.AddDynamic(this, &USpatiaPanelModel::HandleError);
    Bridge->OnProgressed.AddDynamic(this, &USpatiaPanelModel::HandleProgress);
    Bridge->OnFrameReceived.AddDynamic(this, &USpatiaPanelModel::HandleFrame);
}

USpatiaBridgeComponent* USpatiaPanelModel::GetBridge() const { return IsValid(Bridge) ? Bridge.Get() : nullptr; }

bool USpatiaPanelModel::IsOnline() const { return IsValid(Bridge) && Bridge->IsConnectedToServer(); }

FString USpatiaPanelModel::Status() const {
    if (!IsOnline()) return TEXT("not connected");
    const FSpatiaRevision Now = Bridge->GetRevision();
    return FString::Printf(TEXT("revision %lld, %lld points, %d locks"), static_cast<long long>(Now.Number),
                           static_cast<long long>(Now.Points), Now.Locks);
}

TArray<int32> USpatiaPanelModel::PendingTakes() const {
    TArray<int32> Found;
    if (!IsOnline()) return Found;
    for (const FSpatiaTake& Take : Bridge->GetTakes()) {
        if (Take.State == ESpatiaTakeState::Pending) Found.Add(Take.Number);
    }
    return Found;
}

void USpatiaPanelModel::Follow(const FString& What, USpatiaReply* Reply) {
    Say(What + TEXT("…"));
    Reply->Finished.AddWeakLambda(this, [this, What](const FSpatiaResult& Result) {
        const FString Failed = What + TEXT(": ") + Result.Error.Message + TEXT("; ") + Result.Error.Remedy;
        Say(Result.bOk ? What + TEXT(": done") : Failed);
    });
}

void USpatiaPanelModel::ShowTake(int32 Take) {
    Shown = Take;
    Newest = 0;
    if (!IsOnline()) return;
    for (const FSpatiaTake& Each : Bridge->GetTakes()) {
        if (Each.Number == Take && FramesOf(Take) < Each.FramesTotal) Bridge->FetchFrames(Take);
    }
}

int32 USpatiaPanelModel::FramesOf(int32 Take) const {
    for (const FSpatiaClip& Clip : Clips) {
        if (Clip.Take != Take) continue;
        int32 Count = 0;
        for (const UTexture2D* Frame : Clip.Frames) Count += Frame != nullptr;
        return Count;
    }
    return 0;
}

UTexture2D* USpatiaPanelModel::FrameOf(int32 Take, int32 Number) const {
    for (const FSpatiaClip& Clip : Clips) {
        if (Clip.Take == Take && Number >= 0 && Number < Clip.Frames.Num()) return Clip.Frames[Number];
    }
    return Take == Previewed && FramesOf(Take) == 0 ? Preview.Get() : nullptr;
}

void USpatiaPanelModel::HandleConnected(bool bResumed) {
    Say(bResumed ? TEXT("connected; only what changed is coming") : TEXT("connected"));
}

void USpatiaPanelModel::HandleDisconnected(const FString& Reason) { Say(Reason); }

void USpatiaPanelModel::HandleReconnecting(double InSecs, int32 Attempt) {
    Say(FString::Printf(TEXT("no connection; attempt %d in %.1f s"), Attempt + 1, InSecs));
}

void USpatiaPanelModel::HandleError(const FSpatiaError& Error) { Say(Error.Message + TEXT("; ") + Error.Remedy); }

void USpatiaPanelModel::HandleProgress(const FSpatiaProgress& Now) {
    Progress = static_cast<float>(Now.Done) / static_cast<float>(FMath::Max(Now.Total, 1));
    FString Text = NameOf(Now.Stage) + FString::Printf(TEXT(", clip %d of %d"), Now.Clip, Now.Clips);
    if (Now.RemainingSecs > 0) Text = Text + FString::Printf(TEXT(", about %d s left"), FMath::CeilToInt32(Now.RemainingSecs));
    for (const FSpatiaTake& Take : Bridge->GetTakes()) {
        if (Take.Number == Now.Take && !Take.Remark.IsEmpty()) Text = Text + TEXT("; ") + Take.Remark;
    }
    if (Now.Preview != nullptr && Now.Take != Previewed && FramesOf(Now.Take) == 0) {
        Shown = Now.Take;
        Newest = 0;
    }
    if (Now.Preview != nullptr) Previewed = Now.Take;
    if (Now.Take == Previewed) Preview = Now.Preview;
    if (!Now.Error.Code.IsEmpty()) Text = Now.Error.Message + TEXT("; ") + Now.Error.Remedy;
    Say(Text);
}

void USpatiaPanelModel::HandleFrame(int32 Take, int32 Number, UTexture2D* Texture, const FSpatiaCamera&) {
    if (Number < 0 || Number >= MaxFrames) return;
    FSpatiaClip* Clip = nullptr;
    for (FSpatiaClip& Each : Clips) {
        if (Each.Take == Take) Clip = &Each;
    }
    if (Clip == nullptr) {
        if (Clips.Num() >= MaxClips) Clips.RemoveAt(0);
        Clips.Add(FSpatiaClip());
        Clip = &Clips.Last();
        Clip->Take = Take;
        Shown = Take;
    }
    while (Clip->Frames.Num() <= Number) Clip->Frames.Add(nullptr);
    Clip->Frames[Number] = Texture;
    if (Take == Shown) Newest = Number;
}
