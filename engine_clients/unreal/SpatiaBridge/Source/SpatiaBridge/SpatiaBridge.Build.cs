using UnrealBuildTool;

public class SpatiaBridge : ModuleRules
{
    public SpatiaBridge(ReadOnlyTargetRules Target) : base(Target)
    {
        PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
        PublicDependencyModuleNames.AddRange(new[] { "Core", "CoreUObject", "Engine", "LidarPointCloudRuntime", "SpatiaBridgeCore" });
        PrivateDependencyModuleNames.AddRange(new[] { "ImageCore", "ImageWrapper", "RenderCore", "RHI", "WebSockets" });
    }
}
