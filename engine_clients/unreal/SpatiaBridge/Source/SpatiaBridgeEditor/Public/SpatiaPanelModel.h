#pragma once

#include "CoreMinimal.h"
#include "UObject/Object.h"

#include "SpatiaTypes.h"

#include "SpatiaPanelModel.generated.h"

class UTexture2D;
class USpatiaBridgeComponent;
class USpatiaReply;

/** The frames of one take, by number. */
USTRUCT()
struct FSpatiaClip {
    GENERATED_BODY()

    UPROPERTY()
    int32 Take = 0;
    UPROPERTY()
    TArray<TObjectPtr<UTexture2D>> Frames; // null where none came yet
};

/** What the Spatia tab shows, without its widgets: the bridge that it is attached to, the last note, how a job stands, frames. */
UCLASS(Transient)
class USpatiaPanelModel : public UObject {
    GENERATED_BODY()

public:
    /** Listens to a bridge, which is left when another comes. */
    void Attach(USpatiaBridgeComponent* Found);
    /** The bridge attached to; null once it is gone. */
    USpatiaBridgeComponent* GetBridge() const;

    bool IsOnline() const;
    FString Status() const;
    const FString& GetNote() const { return Note; }
    /** Of the job under way, 0 to 1. */
    float GetProgress() const { return Progress; }
    /** Takes that wait for a decision. */
    TArray<int32> PendingTakes() const;

    /** Tells the designer something. */
    void Say(const FString& Text) { Note = Text; }
    /** Tells what becomes of a request. */
    void Follow(const FString& What, USpatiaReply* Reply);

    /** Fetches what is missing of a take and shows it from its first frame. */
    void ShowTake(int32 Take);
    int32 GetShownTake() const { return Shown; }
    int32 FramesOf(int32 Take) const;
    /** A frame that came; before the first one what the take looks like so far; null if there is neither. */
    UTexture2D* FrameOf(int32 Take, int32 Number) const;
    /** The frame to show while a take comes in and nobody moved the slider. */
    int32 GetNewest() const { return Newest; }

private:
    UFUNCTION()
    void HandleConnected(bool bResumed);
    UFUNCTION()
    void HandleDisconnected(const FString& Reason);
    UFUNCTION()
    void HandleReconnecting(double InSecs, int32 Attempt);
    UFUNCTION()
    void HandleError(const FSpatiaError& Error);
    UFUNCTION()
    void HandleProgress(const FSpatiaProgress& Now);
    UFUNCTION()
    void HandleFrame(int32 Take, int32 Number, UTexture2D* Texture, const FSpatiaCamera& Camera);

    UPROPERTY()
    TObjectPtr<USpatiaBridgeComponent> Bridge;
    UPROPERTY()
    TArray<FSpatiaClip> Clips; // the oldest first
    UPROPERTY()
    TObjectPtr<UTexture2D> Preview; // of the take Previewed

    FString Note;
    float Progress = 0;
    int32 Shown = 0;
    int32 Newest = 0;
    int32 Previewed = 0;
};
