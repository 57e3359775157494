#include "SpatiaRegionEdit.h"

#include "ScopedTransaction.h"

#include "SpatiaBridgeComponent.h"

#define LOCTEXT_NAMESPACE "SpatiaRegionEdit"

USpatiaRegionEdit::FSaid USpatiaRegionEdit::Said;

USpatiaRegionEdit* USpatiaRegionEdit::Commit(
    USpatiaBridgeComponent* Bridge, ESpatiaEdit Kind, const FSpatiaRegionShape& Region, FColor Colour) {
    USpatiaRegionEdit* Edit = NewObject<USpatiaRegionEdit>(Bridge, NAME_None, RF_Transactional);
    Edit->Bridge = Bridge;
    Edit->Kind = Kind;
    Edit->Region = Region;
    Edit->Colour = Colour;
    const FScopedTransaction Step(FText::Format(LOCTEXT("Step", "{0} of Memory"), FText::FromString(Edit->Name())));
    Edit->Modify();
    Edit->bWanted = true;
    Edit->Apply();
    return Edit;
}

void USpatiaRegionEdit::PostEditUndo() {
    Super::PostEditUndo();
    if (bBusy || bWanted == bApplied) return;
    bWanted ? Apply() : Revert();
}

void USpatiaRegionEdit::Apply() {
    USpatiaReply* Reply = Kind == ESpatiaEdit::Remove ? Bridge->RemoveRegion(Region)
                          : Kind == ESpatiaEdit::Lock ? Bridge->LockRegion(Region)
                                                      : Bridge->RecolourRegion(Region, Colour);
    Tell(Reply, [this](const FSpatiaResult& Result) {
        bApplied = Result.bOk;
        MadeRevision = Result.bOk ? Result.Revision : -1;
        if (Result.bOk) Said.Broadcast(FString::Printf(TEXT("%s: revision %lld"), *Name(), static_cast<long long>(MadeRevision)));
    });
}

void USpatiaRegionEdit::Revert() {
    bApplied = false; // whatever comes of it: a redo makes the edit anew
    if (MadeRevision < 0 || Bridge->GetRevision().Number != MadeRevision) {
        return Said.Broadcast(TEXT("memory has changed since; Undo in the Spatia tab takes back the newest change"));
    }
    Tell(Bridge->Undo(), [this](const FSpatiaResult& Result) {
        if (Result.bOk) Said.Broadcast(Name() + TEXT(": taken back"));
    });
}

// Says what went wrong, and goes on with what the designer did meanwhile.
void USpatiaRegionEdit::Tell(USpatiaReply* Reply, TFunction<void(const FSpatiaResult&)> Then) {
    bBusy = true;
    Reply->Finished.AddWeakLambda(this, [this, Then = MoveTemp(Then)](const FSpatiaResult& Result) {
        bBusy = false;
        Then(Result);
        if (!Result.bOk) {
            bWanted = bApplied; // not tried again by itself
            return Said.Broadcast(Name() + TEXT(": ") + Result.Error.Message + TEXT("; ") + Result.Error.Remedy);
        }
        if (bWanted && !bApplied) Apply();
        if (!bWanted && bApplied) Revert();
    });
}

FString USpatiaRegionEdit::Name() const {
    switch (Kind) {
        case ESpatiaEdit::Remove:
            return TEXT("Remove Region");
        case ESpatiaEdit::Lock:
            return TEXT("Lock Region");
        default:
            return TEXT("Recolour Region");
    }
}

#undef LOCTEXT_NAMESPACE
