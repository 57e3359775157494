#pragma once

#include "Components/SceneComponent.h"
#include "CoreMinimal.h"
#include "LidarPointCloudShared.h"

#include "Spatia/PointMirror.h"

#include "SpatiaMemoryComponent.generated.h"

class ULidarPointCloudComponent;
class USpatiaBridgeComponent;

/**
 * Shows the points of memory as LiDAR point clouds, one for some chunks. Move, turn or evenly scale it to put memory where your level
 * wants it. How many points are drawn is the LiDAR plug-in's own affair: its point budget is for all clouds together.
 */
UCLASS(ClassGroup = (Spatia), meta = (BlueprintSpawnableComponent))
class SPATIABRIDGE_API USpatiaMemoryComponent : public USceneComponent {
    GENERATED_BODY()

public:
    USpatiaMemoryComponent();

    /** Of the points as they are drawn; 1 = as wide as they lie apart. Closes gaps. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0.0"))
    float PointSize = 1.0f;
    /** Points of less confidence, 0 to 1, are left out. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0.0", ClampMax = "1.0"))
    float MinConfidence = 0.0f;

    /** Whose points to show. */
    void SetBridge(const USpatiaBridgeComponent* Source);
    /** A chunk differs from what is shown; it is brought up to date in one of the next frames. */
    void ChunkChanged(const spatia::ChunkIndex& Index);
    /** Begins anew with everything that there is. */
    UFUNCTION(BlueprintCallable, Category = "Spatia")
    void ShowAll();

    /** Points that are shown. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    int64 ShownPoints() const;
    /** True when all that came is shown. */
    UFUNCTION(BlueprintPure, Category = "Spatia")
    bool IsUpToDate() const { return Dirty.Num() == 0; }

    /** All points, relative to memory less `Origin`, for an asset of their own; `Origin` is the middle of what they fill. */
    void CollectPoints(TArray<FLidarPointCloudPoint>& Points, FVector& Origin) const;

    /** Brings chunks up to date for so long, but one at least. */
    void Update(double BudgetSecs);

    virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;
    virtual void OnComponentDestroyed(bool bDestroyingHierarchy) override;
#if WITH_EDITOR
    virtual void PostEditChangeProperty(FPropertyChangedEvent& Event) override;
#endif

private:
    struct FKeyFuncs : BaseKeyFuncs<spatia::ChunkIndex, spatia::ChunkIndex, false> {
        static const spatia::ChunkIndex& GetSetKey(const spatia::ChunkIndex& Index) { return Index; }
        static bool Matches(const spatia::ChunkIndex& A, const spatia::ChunkIndex& B) { return A == B; }
        static uint32 GetKeyHash(const spatia::ChunkIndex& Index);
    };

    void UpdateChunk(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Index, TSet<ULidarPointCloudComponent*>& Touched);
    ULidarPointCloudComponent* CloudOf(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Tile);
    void Append(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Index, const FVector& Origin,
                TArray<FLidarPointCloudPoint>& Points) const;
    void Clear();

    TWeakObjectPtr<const USpatiaBridgeComponent> Bridge;
    TSet<spatia::ChunkIndex, FKeyFuncs> Dirty;
    UPROPERTY(Transient)
    TArray<TObjectPtr<ULidarPointCloudComponent>> Clouds;
    TArray<spatia::ChunkIndex> Tiles; // of the clouds, in their order
};
