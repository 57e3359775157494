#pragma once

#include "CoreMinimal.h"
#include "GameFramework/Actor.h"

#include "SpatiaMemoryActor.generated.h"

class USpatiaBridgeComponent;
class USpatiaMemoryComponent;

/** Memory in your level, with the connection that it comes by. */
UCLASS()
class SPATIABRIDGE_API ASpatiaMemoryActor : public AActor {
    GENERATED_BODY()

public:
    ASpatiaMemoryActor();

    UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Spatia")
    TObjectPtr<USpatiaMemoryComponent> Memory;
    UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Spatia")
    TObjectPtr<USpatiaBridgeComponent> Bridge;
};
