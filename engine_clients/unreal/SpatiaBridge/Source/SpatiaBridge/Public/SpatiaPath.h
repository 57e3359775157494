#pragma once

#include "Components/ActorComponent.h"
#include "CoreMinimal.h"

#include "SpatiaTypes.h"

#include "SpatiaPath.generated.h"

class USpatiaCameraRig;

/** Where a camera was at a time, relative to memory. */
USTRUCT(BlueprintType)
struct FSpatiaPathPose {
    GENERATED_BODY()

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    double TimeSecs = 0;
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FTransform Pose;
};

/** A camera's path: record it, keep it, play it again, generate along it. Times only grow. */
USTRUCT(BlueprintType)
struct SPATIABRIDGE_API FSpatiaPath {
    GENERATED_BODY()

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    TArray<FSpatiaPathPose> Poses;

    double DurationSecs() const { return Poses.Num() > 0 ? Poses.Last().TimeSecs - Poses[0].TimeSecs : 0.0; }
    /** Straight between two poses, turning evenly; so many seconds after the first. */
    FTransform Sample(double Secs) const;
    /** As cameras of the protocol, at so many a second, each with the intrinsics of `Like`. */
    TArray<FSpatiaCamera> Cameras(const FSpatiaCamera& Like, double RateHz = 30.0) const;
};

DECLARE_DYNAMIC_MULTICAST_DELEGATE(FSpatiaPathPlayed);

/** Records the path of a Spatia Camera Rig and plays it again, through the rig, as if it were flown now. */
UCLASS(ClassGroup = (Spatia), meta = (BlueprintSpawnableComponent))
class SPATIABRIDGE_API USpatiaPathRecorder : public UActorComponent {
    GENERATED_BODY()

public:
    USpatiaPathRecorder();

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    TObjectPtr<USpatiaCameraRig> Rig;
    /** What was recorded. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FSpatiaPath Path;

    /** Playing came to its end. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaPathPlayed OnPlayed;

    /** Forgets the path and records a new one. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void StartRecording();
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void Stop();
    /** Moves the actor of the rig's camera along the path. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void Play(double Speed = 1.0);
    /** The path as cameras of the protocol, for Generate. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    TArray<FSpatiaCamera> Cameras(double RateHz = 30.0) const;

    virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;

private:
    enum class EDoing : uint8 { Nothing, Recording, Playing };

    EDoing Doing = EDoing::Nothing;
    double ClockSecs = 0;
    double PlaySpeed = 1;
};
