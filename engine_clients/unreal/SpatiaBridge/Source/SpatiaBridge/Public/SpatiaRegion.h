#pragma once

#include "CoreMinimal.h"
#include "GameFramework/Actor.h"

#include "SpatiaTypes.h"

#include "SpatiaRegion.generated.h"

class UBoxComponent;
class USpatiaBridgeComponent;
class USphereComponent;

/**
 * A box or a ball in your level, to edit the memory inside: place it, size it, then remove, lock, recolour, move. May be anywhere in
 * the level; where memory is shown counts.
 */
UCLASS()
class SPATIABRIDGE_API ASpatiaRegion : public AActor {
    GENERATED_BODY()

public:
    ASpatiaRegion();

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    ESpatiaShape Shape = ESpatiaShape::Box;
    /** Of the box, before the actor's own scale. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0.1"))
    FVector Size = FVector(100, 100, 100);
    /** Of the ball, before the actor's own scale. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0.1"))
    double Radius = 50;

    /** The region relative to where the bridge's memory is shown. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    FSpatiaRegionShape Message(const USpatiaBridgeComponent* Bridge) const;
    /** What carries the points inside from here to where the target is (a copy of this, moved and turned), relative to memory. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    FTransform MotionTo(const FTransform& Target, const USpatiaBridgeComponent* Bridge) const;

    virtual void OnConstruction(const FTransform& Transform) override;

private:
    /** What is seen of it in the editor. */
    UPROPERTY()
    TObjectPtr<UBoxComponent> Box;
    UPROPERTY()
    TObjectPtr<USphereComponent> Ball;
};
