#include "SpatiaBake.h"

#include "AssetRegistry/AssetRegistryModule.h"
#include "LidarPointCloud.h"
#include "Misc/PackageName.h"
#include "UObject/Package.h"

#include "SpatiaMemoryComponent.h"

ULidarPointCloud* SpatiaBake::ToAsset(const USpatiaMemoryComponent& Memory, const FString& PackageName) {
    TArray<FLidarPointCloudPoint> Points;
    FVector Origin;
    Memory.CollectPoints(Points, Origin);
    if (Points.Num() == 0) return nullptr;
    UPackage* Package = CreatePackage(*PackageName);
    const FName Name(*FPackageName::GetShortName(PackageName));
    ULidarPointCloud* Cloud = NewObject<ULidarPointCloud>(Package, Name, RF_Public | RF_Standalone | RF_Transactional);
    Cloud->SetData(Points);
    // It keeps them relative to their own middle: say where that lies.
    Cloud->SetLocationOffset(ULidarPointCloud::CalculateBoundsFromPoints(Points.GetData(), Points.Num()).GetCenter() + Origin);
    Package->MarkPackageDirty();
    FAssetRegistryModule::AssetCreated(Cloud);
    return Cloud;
}
