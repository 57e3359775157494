#include "SpatiaEditorScene.h"

#include "Editor.h"
#include "EngineUtils.h"
#include "LevelEditorViewport.h"
#include "ScopedTransaction.h"
#include "Settings/LevelEditorViewportSettings.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaCameraRig.h"
#include "SpatiaMemoryActor.h"
#include "SpatiaRegion.h"

#define LOCTEXT_NAMESPACE "SpatiaEditorScene"

namespace {

UWorld* EditedWorld() { return GEditor != nullptr ? GEditor->GetEditorWorldContext().World() : nullptr; }

FLevelEditorViewportClient* View() {
    if (GCurrentLevelEditingViewportClient != nullptr && GCurrentLevelEditingViewportClient->IsPerspective()) {
        return GCurrentLevelEditingViewportClient;
    }
    for (FLevelEditorViewportClient* Each : GEditor->GetLevelViewportClients()) {
        if (Each != nullptr && Each->IsPerspective() && Each->Viewport != nullptr) return Each;
    }
    return nullptr;
}

template <class T>
T* Add(const FText& Step, const FTransform& Place) {
    UWorld* World = EditedWorld();
    if (World == nullptr) return nullptr;
    const FScopedTransaction Transaction(Step);
    FActorSpawnParameters Kept;
    Kept.ObjectFlags = RF_Transactional;
    T* Made = World->SpawnActor<T>(T::StaticClass(), Place, Kept);
    GEditor->SelectNone(false, true);
    GEditor->SelectActor(Made, true, true);
    return Made;
}

} // namespace

USpatiaBridgeComponent* SpatiaEditorScene::Bridge() {
    UWorld* World = EditedWorld();
    if (World == nullptr) return nullptr;
    for (TActorIterator<AActor> Each(World); Each; ++Each) {
        if (auto* Found = Each->FindComponentByClass<USpatiaBridgeComponent>()) return Found;
    }
    return nullptr;
}

bool SpatiaEditorScene::Sight(FSpatiaSight& Found) {
    const FLevelEditorViewportClient* Seen = View();
    if (Seen == nullptr || Seen->Viewport == nullptr) return false;
    Found.View.Location = Seen->GetViewLocation();
    Found.View.Rotation = Seen->GetViewRotation();
    Found.View.FOV = Seen->ViewFOV;
    Found.View.AspectRatio = Seen->AspectRatio;
    Found.View.bConstrainAspectRatio = Seen->IsAspectRatioConstrained();
    Found.View.AspectRatioAxisConstraint = GetDefault<ULevelEditorViewportSettings>()->AspectRatioAxisConstraint.GetValue();
    Found.Size = Seen->Viewport->GetSizeXY();
    return true;
}

ASpatiaMemoryActor* SpatiaEditorScene::AddMemory() {
    return Add<ASpatiaMemoryActor>(LOCTEXT("AddMemory", "Add Spatia to the Level"), FTransform::Identity);
}

ASpatiaRegion* SpatiaEditorScene::AddRegion() {
    FTransform Place;
    if (const FLevelEditorViewportClient* Seen = View()) {
        Place.SetLocation(Seen->GetViewLocation() + Seen->GetViewRotation().Vector() * 300.0);
    }
    return Add<ASpatiaRegion>(LOCTEXT("AddRegion", "Add Region"), Place);
}

#undef LOCTEXT_NAMESPACE
