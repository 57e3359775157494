#include "SSpatiaPanel.h"

#include "Editor.h"
#include "Engine/Selection.h"
#include "Engine/Texture2D.h"
#include "GameFramework/Actor.h"
#include "HAL/PlatformTime.h"
#include "LevelSequence.h"
#include "LidarPointCloud.h"
#include "Misc/Paths.h"
#include "ScopedTransaction.h"
#include "Styling/AppStyle.h"
#include "Subsystems/AssetEditorSubsystem.h"
#include "Widgets/Images/SImage.h"
#include "Widgets/Input/SButton.h"
#include "Widgets/Input/SCheckBox.h"
#include "Widgets/Input/SEditableTextBox.h"
#include "Widgets/Input/SSlider.h"
#include "Widgets/Input/SSpinBox.h"
#include "Widgets/Layout/SBox.h"
#include "Widgets/Layout/SScrollBox.h"
#include "Widgets/Layout/SWrapBox.h"
#include "Widgets/Notifications/SProgressBar.h"
#include "Widgets/SBoxPanel.h"
#include "Widgets/Text/STextBlock.h"

#include "SpatiaBake.h"
#include "SpatiaBridgeComponent.h"
#include "SpatiaCameraRig.h"
#include "SpatiaCapture.h"
#include "SpatiaEditorScene.h"
#include "SpatiaEditorSettings.h"
#include "SpatiaMemoryComponent.h"
#include "SpatiaPanelModel.h"
#include "SpatiaPath.h"
#include "SpatiaRegionEdit.h"
#include "SpatiaSequencer.h"

#define LOCTEXT_NAMESPACE "SSpatiaPanel"

namespace {

constexpr int32 SeedWidth = 640, SeedHeight = 360, SweepSteps = 6;
constexpr double SweepFovDegrees = 75; // six looks overlap

USpatiaEditorSettings& Settings() { return *GetMutableDefault<USpatiaEditorSettings>(); }

FSpatiaGenerateOptions GenerateOptions() {
    FSpatiaGenerateOptions Options;
    Options.Clips = Settings().Clips;
    Options.Width = Settings().Width;
    Options.Height = Settings().Height;
    Options.bAutoAccept = Settings().bAutoAccept;
    return Options;
}

ULevelSequence* OpenSequence() {
    if (GEditor == nullptr) return nullptr;
    for (UObject* Asset : GEditor->GetEditorSubsystem<UAssetEditorSubsystem>()->GetAllEditedAssets()) {
        if (auto* Found = Cast<ULevelSequence>(Asset)) return Found;
    }
    return nullptr;
}

AActor* SelectedActor() { return GEditor != nullptr ? GEditor->GetSelectedActors()->GetTop<AActor>() : nullptr; }

FTransform WorldFromMemory(const USpatiaBridgeComponent& Bridge) {
    return Bridge.GetMemory() != nullptr ? Bridge.GetMemory()->GetComponentTransform() : FTransform::Identity;
}

} // namespace

void SSpatiaPanel::Construct(const FArguments&) {
    Model = TStrongObjectPtr<USpatiaPanelModel>(NewObject<USpatiaPanelModel>());
    Rig = TStrongObjectPtr<USpatiaCameraRig>(NewObject<USpatiaCameraRig>());
    Rig->Sight = &SpatiaEditorScene::Sight;
    Saying = USpatiaRegionEdit::Said.AddLambda([this](const FString& Text) { Model->Say(Text); });
    const auto Online = [this] { return Model->IsOnline(); };
    const auto Ask = [this](const TCHAR* What, USpatiaReply* Reply) { Model->Follow(What, Reply); };
    const auto Bridge = [this] { return Model->GetBridge(); };
    USpatiaEditorSettings& Kept = Settings();
    // clang-format off
    ChildSlot[SNew(SScrollBox)
        + SScrollBox::Slot()[Section(LOCTEXT("Server", "Server"))]
        + SScrollBox::Slot()[TextField(LOCTEXT("Address", "Address"), LOCTEXT("AddressHint", "ws://host:port of spatia-bridge serve"), Kept.Url)]
        + SScrollBox::Slot()[TextField(LOCTEXT("Session", "Session"), LOCTEXT("SessionHint", "Which scene on the server; made if there is none"), Kept.Session)]
        + SScrollBox::Slot()[TextField(LOCTEXT("Token", "Token"), LOCTEXT("TokenHint", "If the server wants one"), Kept.Token, true)]
        + SScrollBox::Slot()[SNew(SWrapBox).UseAllottedSize(true)
            + SWrapBox::Slot()[Button(TAttribute<FText>::CreateLambda([this] {
                const USpatiaBridgeComponent* Found = Model->GetBridge();
                return Found != nullptr && Found->IsWanted() ? LOCTEXT("Disconnect", "Disconnect") : LOCTEXT("Connect", "Connect");
              }), FText::GetEmpty(), [this] { ToggleConnection(); })]
            + SWrapBox::Slot()[Button(LOCTEXT("Add", "Add to level"), LOCTEXT("AddHint", "Puts a Spatia Memory Actor into the level"), [this] { AddToLevel(); })]]
        + SScrollBox::Slot()[SNew(STextBlock).Text_Lambda([this] { return FText::FromString(Model->Status()); })]
        + SScrollBox::Slot()[Section(LOCTEXT("Memory", "Memory"))]
        + SScrollBox::Slot()[SNew(SWrapBox).UseAllottedSize(true)
            + SWrapBox::Slot()[Button(LOCTEXT("SeedView", "Seed view"), LOCTEXT("SeedViewHint", "What the editor's view shows becomes memory, with its depth"), [this] { Seed(false); }, Online)]
            + SWrapBox::Slot()[Button(LOCTEXT("SeedRound", "Seed all round"), LOCTEXT("SeedRoundHint", "The same for a full turn of the editor's view"), [this] { Seed(true); }, Online)]
            + SWrapBox::Slot()[Button(LOCTEXT("Undo", "Undo"), LOCTEXT("UndoHint", "Takes back the newest change of memory"), [Ask, Bridge] { Ask(TEXT("Undo"), Bridge()->Undo()); },
                [this] { return Model->IsOnline() && Model->GetBridge()->GetRevision().bCanUndo; })]
            + SWrapBox::Slot()[Button(LOCTEXT("Redo", "Redo"), FText::GetEmpty(), [Ask, Bridge] { Ask(TEXT("Redo"), Bridge()->Redo()); },
                [this] { return Model->IsOnline() && Model->GetBridge()->GetRevision().bCanRedo; })]
            + SWrapBox::Slot()[Button(LOCTEXT("Region", "Add region"), LOCTEXT("RegionHint", "A box to remove, lock or recolour memory in"), [this] { AddRegion(); })]
            + SWrapBox::Slot()[Button(LOCTEXT("Bake", "Bake"), LOCTEXT("BakeHint", "Writes memory as a LiDAR point cloud of the project, which needs no server"), [this] { Bake(); })]]
        + SScrollBox::Slot()[Section(LOCTEXT("Generate", "Generate"))]
        + SScrollBox::Slot()[TextField(LOCTEXT("Prompt", "Prompt"), LOCTEXT("PromptHint", "What to show, for generators that read it"), Kept.Prompt)]
        + SScrollBox::Slot()[NumberField(LOCTEXT("Clips", "Clips"), Kept.Clips, 1, 100)]
        + SScrollBox::Slot()[NumberField(LOCTEXT("Width", "Width"), Kept.Width, 0, 4096)]
        + SScrollBox::Slot()[NumberField(LOCTEXT("Height", "Height"), Kept.Height, 0, 4096)]
        + SScrollBox::Slot()[CheckField(LOCTEXT("AutoAccept", "Keep every take without asking"), Kept.bAutoAccept)]
        + SScrollBox::Slot()[CheckField(LOCTEXT("StreamCamera", "The server follows the editor's view"), Kept.bStreamCamera)]
        + SScrollBox::Slot()[SNew(SWrapBox).UseAllottedSize(true)
            + SWrapBox::Slot()[Button(TAttribute<FText>::CreateLambda([this] {
                const bool bOn = Model->IsOnline() && Model->GetBridge()->GetRecording().bOn;
                return bOn ? LOCTEXT("StopRecording", "Stop recording") : LOCTEXT("Record", "Record");
              }), LOCTEXT("RecordHint", "Records the editor's view on the server; again to stop"), [this] { ToggleRecording(); }, Online)]
            + SWrapBox::Slot()[Button(LOCTEXT("GenerateNow", "Generate"), LOCTEXT("GenerateHint", "Along the recorded path"), [this] { Generate(); }, Online)]
            + SWrapBox::Slot()[Button(LOCTEXT("FromSequencer", "Generate from Sequencer"), LOCTEXT("FromSequencerHint", "Along the selected camera's track in the open sequence"), [this] { FromSequencer(); }, Online)]
            + SWrapBox::Slot()[Button(LOCTEXT("ToSequencer", "Path to Sequencer"), LOCTEXT("ToSequencerHint", "The selected actor's recorded path becomes its track in the open sequence"), [this] { ToSequencer(); })]
            + SWrapBox::Slot()[Button(LOCTEXT("Cancel", "Cancel"), LOCTEXT("CancelHint", "Stops all jobs"), [Ask, Bridge] { Ask(TEXT("Cancel"), Bridge()->Cancel()); }, Online)]]
        + SScrollBox::Slot()[SNew(SProgressBar).Percent_Lambda([this] { return TOptional<float>(Model->GetProgress()); })]
        + SScrollBox::Slot()[Section(LOCTEXT("Takes", "Takes"))]
        + SScrollBox::Slot()[SAssignNew(Takes, SVerticalBox)]
        + SScrollBox::Slot()[ClipView()]
        + SScrollBox::Slot()[SNew(STextBlock).AutoWrapText(true).Text_Lambda([this] { return FText::FromString(Model->GetNote()); })]];
    // clang-format on
}

SSpatiaPanel::~SSpatiaPanel() {
    USpatiaRegionEdit::Said.Remove(Saying);
    if (Model.IsValid()) Model->Attach(nullptr);
}

void SSpatiaPanel::Tick(const FGeometry& Geometry, const double NowSecs, const float DeltaSecs) {
    SCompoundWidget::Tick(Geometry, NowSecs, DeltaSecs);
    Rig->Bridge = Model->GetBridge();
    Rig->bFollows = Settings().bStreamCamera || (Model->IsOnline() && Model->GetBridge()->GetRecording().bOn);
    Rig->Follow(FPlatformTime::Seconds());
    if (bFollowsNewest) Slider = Model->GetNewest();
    UTexture2D* Texture = Model->FrameOf(Model->GetShownTake(), Slider);
    if (Texture != nullptr && Frame.GetResourceObject() != Texture) {
        Frame.SetResourceObject(Texture);
        Frame.ImageSize = FVector2D(Texture->GetSizeX(), Texture->GetSizeY());
    }
    if (Model->PendingTakes() != ShownTakes) ShowTakes();
}

// ------------------------------------------------------------------------------------------------------------ fields

TSharedRef<SWidget> SSpatiaPanel::Section(const FText& Title) {
    return SNew(STextBlock).Text(Title).TextStyle(FAppStyle::Get(), "LargeText").Margin(FMargin(0, 8, 0, 2));
}

TSharedRef<SWidget> SSpatiaPanel::TextField(const FText& Title, const FText& Hint, FString& Value, bool bSecret) {
    return SNew(SHorizontalBox) + SHorizontalBox::Slot().AutoWidth()[SNew(SBox).WidthOverride(70)[SNew(STextBlock).Text(Title)]] +
           SHorizontalBox::Slot()[SNew(SEditableTextBox)
                                      .Text(FText::FromString(Value))
                                      .HintText(Hint)
                                      .ToolTipText(Hint)
                                      .IsPassword(bSecret)
                                      .OnTextChanged_Lambda([&Value](const FText& Text) {
                                          Value = Text.ToString();
                                          Settings().SaveConfig();
                                      })];
}

TSharedRef<SWidget> SSpatiaPanel::NumberField(const FText& Title, int32& Value, int32 Low, int32 High) {
    return SNew(SHorizontalBox) + SHorizontalBox::Slot().AutoWidth()[SNew(SBox).WidthOverride(70)[SNew(STextBlock).Text(Title)]] +
           SHorizontalBox::Slot()[SNew(SSpinBox<int32>)
                                      .MinValue(Low)
                                      .MaxValue(High)
                                      .Value_Lambda([&Value] { return Value; })
                                      .OnValueChanged_Lambda([&Value](int32 Now) {
                                          Value = Now;
                                          Settings().SaveConfig();
                                      })];
}

TSharedRef<SWidget> SSpatiaPanel::CheckField(const FText& Title, bool& bValue) {
    return SNew(SCheckBox)
        .IsChecked_Lambda([&bValue] { return bValue ? ECheckBoxState::Checked : ECheckBoxState::Unchecked; })
        .OnCheckStateChanged_Lambda([&bValue](ECheckBoxState Now) {
            bValue = Now == ECheckBoxState::Checked;
            Settings().SaveConfig();
        })[SNew(STextBlock).Text(Title)];
}

TSharedRef<SWidget> SSpatiaPanel::Button(
    TAttribute<FText> Title, const FText& Hint, TFunction<void()> Pressed, TFunction<bool()> Enabled) {
    return SNew(SButton)
        .Text(Title)
        .ToolTipText(Hint)
        .IsEnabled_Lambda([Enabled] { return !Enabled || Enabled(); })
        .OnClicked_Lambda([Pressed] {
            Pressed();
            return FReply::Handled();
        });
}

TSharedRef<SWidget> SSpatiaPanel::ClipView() {
    const auto Last = [this] { return FMath::Max(Model->FramesOf(Model->GetShownTake()) - 1, 0); };
    return SNew(SVerticalBox) + SVerticalBox::Slot().AutoHeight()[SNew(SBox).MinDesiredHeight(140)[SNew(SImage).Image(&Frame)]] +
           SVerticalBox::Slot().AutoHeight()[SNew(SSlider)
                                                 .Value_Lambda([this, Last] { return Last() > 0 ? float(Slider) / Last() : 0.0f; })
                                                 .OnValueChanged_Lambda([this, Last](float Share) {
                                                     bFollowsNewest = false;
                                                     Slider = FMath::RoundToInt32(Share * Last());
                                                 })] +
           SVerticalBox::Slot().AutoHeight()[SNew(STextBlock).Text_Lambda([this] {
               const int32 Take = Model->GetShownTake();
               if (Model->FramesOf(Take) == 0) return LOCTEXT("NoFrames", "no frames yet");
               return FText::Format(LOCTEXT("Frame", "take {0}, frame {1} of {2}"), Take, Slider + 1, Model->FramesOf(Take));
           })];
}

void SSpatiaPanel::ShowTakes() {
    ShownTakes = Model->PendingTakes();
    Takes->ClearChildren();
    for (const int32 Take : ShownTakes) {
        const auto Decide = [this, Take](bool bKeep) {
            USpatiaBridgeComponent* Bridge = Model->GetBridge();
            if (Bridge == nullptr) return;
            const FString What = FString::Printf(bKeep ? TEXT("Keep take %d") : TEXT("Discard take %d"), Take);
            Model->Follow(What, bKeep ? Bridge->AcceptTake(Take) : Bridge->DiscardTake(Take));
        };
        Takes->AddSlot().AutoHeight()[SNew(SHorizontalBox) +
                                      SHorizontalBox::Slot()[SNew(STextBlock).Text(FText::Format(LOCTEXT("Take", "Take {0}"), Take))] +
                                      SHorizontalBox::Slot().AutoWidth()[Button(LOCTEXT("Show", "Show"), FText::GetEmpty(),
                                                                                [this, Take] {
                                                                                    bFollowsNewest = false;
                                                                                    Slider = 0;
                                                                                    Model->ShowTake(Take);
                                                                                })] +
                                      SHorizontalBox::Slot().AutoWidth()[Button(LOCTEXT("Keep", "Keep"), LOCTEXT("KeepHint", "Folds it into memory"),
                                                                                [Decide] { Decide(true); })] +
                                      SHorizontalBox::Slot().AutoWidth()[Button(LOCTEXT("Discard", "Discard"),
                                                                                LOCTEXT("DiscardHint", "Memory stays as it is"),
                                                                                [Decide] { Decide(false); })]];
    }
}

// ----------------------------------------------------------------------------------------------------------- actions

void SSpatiaPanel::ToggleConnection() {
    USpatiaBridgeComponent* Known = Model->GetBridge();
    if (Known != nullptr && Known->IsWanted()) return Known->DisconnectFromServer();
    USpatiaBridgeComponent* Found = SpatiaEditorScene::Bridge();
    if (Found == nullptr) return Model->Say(TEXT("there is no Spatia Memory Actor in this level: Add to level"));
    Model->Attach(Found);
    Found->Url = Settings().Url;
    Found->Session = Settings().Session;
    Found->Token = Settings().Token;
    Found->ConnectToServer();
    Model->Say(TEXT("connecting…"));
}

void SSpatiaPanel::AddToLevel() {
    if (SpatiaEditorScene::Bridge() != nullptr) return Model->Say(TEXT("there is one already"));
    SpatiaEditorScene::AddMemory();
}

void SSpatiaPanel::AddRegion() { SpatiaEditorScene::AddRegion(); }

void SSpatiaPanel::Seed(bool bAllRound) {
    FSpatiaSight Sight;
    if (!SpatiaEditorScene::Sight(Sight)) return Model->Say(TEXT("there is no perspective viewport to seed from"));
    USpatiaBridgeComponent* Bridge = Model->GetBridge();
    TArray<FTransform> Places = {FTransform(Sight.View.Rotation, Sight.View.Location)};
    if (bAllRound) Places = USpatiaCapture::Sweep({Sight.View.Location}, SweepSteps);
    const double Fov = bAllRound ? SweepFovDegrees : Sight.View.FOV;
    Model->Follow(TEXT("Seed"), Bridge->SeedViews(USpatiaCapture::Views(Bridge, Bridge, Places, Fov, SeedWidth, SeedHeight)));
}

void SSpatiaPanel::Bake() {
    const USpatiaBridgeComponent* Bridge = Model->GetBridge();
    const USpatiaMemoryComponent* Memory = Bridge != nullptr ? Bridge->GetMemory() : nullptr;
    const FString Package = TEXT("/Game/Spatia/") + FPaths::MakeValidFileName(Settings().Session, TEXT('_'));
    const ULidarPointCloud* Asset = Memory != nullptr ? SpatiaBake::ToAsset(*Memory, Package) : nullptr;
    Model->Say(Asset != nullptr ? TEXT("baked to ") + Package + TEXT("; save it") : FString(TEXT("there is no memory to bake")));
}

void SSpatiaPanel::ToggleRecording() {
    const bool bOn = !Model->GetBridge()->GetRecording().bOn;
    Rig->Resend();
    Model->Follow(bOn ? TEXT("Record") : TEXT("Recorded"), Model->GetBridge()->Record(bOn));
}

void SSpatiaPanel::Generate() {
    bFollowsNewest = true;
    Model->Follow(TEXT("Generate"), Model->GetBridge()->Generate(Settings().Prompt, GenerateOptions(), {}));
}

void SSpatiaPanel::FromSequencer() {
    USpatiaBridgeComponent& Bridge = *Model->GetBridge();
    ULevelSequence* Sequence = OpenSequence();
    AActor* Selected = SelectedActor();
    if (Sequence == nullptr || Selected == nullptr) return Model->Say(TEXT("open a level sequence and select its camera"));
    const FSpatiaPath Path = SpatiaSequencer::ReadPath(*Sequence, *Selected, WorldFromMemory(Bridge));
    if (Path.Poses.Num() == 0) return Model->Say(TEXT("the selected actor has no transform track of a length in that sequence"));
    USpatiaCameraRig* Follower = NewObject<USpatiaCameraRig>(Selected, NAME_None, RF_Transient);
    Follower->Bridge = &Bridge;
    Follower->ImageSize = FIntPoint(Settings().Width, Settings().Height);
    const FSpatiaCamera Like = Follower->CameraNow();
    if (Like.Width == 0) return Model->Say(TEXT("the selected actor has no perspective camera, or Width and Height are 0"));
    bFollowsNewest = true;
    Model->Follow(TEXT("Generate"), Bridge.Generate(Settings().Prompt, GenerateOptions(), Path.Cameras(Like)));
}

void SSpatiaPanel::ToSequencer() {
    ULevelSequence* Sequence = OpenSequence();
    AActor* Selected = SelectedActor();
    const auto* Recorder = Selected != nullptr ? Selected->FindComponentByClass<USpatiaPathRecorder>() : nullptr;
    if (Sequence == nullptr || Recorder == nullptr) {
        return Model->Say(TEXT("open a level sequence and select an actor with a Spatia Path Recorder"));
    }
    const USpatiaBridgeComponent* Bridge = Model->GetBridge();
    const FScopedTransaction Step(LOCTEXT("PathToSequencer", "Spatia Path to Sequencer"));
    const FTransform Anchor = Bridge != nullptr ? WorldFromMemory(*Bridge) : FTransform::Identity;
    const bool bWritten = SpatiaSequencer::WritePath(*Sequence, *Selected, Recorder->Path, Anchor);
    Model->Say(bWritten ? TEXT("the path is a track of that camera now") : TEXT("the recorder has no path"));
}

#undef LOCTEXT_NAMESPACE
