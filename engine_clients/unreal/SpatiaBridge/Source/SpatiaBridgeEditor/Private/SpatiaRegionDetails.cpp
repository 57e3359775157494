#include "SpatiaRegionDetails.h"

#include "DetailCategoryBuilder.h"
#include "DetailLayoutBuilder.h"
#include "DetailWidgetRow.h"
#include "Widgets/Colors/SColorBlock.h"
#include "Widgets/Colors/SColorPicker.h"
#include "Widgets/Input/SButton.h"
#include "Widgets/Layout/SWrapBox.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaEditorScene.h"
#include "SpatiaRegion.h"

#define LOCTEXT_NAMESPACE "SpatiaRegionDetails"

void FSpatiaRegionDetails::CustomizeDetails(IDetailLayoutBuilder& Builder) {
    TArray<TWeakObjectPtr<UObject>> Objects;
    Builder.GetObjectsBeingCustomized(Objects);
    Region = Objects.Num() == 1 ? Cast<ASpatiaRegion>(Objects[0].Get()) : nullptr;
    if (!Region.IsValid()) return;
    const auto Button = [this](const FText& Title, const FText& Hint, ESpatiaEdit Kind) {
        return SNew(SButton).Text(Title).ToolTipText(Hint).OnClicked_Lambda([this, Kind] { return Edit(Kind); });
    };
    const auto Pick = [this](const FGeometry&, const FPointerEvent&) {
        FColorPickerArgs Arguments;
        Arguments.InitialColor = Colour;
        Arguments.OnColorCommitted.BindSPLambda(this, [this](FLinearColor Picked) { Colour = Picked; });
        OpenColorPicker(Arguments);
        return FReply::Handled();
    };
    IDetailCategoryBuilder& Category = Builder.EditCategory("Spatia", FText::GetEmpty(), ECategoryPriority::Important);
    Category.AddCustomRow(LOCTEXT("Row", "Memory"))
        .WholeRowContent()[SNew(SWrapBox).UseAllottedSize(true) +
                           SWrapBox::Slot()[Button(LOCTEXT("Remove", "Remove points"),
                                                   LOCTEXT("RemoveHint", "Take the points inside out of memory and keep the place empty"),
                                                   ESpatiaEdit::Remove)] +
                           SWrapBox::Slot()[Button(LOCTEXT("Lock", "Lock"), LOCTEXT("LockHint", "No take may change what is inside"),
                                                   ESpatiaEdit::Lock)] +
                           SWrapBox::Slot()[Button(LOCTEXT("Recolour", "Recolour"), LOCTEXT("RecolourHint", "Mix the colours inside with this one"),
                                                   ESpatiaEdit::Recolour)] +
                           SWrapBox::Slot()[SNew(SColorBlock).Color_Lambda([this] { return Colour; }).OnMouseButtonDown_Lambda(Pick)]];
}

FReply FSpatiaRegionDetails::Edit(ESpatiaEdit Kind) {
    USpatiaBridgeComponent* Bridge = SpatiaEditorScene::Bridge();
    if (Bridge == nullptr || !Bridge->IsConnectedToServer()) {
        USpatiaRegionEdit::Said.Broadcast(TEXT("connect first: Connect in the Spatia tab"));
    } else if (Region.IsValid()) {
        USpatiaRegionEdit::Commit(Bridge, Kind, Region->Message(Bridge), Colour.ToFColor(true));
    }
    return FReply::Handled();
}

#undef LOCTEXT_NAMESPACE
