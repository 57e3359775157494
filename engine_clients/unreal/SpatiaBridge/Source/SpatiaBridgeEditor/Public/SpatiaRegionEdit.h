#pragma once

#include "CoreMinimal.h"
#include "UObject/Object.h"

#include "SpatiaTypes.h"

#include "SpatiaRegionEdit.generated.h"

class USpatiaBridgeComponent;
class USpatiaReply;

UENUM()
enum class ESpatiaEdit : uint8 { Remove, Lock, Recolour };

/**
 * One edit of memory as a step of the editor's undo. The server's own undo takes back the newest change, whoever made it, so this one
 * only undoes what is still the newest.
 */
UCLASS(Transient)
class USpatiaRegionEdit : public UObject {
    GENERATED_BODY()

public:
    /** Does it, as a step of the editor's undo. */
    static USpatiaRegionEdit* Commit(USpatiaBridgeComponent* Bridge, ESpatiaEdit Kind, const FSpatiaRegionShape& Region,
                                     FColor Colour = FColor::White);

    /** For whoever shows notes to the designer. */
    DECLARE_MULTICAST_DELEGATE_OneParam(FSaid, const FString&);
    static FSaid Said;

    /** The editor took the step back, or made it again: `bWanted` is what it was before. */
    virtual void PostEditUndo() override;

private:
    void Apply();
    void Revert();
    FString Name() const;
    void Tell(USpatiaReply* Reply, TFunction<void(const FSpatiaResult&)> Then);

    UPROPERTY()
    TObjectPtr<USpatiaBridgeComponent> Bridge;
    UPROPERTY()
    FSpatiaRegionShape Region;
    UPROPERTY()
    ESpatiaEdit Kind = ESpatiaEdit::Remove;
    UPROPERTY()
    FColor Colour = FColor::White;
    /** What the editor's undo keeps: is this edit to be in memory? */
    UPROPERTY()
    bool bWanted = false;

    int64 MadeRevision = -1; // no property, so that undo leaves it
    bool bBusy = false;      // an answer is on its way; what is wanted then comes after it
    bool bApplied = false;
};
