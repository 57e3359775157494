#include "SpatiaRegion.h"

#include "Components/BoxComponent.h"
#include "Components/SceneComponent.h"
#include "Components/SphereComponent.h"

#include "SpatiaBridgeComponent.h"

ASpatiaRegion::ASpatiaRegion() {
    SetRootComponent(CreateDefaultSubobject<USceneComponent>(TEXT("Root")));
    Box = CreateDefaultSubobject<UBoxComponent>(TEXT("Box"));
    Ball = CreateDefaultSubobject<USphereComponent>(TEXT("Ball"));
    for (UPrimitiveComponent* Each : {static_cast<UPrimitiveComponent*>(Box), static_cast<UPrimitiveComponent*>(Ball)}) {
        Each->SetupAttachment(RootComponent);
        Each->SetCollisionEnabled(ECollisionEnabled::NoCollision);
    }
}

FSpatiaRegionShape ASpatiaRegion::Message(const USpatiaBridgeComponent* Bridge) const {
    const FTransform Placed = Bridge != nullptr ? Bridge->MemoryFrom(GetActorTransform()) : GetActorTransform();
    FSpatiaRegionShape Region;
    Region.Shape = Shape;
    Region.Pose = Placed;
    Region.HalfSize = Placed.GetScale3D().GetAbs() * Size * 0.5;
    Region.Radius = Radius * Placed.GetScale3D().GetAbsMax(); // an uneven scale counts as its largest part
    return Region;
}

FTransform ASpatiaRegion::MotionTo(const FTransform& Target, const USpatiaBridgeComponent* Bridge) const {
    FTransform Here = Bridge != nullptr ? Bridge->MemoryFrom(GetActorTransform()) : GetActorTransform();
    FTransform There = Bridge != nullptr ? Bridge->MemoryFrom(Target) : Target;
    Here.RemoveScaling();
    There.RemoveScaling();
    return Here.Inverse() * There;
}

void ASpatiaRegion::OnConstruction(const FTransform& Transform) {
    Super::OnConstruction(Transform);
    Box->SetBoxExtent(Size * 0.5);
    Box->SetVisibility(Shape == ESpatiaShape::Box);
    Ball->SetSphereRadius(static_cast<float>(Radius));
    Ball->SetVisibility(Shape == ESpatiaShape::Sphere);
}
