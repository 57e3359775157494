#include "SpatiaCapture.h"

#include "Components/SceneCaptureComponent2D.h"
#include "Engine/SceneCapture2D.h"
#include "Engine/TextureRenderTarget2D.h"
#include "Engine/World.h"
#include "HAL/PlatformTime.h"
#include "IImageWrapper.h"
#include "IImageWrapperModule.h"
#include "Modules/ModuleManager.h"
#include "TextureResource.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaCameraRig.h"
#include "SpatiaLog.h"
#include "SpatiaMemoryComponent.h"

namespace {

TArray<uint8> ToPng(const TArray<FColor>& Colours, int32 Width, int32 Height) {
    IImageWrapperModule& Images = FModuleManager::LoadModuleChecked<IImageWrapperModule>(FName(TEXT("ImageWrapper")));
    const TSharedPtr<IImageWrapper> Png = Images.CreateImageWrapper(EImageFormat::PNG);
    TArray<FColor> Opaque = Colours; // what a capture leaves in alpha is no opacity
    for (FColor& Colour : Opaque) Colour.A = 255;
    TArray<uint8> Bytes;
    if (Png.IsValid() && Png->SetRaw(Opaque.GetData(), Opaque.Num() * static_cast<int64>(sizeof(FColor)), Width, Height, ERGBFormat::BGRA, 8)) {
        const TArray64<uint8> Compressed = Png->GetCompressed();
        Bytes.Append(Compressed.GetData(), static_cast<int32>(Compressed.Num()));
    }
    return Bytes;
}

UTextureRenderTarget2D* Target(UObject* Owner, ETextureRenderTargetFormat Format, int32 Width, int32 Height) {
    UTextureRenderTarget2D* Made = NewObject<UTextureRenderTarget2D>(Owner);
    Made->RenderTargetFormat = Format;
    Made->InitAutoFormat(static_cast<uint32>(Width), static_cast<uint32>(Height));
    Made->UpdateResourceImmediate(true);
    return Made;
}

void Capture(USceneCaptureComponent2D& Camera, UTextureRenderTarget2D* Into, ESceneCaptureSource Source) {
    Camera.TextureTarget = Into;
    Camera.CaptureSource = Source;
    Camera.CaptureScene();
}

} // namespace

TArray<FSpatiaView> USpatiaCapture::Views(UObject* WorldContext, const USpatiaBridgeComponent* Bridge, const TArray<FTransform>& Places,
                                          double HorizontalFovDegrees, int32 Width, int32 Height) {
    TArray<FSpatiaView> Found;
    UWorld* World = WorldContext != nullptr ? WorldContext->GetWorld() : nullptr;
    if (World == nullptr || Width <= 0 || Height <= 0) {
        UE_LOG(LogSpatia, Warning, TEXT("Spatia Capture: there is no world, or the picture has no size"));
        return Found;
    }
    FActorSpawnParameters Transient;
    Transient.ObjectFlags = RF_Transient;
    ASceneCapture2D* Actor = World->SpawnActor<ASceneCapture2D>(Transient);
    USceneCaptureComponent2D& Camera = *Actor->GetCaptureComponent2D();
    Camera.bCaptureEveryFrame = Camera.bCaptureOnMovement = false;
    Camera.bAlwaysPersistRenderingState = true; // so that exposure does not begin anew with each picture
    Camera.FOVAngle = static_cast<float>(HorizontalFovDegrees);
    if (Bridge != nullptr && Bridge->GetMemory() != nullptr) Camera.HideActorComponents(Bridge->GetMemory()->GetOwner());
    UTextureRenderTarget2D* Colour = Target(Actor, RTF_RGBA8, Width, Height);
    Colour->TargetGamma = 2.2f; // as on a display; a target's own default may be linear light
    UTextureRenderTarget2D* Depth = Target(Actor, RTF_RGBA32f, Width, Height);
    for (const FTransform& Place : Places) {
        Actor->SetActorLocationAndRotation(Place.GetLocation(), Place.GetRotation());
        Capture(Camera, Colour, SCS_FinalColorLDR);
        Capture(Camera, Depth, SCS_SceneDepth);
        TArray<FColor> Colours;
        TArray<FLinearColor> Depths;
        // RCM_MinMax: as they are, not clamped to 0 … 1.
        const bool bRead = Colour->GameThread_GetRenderTargetResource()->ReadPixels(Colours) &&
                           Depth->GameThread_GetRenderTargetResource()->ReadLinearColorPixels(Depths, FReadSurfaceDataFlags(RCM_MinMax));
        if (bRead) Found.Add(ViewOf(Bridge, Place, HorizontalFovDegrees, Width, Height, Colours, Depths));
    }
    Actor->Destroy();
    return Found;
}

FSpatiaView USpatiaCapture::ViewOf(const USpatiaBridgeComponent* Bridge, const FTransform& Place, double HorizontalFovDegrees, int32 Width,
                                   int32 Height, const TArray<FColor>& Colours, const TArray<FLinearColor>& Depths) {
    FSpatiaSight Sight;
    Sight.View.Location = Place.GetLocation();
    Sight.View.Rotation = Place.Rotator();
    Sight.View.FOV = static_cast<float>(HorizontalFovDegrees);
    Sight.View.AspectRatioAxisConstraint = AspectRatio_MaintainXFOV; // a capture's angle is always the horizontal one
    Sight.Size = FIntPoint(Width, Height);
    FSpatiaView View;
    View.Camera = USpatiaCameraRig::CameraOf(Sight, Bridge, FPlatformTime::Seconds());
    View.Colour = ToPng(Colours, Width, Height);
    View.Depth.Reserve(Depths.Num());
    for (const FLinearColor& Each : Depths) View.Depth.Add(Each.R);
    const USpatiaMemoryComponent* Memory = Bridge != nullptr ? Bridge->GetMemory() : nullptr;
    View.MetresPerUnit = 0.01 / (Memory != nullptr ? Memory->GetComponentScale().X : 1.0);
    return View;
}

TArray<FTransform> USpatiaCapture::Sweep(const TArray<FVector>& Places, int32 Steps) {
    TArray<FTransform> Found;
    for (const FVector& Place : Places) {
        for (int32 i = 0; i < Steps; ++i) Found.Emplace(FQuat(FVector::UpVector, UE_DOUBLE_TWO_PI * i / Steps), Place);
    }
    return Found;
}
