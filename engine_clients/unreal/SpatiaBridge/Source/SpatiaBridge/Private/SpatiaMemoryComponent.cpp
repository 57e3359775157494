#include "SpatiaMemoryComponent.h"

#include "GameFramework/Actor.h"
#include "HAL/PlatformTime.h"
#include "LidarPointCloud.h"
#include "LidarPointCloudComponent.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaTiles.h"

namespace {

constexpr double LeastBudgetSecs = 0.004; // a frame; more where frames take long anyway
constexpr double BudgetShare = 0.2;

FBox ToBox(const spatia::Bounds& Bounds) {
    return FBox(FVector(Bounds.low[0], Bounds.low[1], Bounds.low[2]), FVector(Bounds.high[0], Bounds.high[1], Bounds.high[2]));
}

FBox TileBox(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Tile) {
    return ToBox(spatia::bounds_of(Mirror.client_from_chunk(), Tile, spatia::tile_shift));
}

} // namespace

uint32 USpatiaMemoryComponent::FKeyFuncs::GetKeyHash(const spatia::ChunkIndex& Index) {
    const uint32 Place = HashCombine(HashCombine(GetTypeHash(Index.x), GetTypeHash(Index.y)), GetTypeHash(Index.z));
    return HashCombine(Place, GetTypeHash(Index.level));
}

USpatiaMemoryComponent::USpatiaMemoryComponent() {
    PrimaryComponentTick.bCanEverTick = true;
    bTickInEditor = true;
}

void USpatiaMemoryComponent::SetBridge(const USpatiaBridgeComponent* Source) {
    if (Bridge.Get() == Source) return;
    Bridge = Source;
    ShowAll();
}

void USpatiaMemoryComponent::ChunkChanged(const spatia::ChunkIndex& Index) { Dirty.Add(Index); }

void USpatiaMemoryComponent::ShowAll() {
    Clear();
    if (!Bridge.IsValid()) return;
    for (const spatia::ChunkIndex& Index : Bridge->Mirror().indexes()) Dirty.Add(Index);
}

int64 USpatiaMemoryComponent::ShownPoints() const {
    int64 Points = 0;
    for (const ULidarPointCloudComponent* Cloud : Clouds) Points += Cloud->GetPointCloud()->GetNumPoints();
    return Points;
}

void USpatiaMemoryComponent::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) {
    Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
    Update(FMath::Max(LeastBudgetSecs, DeltaTime * BudgetShare));
}

void USpatiaMemoryComponent::Update(double BudgetSecs) {
    if (Dirty.Num() == 0 || !Bridge.IsValid()) return;
    const spatia::PointMirror& Mirror = Bridge->Mirror();
    const double Until = FPlatformTime::Seconds() + BudgetSecs;
    TSet<ULidarPointCloudComponent*> Touched;
    for (auto Each = Dirty.CreateIterator(); Each; ++Each) {
        const spatia::ChunkIndex Index = *Each;
        Each.RemoveCurrent();
        UpdateChunk(Mirror, Index, Touched);
        if (FPlatformTime::Seconds() > Until) break;
    }
    for (ULidarPointCloudComponent* Cloud : Touched) Cloud->GetPointCloud()->RefreshBounds();
}

// Takes the chunk's points out of its cloud and puts in what there is now.
void USpatiaMemoryComponent::UpdateChunk(
    const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Index, TSet<ULidarPointCloudComponent*>& Touched) {
    const bool bIsThere = !Mirror.shown(Index).empty();
    const spatia::ChunkIndex Tile = spatia::tile_of(Index);
    if (!bIsThere && !Tiles.Contains(Tile)) return;
    ULidarPointCloudComponent* Component = CloudOf(Mirror, Tile);
    ULidarPointCloud* Cloud = Component->GetPointCloud();
    Cloud->RemovePointsInBox(ToBox(spatia::bounds_of(Mirror.client_from_chunk(), Index)), false);
    Touched.Add(Component);
    if (!bIsThere) return;
    TArray<FLidarPointCloudPoint> Points;
    // A cloud keeps its points relative to the middle that it was initialized with, which keeps them precise far from the origin.
    Append(Mirror, Index, TileBox(Mirror, Tile).GetCenter(), Points);
    Cloud->InsertPoints(Points.GetData(), Points.Num(), ELidarPointCloudDuplicateHandling::Ignore, false, FVector::ZeroVector);
}

ULidarPointCloudComponent* USpatiaMemoryComponent::CloudOf(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Tile) {
    const int32 Found = Tiles.Find(Tile);
    if (Found != INDEX_NONE) return Clouds[Found];
    ULidarPointCloud* Cloud = NewObject<ULidarPointCloud>(this, NAME_None, RF_Transient);
    Cloud->SetOptimizedForDynamicData(true); // no octree to sort, which each change would have to be sorted into
    Cloud->Initialize(TileBox(Mirror, Tile));
    ULidarPointCloudComponent* Component = NewObject<ULidarPointCloudComponent>(this, NAME_None, RF_Transient);
    Component->SetupAttachment(this);
    Component->SetCollisionEnabled(ECollisionEnabled::NoCollision);
    Component->SetPointCloud(Cloud);
    Component->PointSize = PointSize;
    Component->RegisterComponent();
    Clouds.Add(Component);
    Tiles.Add(Tile);
    return Component;
}

void USpatiaMemoryComponent::Append(const spatia::PointMirror& Mirror, const spatia::ChunkIndex& Index, const FVector& Origin,
                                    TArray<FLidarPointCloudPoint>& Points) const {
    const spatia::PointSpan Span(Mirror.shown(Index));
    const spatia::Affine Affine = Mirror.client_from_bytes(Index);
    const int32 Least = FMath::CeilToInt(MinConfidence * 255.0f);
    Points.Reserve(Points.Num() + static_cast<int32>(Span.size));
    for (const spatia::PackedPoint& Point : Span) {
        if (Point.confidence < Least) continue;
        const spatia::Vector3 Place = Affine.apply(Point.x, Point.y, Point.z);
        const FVector Relative = FVector(Place.x, Place.y, Place.z) - Origin;
        Points.Emplace(FVector3f(Relative), FColor(Point.r, Point.g, Point.b, 255), true, static_cast<uint8>(0));
    }
}

void USpatiaMemoryComponent::CollectPoints(TArray<FLidarPointCloudPoint>& Points, FVector& Origin) const {
    Points.Reset();
    Origin = FVector::ZeroVector;
    if (!Bridge.IsValid()) return;
    const spatia::PointMirror& Mirror = Bridge->Mirror();
    FBox Filled(ForceInit);
    for (const spatia::ChunkIndex& Index : Mirror.indexes()) Filled += ToBox(spatia::bounds_of(Mirror.client_from_chunk(), Index));
    if (Filled.IsValid) Origin = Filled.GetCenter();
    for (const spatia::ChunkIndex& Index : Mirror.indexes()) Append(Mirror, Index, Origin, Points);
}

void USpatiaMemoryComponent::Clear() {
    for (ULidarPointCloudComponent* Cloud : Clouds) {
        if (IsValid(Cloud)) Cloud->DestroyComponent();
    }
    Clouds.Reset();
    Tiles.Reset();
    Dirty.Reset();
}

void USpatiaMemoryComponent::OnComponentDestroyed(bool bDestroyingHierarchy) {
    Clear();
    Super::OnComponentDestroyed(bDestroyingHierarchy);
}

#if WITH_EDITOR
void USpatiaMemoryComponent::PostEditChangeProperty(FPropertyChangedEvent& Event) {
    Super::PostEditChangeProperty(Event);
    ShowAll();
}
#endif
