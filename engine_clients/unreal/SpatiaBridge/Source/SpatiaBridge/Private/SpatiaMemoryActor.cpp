#include "SpatiaMemoryActor.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaMemoryComponent.h"

ASpatiaMemoryActor::ASpatiaMemoryActor() {
    Memory = CreateDefaultSubobject<USpatiaMemoryComponent>(TEXT("Memory"));
    SetRootComponent(Memory);
    Bridge = CreateDefaultSubobject<USpatiaBridgeComponent>(TEXT("Bridge"));
}
