// What Blueprints see of the protocol; what each thing means stands in protos/spatia/v1/bridge.proto.
#pragma once

#include "CoreMinimal.h"

#include "SpatiaTypes.generated.h"

class UTexture2D;

UENUM(BlueprintType)
enum class ESpatiaShape : uint8 { Box, Sphere };

UENUM(BlueprintType)
enum class ESpatiaTakeState : uint8 { Unknown, Generating, Pending, Accepted, Discarded, Cancelled, Rejected };

UENUM(BlueprintType)
enum class ESpatiaStage : uint8 { Unknown, Queued, Projecting, Generating, Waiting, Updating, Done, Cancelled, Failed };

/** What went wrong, and what to do about it. */
USTRUCT(BlueprintType)
struct FSpatiaError {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Code;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Message;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Remedy;
};

/** The answer to a request. */
USTRUCT(BlueprintType)
struct FSpatiaResult {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    bool bOk = false;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FSpatiaError Error;
    /** The revision that it made. */
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int64 Revision = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Take = 0;
    /** The job that it began. */
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int64 Job = 0;
};

USTRUCT(BlueprintType)
struct FSpatiaRevision {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int64 Number = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Note;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int64 Points = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Locks = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    bool bCanUndo = false;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    bool bCanRedo = false;
};

USTRUCT(BlueprintType)
struct FSpatiaTake {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Number = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    ESpatiaTakeState State = ESpatiaTakeState::Unknown;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 FramesDone = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 FramesTotal = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Prompt;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Generator;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    double Fps = 0;
    /** The generator's, on the request: words that it does not know, for instance. */
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FString Remark;
};

USTRUCT(BlueprintType)
struct FSpatiaProgress {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int64 Job = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    ESpatiaStage Stage = ESpatiaStage::Unknown;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Done = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Total = 0;
    /** 0 = not known. */
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    double RemainingSecs = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Clip = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Clips = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Take = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    FSpatiaError Error;
    /** The take's last frame as it looks so far; null if there is none. */
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    TObjectPtr<UTexture2D> Preview;
};

USTRUCT(BlueprintType)
struct FSpatiaRecording {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    bool bOn = false;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    int32 Poses = 0;
    UPROPERTY(BlueprintReadOnly, Category = "Spatia")
    double DurationSecs = 0;
};

/** A camera at a time: pose relative to memory, focal lengths and optical centre in pixels. */
USTRUCT(BlueprintType)
struct FSpatiaCamera {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    FTransform Pose;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double Fx = 0;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double Fy = 0;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double Cx = 0;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double Cy = 0;
    /** Pixels; 0 = this camera sees nothing that could be told, an orthographic one for instance. */
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    int32 Width = 0;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    int32 Height = 0;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double TimeSecs = 0;
};

/** A box or a ball, relative to memory. */
USTRUCT(BlueprintType)
struct FSpatiaRegionShape {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    ESpatiaShape Shape = ESpatiaShape::Box;
    /** Of its centre; its scale does not count. */
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    FTransform Pose;
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    FVector HalfSize = FVector(50, 50, 50);
    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    double Radius = 50;
};

/** What a camera sees, as a seed; made by Spatia Capture. */
USTRUCT(BlueprintType)
struct FSpatiaView {
    GENERATED_BODY()

    UPROPERTY(BlueprintReadWrite, Category = "Spatia")
    FSpatiaCamera Camera;
    /** PNG. */
    TArray<uint8> Colour;
    /** Along the optical axis, level units, a float a pixel. */
    TArray<float> Depth;
    double MetresPerUnit = 0.01;
};

USTRUCT(BlueprintType)
struct FSpatiaGenerateOptions {
    GENERATED_BODY()

    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    int64 Seed = 0;
    /** Empty = the server's own choice. */
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    FString Generator;
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "1"))
    int32 Clips = 1;
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia")
    bool bAutoAccept = false;
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0"))
    int32 Width = 320;
    UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Spatia", meta = (ClampMin = "0"))
    int32 Height = 180;
};
