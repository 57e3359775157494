"""What UnrealHeaderTool and the engine's include paths would give: `make_headers.py OUT HEADER…`.

For each reflected header its `.generated.h` (Super, ThisClass, and a snapshot of the properties that an editor's undo keeps), and
for each engine header that the modules include one that stands for it. It also refuses what UnrealHeaderTool would refuse, as far
as these modules go: a generated header that is not the last include, properties and Blueprint functions of types that Blueprints
do not know.
"""

import re
import sys
from pathlib import Path

STUBS = {
    "Stub/Lidar.h": ["LidarPointCloud.h", "LidarPointCloudComponent.h", "LidarPointCloudShared.h"],
    "Stub/WebSockets.h": ["IWebSocket.h", "WebSocketsModule.h"],
    "Stub/MovieScene.h": [
        "Channels/MovieSceneChannelProxy.h", "Channels/MovieSceneDoubleChannel.h", "LevelSequence.h", "Misc/FrameRate.h",
        "MovieScene.h",
        "MovieScenePossessable.h", "Sections/MovieScene3DTransformSection.h", "Tracks/MovieScene3DTransformTrack.h",
    ],
    "Stub/Engine.h": [
        "Camera/CameraComponent.h", "Camera/CameraTypes.h", "Camera/PlayerCameraManager.h", "Components/ActorComponent.h",
        "Components/BoxComponent.h", "Components/SceneCaptureComponent2D.h", "Components/SceneComponent.h",
        "Components/SphereComponent.h", "Containers/Ticker.h", "CoreMinimal.h", "Engine/GameViewportClient.h",
        "Engine/LocalPlayer.h", "Engine/SceneCapture2D.h", "Engine/Texture2D.h", "Engine/TextureRenderTarget2D.h",
        "Engine/World.h", "GameFramework/Actor.h", "GameFramework/PlayerController.h", "HAL/PlatformTime.h", "IImageWrapper.h",
        "IImageWrapperModule.h", "ImageUtils.h", "Kismet/BlueprintAsyncActionBase.h", "Kismet/BlueprintFunctionLibrary.h",
        "Misc/PackageName.h", "Modules/ModuleManager.h", "ScopedTransaction.h", "TextureResource.h", "UObject/Object.h",
        "UObject/Package.h", "AssetRegistry/AssetRegistryModule.h",
    ],
}  # fmt: skip
BLUEPRINT_TYPES = re.compile(
    r"(const )?(bool|uint8|int32|int64|float|double|FString|FName|FText|FColor|FVector|FTransform|FIntPoint|void|[FE]Spatia\w+"
    r"|U\w+\s*\*|A\w+\s*\*|UObject\s*\*|TObjectPtr<\w+>|TArray<(int32|double|F\w+|TObjectPtr<\w+>)>)\s*&?"
)
DECLARATION = re.compile(r"\b(class|struct)\s+(?:\w+_API\s+)?(\w+)(?:\s+final)?\s*(?::\s*public\s+(\w+))?[^;{]*\{\s*$")


class RefusedError(Exception):
    """What UnrealHeaderTool would not take."""


def generated(header: Path) -> str:
    """The generated header's text; raises RefusedError."""
    lines = header.read_text().splitlines()
    includes = [line for line in lines if line.startswith("#include")]
    if includes[-1] != f'#include "{header.stem}.generated.h"':
        raise RefusedError(f"{header.name}: its generated header is not its last include")
    text = [f"#undef CURRENT_FILE_ID\n#define CURRENT_FILE_ID FID_{header.stem}\n"]
    for number, line in enumerate(lines, 1):
        if line.strip() == "GENERATED_BODY()":
            kind, name, base = _declaration(lines[: number - 1])
            end = next(i for i in range(number, len(lines)) if lines[i].startswith("};"))
            properties = list(_members(header, lines[number:end]))
            text.append(f"#define FID_{header.stem}_{number}_GENERATED_BODY {_body(kind, name, base, properties)}\n")
    return "".join(text)


def _declaration(before: list[str]) -> tuple[str, str, str]:
    found = DECLARATION.search(before[-1])
    assert found, before[-1]
    return found[1], found[2], found[3] or ""


def _body(kind: str, name: str, base: str, properties: list[str]) -> str:
    if kind == "struct":
        return ""
    ties = ", ".join(properties)
    snapshot = f"auto Saved = std::make_tuple({ties}); return [this, Saved] {{ std::tie({ties}) = Saved; }};"
    if not properties:
        snapshot = "return [] {};"
    return (
        f"public: using Super = {base}; using ThisClass = {name}; "
        f"virtual std::function<void()> StubSnapshot() override {{ {snapshot} }} private:"
    )


def _members(header: Path, lines: list[str]):
    """Names of the properties; their types and those of Blueprint functions are looked at."""
    for i, line in enumerate(lines):
        if line.strip().startswith("UPROPERTY("):
            declared = re.match(r"\s*([\w<>:,*& ]+?)\s+(\w+)\s*(=.*)?;", lines[i + 1])
            if declared is None or not BLUEPRINT_TYPES.fullmatch(declared[1]):
                raise RefusedError(f"{header.name}: no property: {lines[i + 1].strip()}")
            yield declared[2]
        elif line.strip().startswith("UFUNCTION("):
            text = " ".join(lines[i + 1 : i + 4])
            declared = re.match(r"\s*(?:static |virtual )*([\w<>:*&, ]+?)\s+\*?(\w+)\(([^)]*)\)", text)
            if declared is None:
                raise RefusedError(f"{header.name}: no function: {text.strip()}")
            types = [re.sub(r"\s*\w+\s*(=.*)?$", "", each).strip() for each in declared[3].split(",") if each.strip()]
            for each in [declared[1], *types]:
                if not BLUEPRINT_TYPES.fullmatch(each.strip()):
                    raise RefusedError(f"{header.name}: Blueprints know no {each!r} of {declared[2]}")


def main(out: Path, headers: list[Path]) -> None:
    for header in headers:
        if ".generated.h" in header.read_text():
            _write(out / f"{header.stem}.generated.h", generated(header))
    for stub, names in STUBS.items():
        for name in names:
            _write(out / name, f'#pragma once\n#include "{stub}"\n')


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
