using UnrealBuildTool;

// The protocol core, plain C++17: what CMakeLists.txt builds for everyone else.
public class SpatiaBridgeCore : ModuleRules
{
    public SpatiaBridgeCore(ReadOnlyTargetRules Target) : base(Target)
    {
        PCHUsage = PCHUsageMode.NoPCHs;
        bUseUnity = false; // its sources have unnamed namespaces of their own
        PrivateDependencyModuleNames.Add("Core"); // for the module's entry point alone
        AddEngineThirdPartyPrivateStaticDependencies(Target, "zlib");
    }
}
