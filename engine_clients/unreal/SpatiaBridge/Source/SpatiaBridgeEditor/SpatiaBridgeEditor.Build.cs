using UnrealBuildTool;

public class SpatiaBridgeEditor : ModuleRules
{
    public SpatiaBridgeEditor(ReadOnlyTargetRules Target) : base(Target)
    {
        PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
        PublicDependencyModuleNames.AddRange(new[] { "Core", "CoreUObject", "Engine", "SpatiaBridge", "SpatiaBridgeCore" });
        PrivateDependencyModuleNames.AddRange(new[] {
            "AppFramework", "AssetRegistry", "EditorFramework", "EditorSubsystem", "InputCore", "LevelSequence", "LidarPointCloudRuntime",
            "MovieScene", "MovieSceneTracks", "PropertyEditor", "Slate", "SlateCore", "UnrealEd", "WorkspaceMenuStructure",
        });
    }
}
