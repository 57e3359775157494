#include "SpatiaCameraRig.h"

#include "Camera/CameraComponent.h"
#include "Camera/PlayerCameraManager.h"
#include "Engine/GameViewportClient.h"
#include "Engine/LocalPlayer.h"
#include "Engine/World.h"
#include "GameFramework/Actor.h"
#include "GameFramework/PlayerController.h"
#include "HAL/PlatformTime.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaConvert.h"
#include "SpatiaOptics.h"

namespace {

constexpr double StillCentimetres = 0.01;
constexpr double StillRadians = 1e-4;

spatia::AspectAxis ToAxis(EAspectRatioAxisConstraint Axis) {
    switch (Axis) {
        case AspectRatio_MaintainYFOV:
            return spatia::AspectAxis::maintain_y;
        case AspectRatio_MajorAxisFOV:
            return spatia::AspectAxis::major;
        default:
            return spatia::AspectAxis::maintain_x;
    }
}

spatia::Optics OpticsOf(const FMinimalViewInfo& View) {
    spatia::Optics Optics;
    Optics.horizontal_fov_degrees = View.FOV;
    Optics.aspect = View.AspectRatio;
    Optics.constrain_aspect = View.bConstrainAspectRatio;
    Optics.axis = ToAxis(View.AspectRatioAxisConstraint.Get(GetDefault<ULocalPlayer>()->AspectRatioAxisConstraint.GetValue()));
    Optics.offset_x = View.OffCenterProjectionOffset.X;
    Optics.offset_y = View.OffCenterProjectionOffset.Y;
    return Optics;
}

bool IsStill(const FSpatiaCamera& A, const FSpatiaCamera& B) {
    return A.Width == B.Width && A.Height == B.Height && A.Fx == B.Fx && A.Fy == B.Fy && A.Cx == B.Cx && A.Cy == B.Cy &&
           FVector::Dist(A.Pose.GetLocation(), B.Pose.GetLocation()) < StillCentimetres &&
           A.Pose.GetRotation().AngularDistance(B.Pose.GetRotation()) < StillRadians;
}

} // namespace

USpatiaCameraRig::USpatiaCameraRig() {
    PrimaryComponentTick.bCanEverTick = true;
    PrimaryComponentTick.TickGroup = TG_PostUpdateWork; // after what moves cameras
}

void USpatiaCameraRig::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) {
    Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
    Follow(FPlatformTime::Seconds());
}

void USpatiaCameraRig::Follow(double NowSecs) {
    if (!bFollows || !IsValid(Bridge)) return;
    if (!Bridge->IsConnectedToServer()) return Resend(); // the next server must be told at once
    if (NowSecs < NextSecs) return;
    FSpatiaCamera Now = CameraNow();
    if (Now.Width == 0 || IsStill(Now, Last)) return;
    Now.TimeSecs = NowSecs;
    Last = Now;
    NextSecs = NowSecs + 1.0 / RateHz;
    Bridge->Tell(spatia::PoseUpdate{SpatiaConvert::ToMessage(Now)});
    OnPoseSent.Broadcast(Now);
}

FSpatiaCamera USpatiaCameraRig::CameraNow() {
    FSpatiaSight Found;
    if (!Look(Found)) return FSpatiaCamera();
    if (ImageSize.X > 0 && ImageSize.Y > 0) Found.Size = ImageSize;
    return CameraOf(Found, Bridge, FPlatformTime::Seconds());
}

FSpatiaCamera USpatiaCameraRig::CameraOf(const FSpatiaSight& Sight, const USpatiaBridgeComponent* Bridge, double TimeSecs) {
    FSpatiaCamera Camera;
    if (Sight.View.ProjectionMode != ECameraProjectionMode::Perspective || Sight.Size.X <= 0 || Sight.Size.Y <= 0) return Camera;
    const auto Width = static_cast<std::uint32_t>(Sight.Size.X), Height = static_cast<std::uint32_t>(Sight.Size.Y);
    const std::optional<spatia::Intrinsics> K = spatia::intrinsics_of(OpticsOf(Sight.View), Width, Height);
    if (!K) return Camera;
    const FTransform World(Sight.View.Rotation.Quaternion(), Sight.View.Location);
    Camera.Pose = Bridge != nullptr ? Bridge->MemoryFrom(World) : World;
    Camera.Pose.RemoveScaling();
    Camera.Fx = K->fx;
    Camera.Fy = K->fy;
    Camera.Cx = K->cx;
    Camera.Cy = K->cy;
    Camera.Width = static_cast<int32>(K->width);
    Camera.Height = static_cast<int32>(K->height);
    Camera.TimeSecs = TimeSecs;
    return Camera;
}

bool USpatiaCameraRig::Look(FSpatiaSight& Found) {
    if (Sight) return Sight(Found);
    const UWorld* World = GetWorld();
    if (World != nullptr && World->GetGameViewport() != nullptr) {
        FVector2D Size;
        World->GetGameViewport()->GetViewportSize(Size);
        Found.Size = FIntPoint(FMath::RoundToInt32(Size.X), FMath::RoundToInt32(Size.Y));
    }
    UCameraComponent* Followed = Camera;
    if (!IsValid(Followed) && GetOwner() != nullptr) Followed = GetOwner()->FindComponentByClass<UCameraComponent>();
    if (IsValid(Followed)) {
        Followed->GetCameraView(0.0f, Found.View);
        return true;
    }
    const APlayerController* Player = World != nullptr ? World->GetFirstPlayerController() : nullptr;
    if (Player == nullptr || Player->PlayerCameraManager == nullptr) return false;
    Found.View = Player->PlayerCameraManager->GetCameraCacheView();
    return true;
}
