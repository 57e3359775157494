// Stand-ins for the LiDAR Point Cloud plug-in: a list of points. As in the engine, they lie relative to an offset that is the middle
// of the box a cloud was initialized with; inserting adds the translation alone, boxes to remove are in the asset's own space.
#pragma once

#include "Stub/Engine.h"

struct FLidarPointCloudPoint {
    FVector3f Location;
    FColor Color;
    bool bVisible = true;
    uint8 ClassificationID = 0;
    FLidarPointCloudPoint() = default;
    FLidarPointCloudPoint(const FVector3f& InLocation, const FColor& InColor, const bool& bInVisible, const uint8& InClassification)
        : Location(InLocation), Color(InColor), bVisible(bInVisible), ClassificationID(InClassification) {}
};
enum class ELidarPointCloudDuplicateHandling : uint8 { Ignore, SelectFirst, SelectBrighter };

class ULidarPointCloud : public UObject {
public:
    void SetOptimizedForDynamicData(bool bNew) { bDynamic = bNew; }
    void Initialize(const FBox& Bounds) {
        LocationOffset = Bounds.GetCenter();
        Extent = Bounds.GetExtent();
        Points.clear();
    }
    bool InsertPoints(const FLidarPointCloudPoint* InPoints, const int64& Count, ELidarPointCloudDuplicateHandling, bool,
                      const FVector& Translation) {
        const FBox Inside(-Extent, Extent);
        for (int64 i = 0; i < Count; ++i) {
            FLidarPointCloudPoint Point = InPoints[i];
            const FVector At = FVector(Point.Location.X, Point.Location.Y, Point.Location.Z) + Translation;
            check(Inside.IsInsideOrOn(At));
            Point.Location = FVector3f(At);
            Points.push_back(Point);
        }
        ++StubChanges;
        return true;
    }
    void RemovePointsInBox(const FBox& Box, const bool&) {
        const FBox Shifted = Box.ShiftBy(-LocationOffset);
        const auto IsIn = [&](const FLidarPointCloudPoint& P) {
            return Shifted.IsInsideOrOn(FVector(P.Location.X, P.Location.Y, P.Location.Z));
        };
        Points.erase(std::remove_if(Points.begin(), Points.end(), IsIn), Points.end());
    }
    bool SetData(const TArray<FLidarPointCloudPoint>& InPoints) {
        if (InPoints.Num() == 0) return false;
        Initialize(CalculateBoundsFromPoints(InPoints.GetData(), InPoints.Num()));
        Extent = Extent + FVector(0.01, 0.01, 0.01);
        return InsertPoints(InPoints.GetData(), InPoints.Num(), ELidarPointCloudDuplicateHandling::Ignore, false, -LocationOffset);
    }
    void SetLocationOffset(FVector Offset) { LocationOffset = Offset; }
    static FBox CalculateBoundsFromPoints(const FLidarPointCloudPoint* InPoints, const int64& Count) {
        FBox Bounds(ForceInit);
        for (int64 i = 0; i < Count; ++i) {
            const FVector At(InPoints[i].Location.X, InPoints[i].Location.Y, InPoints[i].Location.Z);
            Bounds += FBox(At, At);
        }
        return Bounds;
    }
    void RefreshBounds() { ++StubRefreshes; }
    int64 GetNumPoints() const { return static_cast<int64>(Points.size()); }

    /** Where a point is in the component's space. */
    FVector StubPlace(const FLidarPointCloudPoint& P) const {
        return FVector(P.Location.X, P.Location.Y, P.Location.Z) + LocationOffset;
    }
    std::vector<FLidarPointCloudPoint> Points;
    int StubChanges = 0, StubRefreshes = 0;
    bool bDynamic = false;

private:
    FVector LocationOffset, Extent;
};

class ULidarPointCloudComponent : public UMeshComponent {
public:
    ULidarPointCloudComponent() { StubAllClouds.push_back(this); }
    float PointSize = 1.0f;
    ULidarPointCloud* GetPointCloud() const { return Cloud; }
    void SetPointCloud(ULidarPointCloud* InCloud) { Cloud = InCloud; }
    inline static std::vector<ULidarPointCloudComponent*> StubAllClouds;

private:
    TObjectPtr<ULidarPointCloud> Cloud;
};
