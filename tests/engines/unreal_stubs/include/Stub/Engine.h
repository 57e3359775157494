// Stand-ins for Unreal's objects, actors, components, cameras and images. Objects live until the program ends.
#pragma once

#include "Stub/Core.h"

#define UCLASS(...)
#define USTRUCT(...)
#define UENUM(...)
#define UPROPERTY(...)
#define UFUNCTION(...)
#define BODY_MACRO_COMBINE_INNER(A, B, C, D) A##B##C##D
#define BODY_MACRO_COMBINE(A, B, C, D) BODY_MACRO_COMBINE_INNER(A, B, C, D)
#define GENERATED_BODY(...) BODY_MACRO_COMBINE(CURRENT_FILE_ID, _, __LINE__, _GENERATED_BODY)
#define IMPLEMENT_MODULE(CLASS, NAME) static_assert(sizeof(CLASS) > 0, "a module");
struct FDefaultModuleImpl {};

enum EObjectFlags { RF_NoFlags = 0, RF_Public = 1, RF_Standalone = 2, RF_Transactional = 8, RF_Transient = 0x40 };
inline EObjectFlags operator|(EObjectFlags A, EObjectFlags B) { return static_cast<EObjectFlags>(static_cast<int>(A) | static_cast<int>(B)); }

class UWorld;
class UClass;
class AActor;
struct FPropertyChangedEvent {};

class UObject {
public:
    virtual ~UObject() = default;
    virtual UWorld* GetWorld() const { return Outer != nullptr ? Outer->GetWorld() : nullptr; }
    virtual void BeginDestroy() {}
    virtual void PostEditUndo() {}
    virtual void PostEditChangeProperty(FPropertyChangedEvent&) {}
    bool Modify(bool = true);
    bool MarkPackageDirty() const { return true; }
    UObject* GetOuter() const { return Outer; }
    UClass* GetClass() const { return nullptr; }
    /** Puts properties back to what they are now. */
    virtual std::function<void()> StubSnapshot() {
        return [] {};
    }

    UObject* Outer = nullptr;
    FName StubName;
    bool bStubDestroyed = false;
    inline static UObject* StubNextOuter = nullptr;
    UObject() : Outer(StubNextOuter) {}
    inline static std::vector<std::unique_ptr<UObject>> StubAll;
};
using UPackage = UObject;

inline bool IsValid(const UObject* Object) { return Object != nullptr && !Object->bStubDestroyed; }

template <class T>
T* NewObject(UObject* Outer = nullptr, FName Name = NAME_None, EObjectFlags = RF_NoFlags) {
    UObject* const Before = UObject::StubNextOuter;
    UObject::StubNextOuter = Outer;
    T* Made = new T();
    UObject::StubNextOuter = Before;
    Made->StubName = Name;
    UObject::StubAll.emplace_back(Made);
    return Made;
}
template <class T, class From>
T* Cast(From* Object) {
    return dynamic_cast<T*>(Object);
}
template <class T>
const T* GetDefault() {
    static T One;
    return &One;
}
inline UPackage* CreatePackage(const TCHAR*) { return NewObject<UPackage>(); }

template <class T>
class TObjectPtr {
public:
    TObjectPtr(T* InObject = nullptr) : Object(InObject) {}
    operator T*() const { return Object; }
    T* operator->() const { return Object; }
    T& operator*() const { return *Object; }
    T* Get() const { return Object; }

private:
    T* Object;
};
template <class T>
class TWeakObjectPtr {
public:
    TWeakObjectPtr(T* InObject = nullptr) : Object(InObject) {}
    bool IsValid() const { return ::IsValid(Object); }
    T* Get() const { return IsValid() ? Object : nullptr; }
    T* operator->() const { return Get(); }

private:
    T* Object;
};

// What the editor's undo would do: the properties of each modified object go back, then it is told.
struct FStubTransaction {
    std::vector<std::pair<UObject*, std::function<void()>>> Modified;
    inline static FStubTransaction* Open = nullptr;
    inline static std::vector<FStubTransaction> Undos, Redos;
    static void Step(std::vector<FStubTransaction>& From, std::vector<FStubTransaction>& To) {
        FStubTransaction Taken = From.back(), Other;
        From.pop_back();
        for (auto& [Object, Restore] : Taken.Modified) Other.Modified.emplace_back(Object, Object->StubSnapshot());
        for (auto& [Object, Restore] : Taken.Modified) Restore();
        To.push_back(Other);
        for (auto& [Object, Restore] : Taken.Modified) Object->PostEditUndo();
    }
};
inline bool UObject::Modify(bool) {
    if (FStubTransaction::Open != nullptr) FStubTransaction::Open->Modified.emplace_back(this, StubSnapshot());
    return true;
}
class FScopedTransaction {
public:
    explicit FScopedTransaction(const FText&) : Before(FStubTransaction::Open) { FStubTransaction::Open = &Made; }
    ~FScopedTransaction() {
        FStubTransaction::Open = Before;
        FStubTransaction::Undos.push_back(Made);
        FStubTransaction::Redos.clear();
    }
    FScopedTransaction(const FScopedTransaction&) = delete;

private:
    FStubTransaction Made;
    FStubTransaction* Before;
};

// ------------------------------------------------------------------------------------------------------------- components

enum ELevelTick { LEVELTICK_All };
enum ETickingGroup { TG_PrePhysics, TG_PostUpdateWork };
struct FActorComponentTickFunction {
    bool bCanEverTick = false;
    ETickingGroup TickGroup = TG_PrePhysics;
};
namespace EEndPlayReason {
enum Type { Destroyed, EndPlayInEditor };
}
namespace ECollisionEnabled {
enum Type { NoCollision };
}

class UActorComponent : public UObject {
public:
    virtual void BeginPlay() {}
    virtual void EndPlay(const EEndPlayReason::Type) {}
    virtual void TickComponent(float, ELevelTick, FActorComponentTickFunction*) {}
    virtual void OnComponentDestroyed(bool) {}
    void RegisterComponent() {}
    void DestroyComponent(bool = false) {
        OnComponentDestroyed(false);
        bStubDestroyed = true;
    }
    inline AActor* GetOwner() const;
    FActorComponentTickFunction PrimaryComponentTick;
    bool bTickInEditor = false;
};

class USceneComponent : public UActorComponent {
public:
    void SetupAttachment(USceneComponent* Parent) { AttachParent = Parent; }
    FTransform GetComponentTransform() const {
        return AttachParent != nullptr ? StubRelative * AttachParent->GetComponentTransform() : StubRelative;
    }
    FVector GetComponentScale() const { return GetComponentTransform().GetScale3D(); }
    void SetWorldTransform(const FTransform& World) {
        StubRelative = AttachParent != nullptr ? World.GetRelativeTransform(AttachParent->GetComponentTransform()) : World;
    }
    void SetRelativeTransform(const FTransform& Transform) { StubRelative = Transform; }
    void SetVisibility(bool) {}

private:
    USceneComponent* AttachParent = nullptr;
    FTransform StubRelative;
};
class UPrimitiveComponent : public USceneComponent {
public:
    void SetCollisionEnabled(ECollisionEnabled::Type) {}
};
class UMeshComponent : public UPrimitiveComponent {};
class UBoxComponent : public UPrimitiveComponent {
public:
    void SetBoxExtent(FVector, bool = true) {}
};
class USphereComponent : public UPrimitiveComponent {
public:
    void SetSphereRadius(float, bool = true) {}
};

class AActor : public UObject {
public:
    virtual void OnConstruction(const FTransform&) {}
    template <class T>
    T* CreateDefaultSubobject(const TCHAR* Name) {
        T* Made = NewObject<T>(this, FName(Name));
        Components.push_back(Made);
        return Made;
    }
    template <class T>
    T* FindComponentByClass() const {
        for (UActorComponent* Each : Components) {
            if (T* Found = dynamic_cast<T*>(Each)) return Found;
        }
        return nullptr;
    }
    void StubAdd(UActorComponent* Component) { Components.push_back(Component); }
    bool SetRootComponent(USceneComponent* Root) {
        RootComponent = Root;
        return true;
    }
    FTransform GetActorTransform() const { return RootComponent != nullptr ? RootComponent->GetComponentTransform() : FTransform(); }
    FVector GetActorLocation() const { return GetActorTransform().GetLocation(); }
    bool SetActorTransform(const FTransform& Transform) {
        if (RootComponent != nullptr) RootComponent->SetWorldTransform(Transform);
        return RootComponent != nullptr;
    }
    bool SetActorLocationAndRotation(FVector Place, const FQuat& Turn) { return SetActorTransform(FTransform(Turn, Place)); }
    const FString& GetActorLabel() const { return Label; }
    bool Destroy() { return bStubDestroyed = true; }
    FString Label;

protected:
    TObjectPtr<USceneComponent> RootComponent;

private:
    std::vector<UActorComponent*> Components;
};
inline AActor* UActorComponent::GetOwner() const {
    for (UObject* Each = Outer; Each != nullptr; Each = Each->Outer) {
        if (AActor* Found = dynamic_cast<AActor*>(Each)) return Found;
    }
    return nullptr;
}

class UBlueprintFunctionLibrary : public UObject {};
class UBlueprintAsyncActionBase : public UObject {
public:
    virtual void Activate() {}
    void RegisterWithGameInstance(const UObject*) {}
    void SetReadyToDestroy() { bStubReady = true; }
    bool bStubReady = false;
};

// ---------------------------------------------------------------------------------------------------------------- cameras

enum EAspectRatioAxisConstraint { AspectRatio_MaintainYFOV, AspectRatio_MaintainXFOV, AspectRatio_MajorAxisFOV, AspectRatio_MAX };
namespace ECameraProjectionMode {
enum Type { Perspective, Orthographic };
}
struct FMinimalViewInfo {
    FVector Location;
    FRotator Rotation;
    float FOV = 90.0f;
    float AspectRatio = 1.33333333f;
    TOptional<EAspectRatioAxisConstraint> AspectRatioAxisConstraint;
    bool bConstrainAspectRatio = false;
    TEnumAsByte<ECameraProjectionMode::Type> ProjectionMode = ECameraProjectionMode::Perspective;
    FVector2D OffCenterProjectionOffset;
};

class UCameraComponent : public USceneComponent {
public:
    float FieldOfView = 90.0f;
    float AspectRatio = 1.777778f;
    bool bConstrainAspectRatio = false;
    bool bOverrideAspectRatioAxisConstraint = false;
    TEnumAsByte<EAspectRatioAxisConstraint> AspectRatioAxisConstraint = AspectRatio_MaintainXFOV;
    TEnumAsByte<ECameraProjectionMode::Type> ProjectionMode = ECameraProjectionMode::Perspective;
    virtual void GetCameraView(float, FMinimalViewInfo& View) {
        View.Location = GetComponentTransform().GetLocation();
        View.Rotation = GetComponentTransform().Rotator();
        View.FOV = FieldOfView;
        View.AspectRatio = AspectRatio;
        View.bConstrainAspectRatio = bConstrainAspectRatio;
        View.ProjectionMode = ProjectionMode;
        if (bOverrideAspectRatioAxisConstraint) View.AspectRatioAxisConstraint = AspectRatioAxisConstraint.GetValue();
    }
};
struct FCameraFilmbackSettings {
    float SensorWidth = 24.89f, SensorHeight = 18.67f;
};
struct FCameraLensSettings {
    float SqueezeFactor = 1.0f;
};
struct FPlateCropSettings {
    float AspectRatio = 0.0f;
};
// The filmback squeezed, then cut to the plate's aspect, seen through the focal length.
class UCineCameraComponent : public UCameraComponent {
public:
    FCameraFilmbackSettings Filmback;
    FCameraLensSettings LensSettings;
    FPlateCropSettings CropSettings;
    float CurrentFocalLength = 35.0f;
    UCineCameraComponent() { bConstrainAspectRatio = true; }
    virtual void GetCameraView(float Secs, FMinimalViewInfo& View) override {
        double Width = static_cast<double>(Filmback.SensorWidth) * LensSettings.SqueezeFactor;
        double Aspect = Width / Filmback.SensorHeight;
        if (CropSettings.AspectRatio > 0) {
            if (CropSettings.AspectRatio < Aspect) Width *= CropSettings.AspectRatio / Aspect;
            Aspect = CropSettings.AspectRatio;
        }
        FieldOfView = static_cast<float>(FMath::RadiansToDegrees(2 * std::atan(Width / (2 * CurrentFocalLength))));
        AspectRatio = static_cast<float>(Aspect);
        UCameraComponent::GetCameraView(Secs, View);
    }
};

class ULocalPlayer : public UObject {
public:
    TEnumAsByte<EAspectRatioAxisConstraint> AspectRatioAxisConstraint = AspectRatio_MaintainXFOV;
};
class UGameViewportClient : public UObject {
public:
    FVector2D StubSize = FVector2D(1280, 720);
    void GetViewportSize(FVector2D& Size) const { Size = StubSize; }
};
class APlayerCameraManager : public AActor {
public:
    FMinimalViewInfo StubView;
    const FMinimalViewInfo& GetCameraCacheView() const { return StubView; }
};
class APlayerController : public AActor {
public:
    TObjectPtr<APlayerCameraManager> PlayerCameraManager;
};

struct FActorSpawnParameters {
    EObjectFlags ObjectFlags = RF_NoFlags;
    FName Name;
};
class UWorld : public UObject {
public:
    virtual UWorld* GetWorld() const override { return const_cast<UWorld*>(this); }
    UGameViewportClient* GetGameViewport() const { return Viewport; }
    APlayerController* GetFirstPlayerController() const { return Player; }
    template <class T>
    T* SpawnActor(const FActorSpawnParameters& = FActorSpawnParameters()) {
        T* Made = NewObject<T>(this);
        Actors.push_back(Made);
        return Made;
    }
    UGameViewportClient* Viewport = nullptr;
    APlayerController* Player = nullptr;
    std::vector<AActor*> Actors;
};

// ----------------------------------------------------------------------------------------------------------------- images

class UTexture : public UObject {};
class UTexture2D : public UTexture {
public:
    TArray<uint8> StubFile;
};
class FImageUtils {
public:
    static UTexture2D* ImportBufferAsTexture2D(const TArray<uint8>& Buffer) {  // not decoded
        UTexture2D* Made = NewObject<UTexture2D>();
        Made->StubFile = Buffer;
        return Made;
    }
};

enum class EImageFormat : int8 { PNG = 0, JPEG = 1 };
enum class ERGBFormat : int8 { RGBA = 0, BGRA = 1, Gray = 2 };
class IImageWrapper {
public:
    virtual ~IImageWrapper() = default;
    virtual bool SetRaw(const void* Raw, int64 Size, int32 Width, int32 Height, ERGBFormat Format, int32 Bits) = 0;
    virtual TArray64<uint8> GetCompressed(int32 Quality = 0) = 0;
};
class IImageWrapperModule {
public:
    TSharedPtr<IImageWrapper> CreateImageWrapper(EImageFormat Format);  // PNG alone: stub_images.cpp
};
class FModuleManager {
public:
    template <class T>
    static T& LoadModuleChecked(const FName&) {
        static T One;
        return One;
    }
};

enum ETextureRenderTargetFormat { RTF_RGBA8, RTF_RGBA32f, RTF_RGBA8_SRGB };
enum ERangeCompressionMode { RCM_UNorm, RCM_SNorm, RCM_MinNorm, RCM_MinMax };
enum ECubeFace { CubeFace_PosX, CubeFace_MAX };
struct FReadSurfaceDataFlags {
    ERangeCompressionMode Mode;
    FReadSurfaceDataFlags(ERangeCompressionMode InMode = RCM_UNorm, ECubeFace = CubeFace_MAX) : Mode(InMode) {}
};
class FTextureRenderTargetResource {
public:
    TArray<FColor> Colours;
    TArray<FLinearColor> Values;
    bool ReadPixels(TArray<FColor>& Out, FReadSurfaceDataFlags = FReadSurfaceDataFlags()) { return Out = Colours, true; }
    bool ReadLinearColorPixels(TArray<FLinearColor>& Out, FReadSurfaceDataFlags Flags = FReadSurfaceDataFlags(RCM_MinMax, CubeFace_MAX)) {
        if (Flags.Mode != RCM_MinMax) return false;  // would be cut to 0 … 1
        return Out = Values, true;
    }
};
class UTextureRenderTarget2D : public UTexture {
public:
    TEnumAsByte<ETextureRenderTargetFormat> RenderTargetFormat = RTF_RGBA8;
    float TargetGamma = 0;
    void InitAutoFormat(uint32 Width, uint32 Height) { SizeX = static_cast<int32>(Width), SizeY = static_cast<int32>(Height); }
    void UpdateResourceImmediate(bool = true) {}
    FTextureRenderTargetResource* GameThread_GetRenderTargetResource() { return &Resource; }
    int32 SizeX = 0, SizeY = 0;
    FTextureRenderTargetResource Resource;
};
enum ESceneCaptureSource { SCS_SceneColorHDR, SCS_FinalColorLDR, SCS_SceneDepth };
class USceneCaptureComponent2D : public USceneComponent {
public:
    bool bCaptureEveryFrame = true, bCaptureOnMovement = true, bAlwaysPersistRenderingState = false;
    float FOVAngle = 90.0f;
    TEnumAsByte<ESceneCaptureSource> CaptureSource = SCS_SceneColorHDR;
    TObjectPtr<UTextureRenderTarget2D> TextureTarget;
    void HideActorComponents(AActor* Actor, bool = false) { StubHidden.push_back(Actor); }
    void CaptureScene() { StubScene(*this); }
    std::vector<AActor*> StubHidden;
    inline static std::function<void(USceneCaptureComponent2D&)> StubScene;  // what there is to see
};
class ASceneCapture2D : public AActor {
public:
    ASceneCapture2D() {
        Component = CreateDefaultSubobject<USceneCaptureComponent2D>(TEXT("Capture"));
        SetRootComponent(Component);
    }
    USceneCaptureComponent2D* GetCaptureComponent2D() const { return Component; }

private:
    USceneCaptureComponent2D* Component;
};

struct FPackageName {
    static FString GetShortName(const FString& Path) {
        const std::string Narrow = StubUtf8(*Path);
        return FString(Narrow.substr(Narrow.rfind('/') + 1).c_str());
    }
};
struct FAssetRegistryModule {
    static void AssetCreated(UObject* Asset) { StubCreated = Asset; }
    inline static UObject* StubCreated = nullptr;
};
