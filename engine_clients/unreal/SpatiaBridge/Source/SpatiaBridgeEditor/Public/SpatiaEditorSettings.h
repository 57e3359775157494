#pragma once

#include "CoreMinimal.h"
#include "UObject/Object.h"

#include "SpatiaEditorSettings.generated.h"

/** What the Spatia tab remembers: in the project's Saved folder, which is not to be committed, since there may be a token among it. */
UCLASS(Config = EditorPerProjectUserSettings)
class USpatiaEditorSettings : public UObject {
    GENERATED_BODY()

public:
    UPROPERTY(Config)
    FString Url = TEXT("ws://127.0.0.1:50052");
    UPROPERTY(Config)
    FString Session = TEXT("my-level");
    UPROPERTY(Config)
    FString Token;
    UPROPERTY(Config)
    FString Prompt;
    UPROPERTY(Config)
    int32 Clips = 1;
    UPROPERTY(Config)
    int32 Width = 320;
    UPROPERTY(Config)
    int32 Height = 180;
    UPROPERTY(Config)
    bool bAutoAccept = false;
    UPROPERTY(Config)
    bool bStreamCamera = true;
};
