#include "Framework/Docking/TabManager.h"
#include "Modules/ModuleManager.h"
#include "PropertyEditorModule.h"
#include "Widgets/Docking/SDockTab.h"
#include "WorkspaceMenuStructure.h"
#include "WorkspaceMenuStructureModule.h"

#include "SSpatiaPanel.h"
#include "SpatiaRegion.h"
#include "SpatiaRegionDetails.h"

#define LOCTEXT_NAMESPACE "SpatiaBridgeEditor"

namespace {

const FName TabName(TEXT("Spatia"));
const FName RegionName(TEXT("SpatiaRegion")); // the class without its A
const FName PropertyEditor(TEXT("PropertyEditor"));

} // namespace

/** The editor's part of the plug-in: the tab (Tools › Level Editor › Spatia), and what can be done with a selected region. */
class FSpatiaBridgeEditorModule final : public IModuleInterface {
public:
    virtual void StartupModule() override {
        FGlobalTabmanager::Get()
            ->RegisterNomadTabSpawner(TabName, FOnSpawnTab::CreateLambda([](const FSpawnTabArgs&) {
                                          return SNew(SDockTab).TabRole(ETabRole::NomadTab)[SNew(SSpatiaPanel)];
                                      }))
            .SetDisplayName(LOCTEXT("Tab", "Spatia"))
            .SetTooltipText(LOCTEXT("TabHint", "The level's memory: connect, seed, generate, keep"))
            .SetGroup(WorkspaceMenu::GetMenuStructure().GetLevelEditorCategory());
        FModuleManager::LoadModuleChecked<FPropertyEditorModule>(PropertyEditor)
            .RegisterCustomClassLayout(RegionName, FOnGetDetailCustomizationInstance::CreateStatic(&FSpatiaRegionDetails::MakeInstance));
    }

    virtual void ShutdownModule() override {
        FGlobalTabmanager::Get()->UnregisterNomadTabSpawner(TabName);
        if (auto* Editor = FModuleManager::GetModulePtr<FPropertyEditorModule>(PropertyEditor)) {
            Editor->UnregisterCustomClassLayout(RegionName);
        }
    }
};

IMPLEMENT_MODULE(FSpatiaBridgeEditorModule, SpatiaBridgeEditor)

#undef LOCTEXT_NAMESPACE
