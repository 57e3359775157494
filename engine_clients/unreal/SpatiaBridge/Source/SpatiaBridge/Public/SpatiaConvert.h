// Unreal's values as parts of messages and back. No axes and no units are changed here: the server speaks Unreal's.
#pragma once

#include "CoreMinimal.h"

#include "Spatia/Messages.h"
#include "SpatiaTypes.h"

namespace SpatiaConvert {

inline std::string ToUtf8(const FString& Text) {
    const FTCHARToUTF8 Utf8(*Text);
    return std::string(Utf8.Get(), static_cast<std::size_t>(Utf8.Length()));
}
inline FString ToText(const std::string& Text) { return FString(UTF8_TO_TCHAR(Text.c_str())); }

inline spatia::Vector3 ToMessage(const FVector& Value) { return {Value.X, Value.Y, Value.Z}; }

/** Place and turn; scale is left out. */
inline spatia::Pose ToMessage(const FTransform& Value) {
    const FQuat Turn = Value.GetRotation();
    return {ToMessage(Value.GetLocation()), spatia::Quaternion{Turn.X, Turn.Y, Turn.Z, Turn.W}};
}

inline FTransform ToTransform(const spatia::Pose& Pose) {
    const spatia::Vector3 Place = Pose.position.value_or(spatia::Vector3{});
    const spatia::Quaternion Turn = Pose.rotation.value_or(spatia::Quaternion{0, 0, 0, 1});
    FQuat Rotation(Turn.x, Turn.y, Turn.z, Turn.w);
    Rotation.Normalize(); // the identity if it is no rotation
    return FTransform(Rotation, FVector(Place.x, Place.y, Place.z));
}

inline spatia::Camera ToMessage(const FSpatiaCamera& Camera) {
    const spatia::Intrinsics Intrinsics{Camera.Fx, Camera.Fy, Camera.Cx, Camera.Cy, static_cast<std::uint32_t>(Camera.Width),
                                        static_cast<std::uint32_t>(Camera.Height)};
    return {ToMessage(Camera.Pose), Intrinsics, Camera.TimeSecs};
}

inline FSpatiaCamera ToCamera(const spatia::Camera& Message) {
    const spatia::Intrinsics K = Message.intrinsics.value_or(spatia::Intrinsics{});
    FSpatiaCamera Camera;
    Camera.Pose = ToTransform(Message.pose.value_or(spatia::Pose{}));
    Camera.Fx = K.fx;
    Camera.Fy = K.fy;
    Camera.Cx = K.cx;
    Camera.Cy = K.cy;
    Camera.Width = static_cast<int32>(K.width);
    Camera.Height = static_cast<int32>(K.height);
    Camera.TimeSecs = Message.time_secs;
    return Camera;
}

inline spatia::Region ToMessage(const FSpatiaRegionShape& Region) {
    if (Region.Shape == ESpatiaShape::Box) return {spatia::Box{ToMessage(Region.Pose), ToMessage(Region.HalfSize)}};
    return {spatia::Sphere{ToMessage(Region.Pose.GetLocation()), Region.Radius}};
}

inline spatia::Generate ToMessage(const FString& Prompt, const FSpatiaGenerateOptions& Options, const TArray<FSpatiaCamera>& Cameras) {
    spatia::Generate Message;
    Message.prompt = ToUtf8(Prompt);
    Message.seed = static_cast<std::uint64_t>(Options.Seed);
    Message.generator = ToUtf8(Options.Generator);
    Message.clips = static_cast<std::uint32_t>(Options.Clips);
    Message.auto_accept = Options.bAutoAccept;
    Message.width = static_cast<std::uint32_t>(Options.Width);
    Message.height = static_cast<std::uint32_t>(Options.Height);
    if (Cameras.Num() > 0) Message.trajectory.emplace();
    for (const FSpatiaCamera& Camera : Cameras) Message.trajectory->cameras.push_back(ToMessage(Camera));
    return Message;
}

inline FSpatiaError ToError(const spatia::Error& Error) {
    FSpatiaError Found;
    Found.Code = ToText(Error.code);
    Found.Message = ToText(Error.message);
    Found.Remedy = ToText(Error.remedy);
    return Found;
}

inline FSpatiaRevision ToRevision(const spatia::Revision& Revision) {
    FSpatiaRevision Found;
    Found.Number = static_cast<int64>(Revision.number);
    Found.Note = ToText(Revision.note);
    Found.Points = static_cast<int64>(Revision.points);
    Found.Locks = static_cast<int32>(Revision.locks);
    Found.bCanUndo = Revision.can_undo;
    Found.bCanRedo = Revision.can_redo;
    return Found;
}

inline FSpatiaTake ToTake(const spatia::Take& Take) {
    FSpatiaTake Found;
    Found.Number = static_cast<int32>(Take.number);
    Found.State = static_cast<ESpatiaTakeState>(Take.state); // in the same order
    Found.FramesDone = static_cast<int32>(Take.frames_done);
    Found.FramesTotal = static_cast<int32>(Take.frames_total);
    Found.Prompt = ToText(Take.prompt);
    Found.Generator = ToText(Take.generator);
    Found.Fps = Take.fps;
    Found.Remark = ToText(Take.remark);
    return Found;
}

inline FSpatiaProgress ToProgress(const spatia::Progress& Progress) {
    FSpatiaProgress Found;
    Found.Job = static_cast<int64>(Progress.job);
    Found.Stage = static_cast<ESpatiaStage>(Progress.stage); // in the same order
    Found.Done = static_cast<int32>(Progress.done);
    Found.Total = static_cast<int32>(Progress.total);
    Found.RemainingSecs = Progress.remaining_secs;
    Found.Clip = static_cast<int32>(Progress.clip);
    Found.Clips = static_cast<int32>(Progress.clips);
    Found.Take = static_cast<int32>(Progress.take);
    if (Progress.error) Found.Error = ToError(*Progress.error);
    return Found;
}

inline FSpatiaRecording ToRecording(const spatia::Recording& Recording) {
    FSpatiaRecording Found;
    Found.bOn = Recording.on;
    Found.Poses = static_cast<int32>(Recording.poses);
    Found.DurationSecs = Recording.duration_secs;
    return Found;
}

inline FSpatiaResult ToResult(bool bOk, const spatia::Done& Done, const spatia::Error& Error) {
    FSpatiaResult Found;
    Found.bOk = bOk;
    Found.Error = ToError(Error);
    Found.Revision = static_cast<int64>(Done.revision);
    Found.Take = static_cast<int32>(Done.take);
    Found.Job = static_cast<int64>(Done.job);
    return Found;
}

}  // namespace SpatiaConvert
