#pragma once

#include "CoreMinimal.h"
#include "Styling/SlateBrush.h"
#include "UObject/StrongObjectPtr.h"
#include "Widgets/SCompoundWidget.h"

class SVerticalBox;
class USpatiaCameraRig;
class USpatiaPanelModel;

/** The Spatia tab: connect, seed from the editor's view, generate along the recorded camera, keep or discard takes, undo. */
class SSpatiaPanel : public SCompoundWidget {
public:
    SLATE_BEGIN_ARGS(SSpatiaPanel) {}
    SLATE_END_ARGS()

    void Construct(const FArguments& Arguments);
    virtual ~SSpatiaPanel() override;
    virtual void Tick(const FGeometry& Geometry, const double NowSecs, const float DeltaSecs) override;

private:
    TSharedRef<SWidget> Section(const FText& Title);
    TSharedRef<SWidget> TextField(const FText& Title, const FText& Hint, FString& Value, bool bSecret = false);
    TSharedRef<SWidget> NumberField(const FText& Title, int32& Value, int32 Low, int32 High);
    TSharedRef<SWidget> CheckField(const FText& Title, bool& bValue);
    TSharedRef<SWidget> Button(TAttribute<FText> Title, const FText& Hint, TFunction<void()> Pressed, TFunction<bool()> Enabled = nullptr);
    TSharedRef<SWidget> ClipView();
    void ShowTakes();

    void ToggleConnection();
    void AddToLevel();
    void AddRegion();
    void Seed(bool bAllRound);
    void Bake();
    void ToggleRecording();
    void Generate();
    void FromSequencer();
    void ToSequencer();

    TStrongObjectPtr<USpatiaPanelModel> Model;
    TStrongObjectPtr<USpatiaCameraRig> Rig; // follows the editor's view
    TSharedPtr<SVerticalBox> Takes;
    TArray<int32> ShownTakes;
    FSlateBrush Frame;
    int32 Slider = 0;
    bool bFollowsNewest = true;
    FDelegateHandle Saying;
};
