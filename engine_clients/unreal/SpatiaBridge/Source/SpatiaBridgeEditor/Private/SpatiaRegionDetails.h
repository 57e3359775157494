#pragma once

#include "CoreMinimal.h"
#include "IDetailCustomization.h"

#include "SpatiaRegionEdit.h"

class ASpatiaRegion;

/** Buttons above a selected region's properties: what to do with the memory inside. */
class FSpatiaRegionDetails : public IDetailCustomization {
public:
    static TSharedRef<IDetailCustomization> MakeInstance() { return MakeShared<FSpatiaRegionDetails>(); }
    virtual void CustomizeDetails(IDetailLayoutBuilder& Builder) override;

private:
    FReply Edit(ESpatiaEdit Kind);

    TWeakObjectPtr<ASpatiaRegion> Region;
    FLinearColor Colour = FLinearColor(0.6f, 0.03f, 0.03f);
};
