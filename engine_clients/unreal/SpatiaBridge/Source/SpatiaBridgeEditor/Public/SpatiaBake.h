#pragma once

#include "CoreMinimal.h"

class ULidarPointCloud;
class USpatiaMemoryComponent;

namespace SpatiaBake {

/** Memory as a LiDAR asset of your project, `/Game/…`, that needs no server; placed where memory is, it lies over it. Null: no points. */
ULidarPointCloud* ToAsset(const USpatiaMemoryComponent& Memory, const FString& PackageName);

}  // namespace SpatiaBake
