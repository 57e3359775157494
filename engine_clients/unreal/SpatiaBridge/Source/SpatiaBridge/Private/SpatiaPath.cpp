#include "SpatiaPath.h"

#include "Camera/CameraComponent.h"
#include "GameFramework/Actor.h"

#include "SpatiaBridgeComponent.h"
#include "SpatiaCameraRig.h"
#include "SpatiaMemoryComponent.h"

FTransform FSpatiaPath::Sample(double Secs) const {
    if (Poses.Num() == 0) return FTransform::Identity;
    const double At = Poses[0].TimeSecs + Secs;
    int32 Next = 0;
    while (Next < Poses.Num() && Poses[Next].TimeSecs < At) ++Next;
    if (Next == 0) return Poses[0].Pose;
    if (Next == Poses.Num()) return Poses.Last().Pose;
    const FSpatiaPathPose &A = Poses[Next - 1], &B = Poses[Next];
    const double Share = (At - A.TimeSecs) / (B.TimeSecs - A.TimeSecs);
    return FTransform(FQuat::Slerp(A.Pose.GetRotation(), B.Pose.GetRotation(), Share),
                      FMath::Lerp(A.Pose.GetLocation(), B.Pose.GetLocation(), Share));
}

TArray<FSpatiaCamera> FSpatiaPath::Cameras(const FSpatiaCamera& Like, double RateHz) const {
    TArray<FSpatiaCamera> Found;
    if (Poses.Num() == 0 || !(RateHz > 0)) return Found;
    const int32 Steps = FMath::FloorToInt32(DurationSecs() * RateHz + 1e-6); // a duration of whole steps has its last one
    for (int32 i = 0; i <= Steps; ++i) {
        FSpatiaCamera Camera = Like;
        Camera.TimeSecs = i / RateHz;
        Camera.Pose = Sample(Camera.TimeSecs);
        Found.Add(Camera);
    }
    return Found;
}

USpatiaPathRecorder::USpatiaPathRecorder() {
    PrimaryComponentTick.bCanEverTick = true;
    PrimaryComponentTick.TickGroup = TG_PostUpdateWork;
}

void USpatiaPathRecorder::StartRecording() {
    Path.Poses.Reset();
    ClockSecs = 0;
    Doing = EDoing::Recording;
}

void USpatiaPathRecorder::Stop() { Doing = EDoing::Nothing; }

void USpatiaPathRecorder::Play(double Speed) {
    ClockSecs = 0;
    PlaySpeed = Speed;
    Doing = Path.Poses.Num() > 0 ? EDoing::Playing : EDoing::Nothing;
}

TArray<FSpatiaCamera> USpatiaPathRecorder::Cameras(double RateHz) const {
    return IsValid(Rig) ? Path.Cameras(Rig->CameraNow(), RateHz) : TArray<FSpatiaCamera>();
}

void USpatiaPathRecorder::TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) {
    Super::TickComponent(DeltaTime, TickType, ThisTickFunction);
    if (!IsValid(Rig) || Doing == EDoing::Nothing) return;
    if (Doing == EDoing::Recording) {
        const FSpatiaCamera Now = Rig->CameraNow();
        if (Now.Width > 0) Path.Poses.Add({ClockSecs, Now.Pose});
        ClockSecs += DeltaTime;
        return;
    }
    ClockSecs = FMath::Min(ClockSecs + DeltaTime * PlaySpeed, Path.DurationSecs());
    const USpatiaMemoryComponent* Memory = IsValid(Rig->Bridge) ? Rig->Bridge->GetMemory() : nullptr;
    FTransform World = Memory != nullptr ? Path.Sample(ClockSecs) * Memory->GetComponentTransform() : Path.Sample(ClockSecs);
    World.RemoveScaling();
    if (AActor* Flown = Rig->GetOwner()) Flown->SetActorTransform(World);
    if (ClockSecs < Path.DurationSecs()) return;
    Doing = EDoing::Nothing;
    OnPlayed.Broadcast();
}
