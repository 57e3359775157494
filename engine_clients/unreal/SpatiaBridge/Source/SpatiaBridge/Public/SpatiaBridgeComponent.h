#pragma once

#include "Components/ActorComponent.h"
#include "Containers/Ticker.h"
#include "CoreMinimal.h"

#include "Spatia/Session.h"
#include "SpatiaReply.h"
#include "SpatiaTypes.h"

#include "SpatiaBridgeComponent.generated.h"

class USpatiaBridgeComponent;
class USpatiaMemoryComponent;
class UTexture2D;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaConnected, bool, bResumed);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaDisconnected, const FString&, Reason);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FSpatiaReconnecting, double, InSecs, int32, Attempt);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaFault, const FSpatiaError&, Error);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaRevisionChanged, const FSpatiaRevision&, Revision);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaSynced, int64, Revision);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaProgressed, const FSpatiaProgress&, Progress);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaTakeChanged, const FSpatiaTake&, Take);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_FourParams(
    FSpatiaFrameReceived, int32, Take, int32, Number, UTexture2D*, Texture, const FSpatiaCamera&, Camera);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FSpatiaLiveProjectionReceived, UTexture2D*, Texture, double, Coverage);
DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaRecordingChanged, const FSpatiaRecording&, Recording);

/**
 * The connection to a spatia-bridge server: one session's memory comes in, your requests go out.
 *
 * Put one into your level (Spatia Memory Actor has one), point Memory at a Spatia Memory, press play. It connects, connects again when
 * the line breaks, and then gets only what changed meanwhile. Everything the server tells is an event; everything you ask of it is a
 * function that returns a reply to wait for. Works in the editor too, from the Spatia tab.
 */
UCLASS(ClassGroup = (Spatia), meta = (BlueprintSpawnableComponent))
class SPATIABRIDGE_API USpatiaBridgeComponent : public UActorComponent {
    GENERATED_BODY()

public:
    USpatiaBridgeComponent();

    /** Where the server is. `spatia-bridge serve` listens there. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FString Url = TEXT("ws://127.0.0.1:50052");
    /** Which scene; several clients may be in one. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FString Session = TEXT("my-level");
    /** Make the session if there is none. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bCreate = true;
    /** If the server wants one. Not kept with the level. */
    UPROPERTY(Transient, EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FString Token;
    /** Connect when the game starts. In the editor the Spatia tab does it. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bConnectOnStart = true;
    /** Connect again, and again, when the line breaks. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bReconnect = true;
    /** Send frames of takes as they are made, without being asked. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bPushFrames = true;

    /** The server said welcome; resumed: only what changed will come. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaConnected OnConnected;
    /** The line is gone, or you left. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaDisconnected OnDisconnected;
    /** It is gone and will be tried again. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaReconnecting OnReconnecting;
    /** The server refuses this client: trying again would not help. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaFault OnRefused;
    /** Another revision is the newest now (seed, take, edit, undo). */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaRevisionChanged OnRevisionChanged;
    /** What is held is exactly this revision. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaSynced OnSynced;
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaProgressed OnProgressed;
    /** A take began, has more frames, or was decided. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaTakeChanged OnTakeChanged;
    /** A frame of a take: pushed, or fetched. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaFrameReceived OnFrameReceived;
    /** Memory under your camera, if Live View asked for it. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaLiveProjectionReceived OnLiveProjectionReceived;
    /** The server began or ended to record the camera, or has more of it. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaRecordingChanged OnRecordingChanged;
    /** Something went wrong that no reply tells of. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaFault OnErrorReported;

    /** Connects and stays connected until Disconnect from Server; leaves another server or session for this one. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void ConnectToServer();
    /** Leaves. The session goes on without you; what is shown stays. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void DisconnectFromServer();
    /** True when requests can be made. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    bool IsConnectedToServer() const;
    /** Between Connect to Server and the end: it may be waiting to try again. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    bool IsWanted() const;

    /** Lets another memory than the owner's show the points. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void SetMemory(USpatiaMemoryComponent* Shown);
    UFUNCTION(BlueprintPure, Category = "Spatia")
    USpatiaMemoryComponent* GetMemory() const;
    /** A pose relative to memory, as the server wants it. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    FTransform MemoryFrom(const FTransform& World) const;

    UFUNCTION(BlueprintPure, Category = "Spatia")
    FSpatiaRevision GetRevision() const;
    UFUNCTION(BlueprintPure, Category = "Spatia")
    FSpatiaRecording GetRecording() const;
    /** By number. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    TArray<FSpatiaTake> GetTakes() const;

    /** Makes what cameras see part of memory, one revision for all of them; views come from Spatia Capture. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* SeedViews(const TArray<FSpatiaView>& Views);
    /** Takes the points in a region out, and keeps it empty. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* RemoveRegion(const FSpatiaRegionShape& Region);
    /** No take may change what is in there. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* LockRegion(const FSpatiaRegionShape& Region);
    /** Lifts a lock, the first being 0. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* Unlock(int32 Place);
    /** Carries the points in a region elsewhere, or copies them; the motion is relative to memory. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* MoveRegion(const FSpatiaRegionShape& Region, const FTransform& Motion, bool bCopy = false);
    /** Mixes the colours in a region with one. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* RecolourRegion(const FSpatiaRegionShape& Region, FColor Colour, double Strength = 1.0);
    /** Takes back the newest change of memory; it becomes a new revision, so nothing is lost. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* Undo();
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* Redo();

    /** Lets the server record the poses that a Spatia Camera Rig sends; on again forgets the earlier ones. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* Record(bool bOn);
    /** Starts a job along the recorded path, or along cameras at growing times. */
    UFUNCTION(BlueprintCallable, Category = "Spatia", meta = (AutoCreateRefTerm = "Options, Cameras"))
    USpatiaReply* Generate(const FString& Prompt, const FSpatiaGenerateOptions& Options, const TArray<FSpatiaCamera>& Cameras);
    /** Stops a job; 0 = all of them. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* Cancel(int64 Job = 0);
    /** Folds a take into memory. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* AcceptTake(int32 Take);
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* DiscardTake(int32 Take);
    /** Frames of a take come by On Frame Received; count 0 = all from the first on. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* FetchFrames(int32 Take, int32 First = 0, int32 Count = 0);
    /** Memory under this client's camera as it moves comes by On Live Projection Received. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    USpatiaReply* LiveView(bool bOn, int32 Width = 320, int32 Height = 180, double MaxRateHz = 10.0);

    /** Any request of the protocol. */
    USpatiaReply* Ask(spatia::ClientBody Body);
    /** What needs no answer; dropped without a connection. */
    void Tell(spatia::ClientBody Body);
    const spatia::PointMirror& Mirror() const;

    virtual void BeginPlay() override;
    virtual void EndPlay(const EEndPlayReason::Type Reason) override;
    virtual void OnComponentDestroyed(bool bDestroyingHierarchy) override;
    virtual void BeginDestroy() override;

private:
    class FLink; // the session and its transport

    FLink& TheLink();
    void StartTicking();
    bool TickLink(float DeltaSecs);
    USpatiaReply* FailSoon(const TCHAR* Code, const TCHAR* Message, const TCHAR* Remedy);
    void Answer(USpatiaReply* Reply, const FSpatiaResult& Result);

    UPROPERTY(Transient)
    TObjectPtr<USpatiaMemoryComponent> Memory;
    UPROPERTY(Transient)
    TArray<TObjectPtr<USpatiaReply>> Waiting;

    TSharedPtr<FLink> Link; // shared, since that is complete elsewhere
    FTSTicker::FDelegateHandle Ticking;
    TArray<TPair<TWeakObjectPtr<USpatiaReply>, FSpatiaResult>> FailingSoon;
};
