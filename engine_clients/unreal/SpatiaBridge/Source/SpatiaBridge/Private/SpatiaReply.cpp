#include "SpatiaReply.h"

void USpatiaReply::Resolve(const FSpatiaResult& Answer) {
    if (bFinished) return;
    bFinished = true;
    Result = Answer;
    OnFinished.Broadcast(Result);
    Finished.Broadcast(Result);
}

USpatiaWaitForReply* USpatiaWaitForReply::WaitForReply(USpatiaReply* Reply) {
    USpatiaWaitForReply* Made = NewObject<USpatiaWaitForReply>();
    Made->Reply = Reply;
    if (Reply != nullptr) Made->RegisterWithGameInstance(Reply);
    return Made;
}

void USpatiaWaitForReply::Activate() {
    if (!IsValid(Reply)) {
        FSpatiaResult Nothing;
        Nothing.Error.Code = TEXT("INVALID_INPUT");
        Nothing.Error.Message = TEXT("there is no reply to wait for");
        Nothing.Error.Remedy = TEXT("wire one in");
        return Take(Nothing);
    }
    if (Reply->IsFinished()) return Take(Reply->GetResult());
    Reply->Finished.AddUObject(this, &USpatiaWaitForReply::Take);
}

void USpatiaWaitForReply::Take(const FSpatiaResult& Result) {
    (Result.bOk ? Done : Failed).Broadcast(Result);
    SetReadyToDestroy();
}
