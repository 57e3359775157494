#pragma once

#include "CoreMinimal.h"
#include "Kismet/BlueprintFunctionLibrary.h"

#include "SpatiaTypes.h"

#include "SpatiaCapture.generated.h"

class USpatiaBridgeComponent;

/**
 * What a camera of your level sees, as a seed: colour as the player sees it, and the true depth of every pixel.
 *
 * Colour and depth are captured twice from one place. Memory's own points are left out. Glass and other translucent things have colour
 * but no depth, as in every depth buffer.
 */
UCLASS()
class SPATIABRIDGE_API USpatiaCapture : public UBlueprintFunctionLibrary {
    GENERATED_BODY()

public:
    /** One view from each of some places in the world, with so wide a horizontal angle; for Seed Views. Waits for the graphics card. */
    UFUNCTION(BlueprintCallable, Category = "Spatia", meta = (WorldContext = "WorldContext"))
    static TArray<FSpatiaView> Views(UObject* WorldContext, const USpatiaBridgeComponent* Bridge, const TArray<FTransform>& Places,
                                     double HorizontalFovDegrees = 90.0, int32 Width = 640, int32 Height = 360);

    /** Places for a sweep of a room: all round from each of some, so many looks each. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    static TArray<FTransform> Sweep(const TArray<FVector>& Places, int32 Steps = 6);

    /** A view of colours and depths (rows from the top, level units along the axis) as Views makes them. */
    static FSpatiaView ViewOf(const USpatiaBridgeComponent* Bridge, const FTransform& Place, double HorizontalFovDegrees, int32 Width,
                              int32 Height, const TArray<FColor>& Colours, const TArray<FLinearColor>& Depths);
};
