#pragma once

#include "CoreMinimal.h"
#include "Kismet/BlueprintAsyncActionBase.h"
#include "UObject/Object.h"

#include "SpatiaTypes.h"

#include "SpatiaReply.generated.h"

DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(FSpatiaReplyFinished, const FSpatiaResult&, Result);
DECLARE_MULTICAST_DELEGATE_OneParam(FSpatiaReplyDone, const FSpatiaResult&);

/** What becomes of a request. It finishes once, later than the call that made it: with the server's answer, or UNAVAILABLE. */
UCLASS(BlueprintType)
class SPATIABRIDGE_API USpatiaReply : public UObject {
    GENERATED_BODY()

public:
    UPROPERTY(BlueprintAssignable, Category = "Spatia")
    FSpatiaReplyFinished OnFinished;
    /** The same for C++. */
    FSpatiaReplyDone Finished;

    UFUNCTION(BlueprintPure, Category = "Spatia")
    bool IsFinished() const { return bFinished; }
    UFUNCTION(BlueprintPure, Category = "Spatia")
    const FSpatiaResult& GetResult() const { return Result; }

    void Resolve(const FSpatiaResult& Answer);

private:
    FSpatiaResult Result;
    bool bFinished = false;
};

/** Waits for a reply: goes on at Done or at Failed. */
UCLASS()
class SPATIABRIDGE_API USpatiaWaitForReply : public UBlueprintAsyncActionBase {
    GENERATED_BODY()

public:
    UPROPERTY(BlueprintAssignable)
    FSpatiaReplyFinished Done;
    UPROPERTY(BlueprintAssignable)
    FSpatiaReplyFinished Failed;

    UFUNCTION(BlueprintCallable, Category = "Spatia", meta = (BlueprintInternalUseOnly = "true", DisplayName = "Wait for Spatia Reply"))
    static USpatiaWaitForReply* WaitForReply(USpatiaReply* Reply);

    virtual void Activate() override;

private:
    void Take(const FSpatiaResult& Result);

    UPROPERTY()
    TObjectPtr<USpatiaReply> Reply;
};
