#pragma once

#include "Camera/CameraTypes.h"
#include "Components/ActorComponent.h"
#include "CoreMinimal.h"

#include "SpatiaTypes.h"

#include "SpatiaCameraRig.generated.h"

class UCameraComponent;
class USpatiaBridgeComponent;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaPoseSent, const FSpatiaCamera&, Camera);

/** A camera of the level and the picture it fills. */
struct FSpatiaSight {
    FMinimalViewInfo View;
    FIntPoint Size = FIntPoint(0, 0);
};

/**
 * Tells the server where a camera is, whenever it moved. Put it on an actor with a camera, a Cine Camera Actor for instance; without
 * one it follows the player's view. The server then knows which chunks to send first, can record the path, and shows memory under the
 * camera if asked to.
 */
UCLASS(ClassGroup = (Spatia), meta = (BlueprintSpawnableComponent))
class SPATIABRIDGE_API USpatiaCameraRig : public UActorComponent {
    GENERATED_BODY()

public:
    USpatiaCameraRig();

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    TObjectPtr<USpatiaBridgeComponent> Bridge;
    /** The camera to follow; without one the owner's, else the player's view. */
    UPROPERTY(Transient, BlueprintReadWrite, Category = "Spatia")
    TObjectPtr<UCameraComponent> Camera;
    /** Poses a second at most. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "1", ClampMax = "120"))
    double RateHz = 30.0;
    /** The size in pixels that the intrinsics are for; zero = the viewport's. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FIntPoint ImageSize = FIntPoint(0, 0);
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bFollows = true;

    /** A pose was sent. */
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaPoseSent OnPoseSent;

    /** Sends the pose in the next frame even if nothing moved. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void Resend() { Last.Width = 0; }
    /** What the followed camera is now, relative to memory; its Width is 0 if there is none, or one without perspective. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    FSpatiaCamera CameraNow();

    /** Sends the pose if it is time, and if the camera is not where it was; on the clock that messages have. */
    void Follow(double NowSecs);
    /** Where cameras come from instead, in the editor say; false: there is none. */
    TFunction<bool(FSpatiaSight&)> Sight;

    /** A camera of the protocol of what a view projects with. */
    static FSpatiaCamera CameraOf(const FSpatiaSight& Sight, const USpatiaBridgeComponent* Bridge, double TimeSecs);

    virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;

private:
    bool Look(FSpatiaSight& Found);

    FSpatiaCamera Last; // Width 0: none
    double NextSecs = 0;
};
