#include "SpatiaSequencer.h"

#include "Channels/MovieSceneChannelProxy.h"
#include "Channels/MovieSceneDoubleChannel.h"
#include "GameFramework/Actor.h"
#include "LevelSequence.h"
#include "MovieScene.h"
#include "MovieScenePossessable.h"
#include "Sections/MovieScene3DTransformSection.h"
#include "Tracks/MovieScene3DTransformTrack.h"

namespace SpatiaSequencer {
namespace {

constexpr int32 TransformChannels = 6; // place x y z, then roll, pitch, yaw in degrees; three more of scale stay as they are

FGuid BindingOf(ULevelSequence& Sequence, AActor& Camera) {
    UMovieScene& Movie = *Sequence.GetMovieScene();
    for (int32 i = 0; i < Movie.GetPossessableCount(); ++i) {
        const FMovieScenePossessable& Each = Movie.GetPossessable(i);
        if (Each.GetName() == Camera.GetActorLabel()) return Each.GetGuid();
    }
    return FGuid();
}

FGuid Bind(ULevelSequence& Sequence, AActor& Camera) {
    const FGuid Known = BindingOf(Sequence, Camera);
    if (Known.IsValid()) return Known;
    const FGuid Made = Sequence.GetMovieScene()->AddPossessable(Camera.GetActorLabel(), Camera.GetClass());
    Sequence.BindPossessableObject(Made, Camera, Camera.GetWorld());
    return Made;
}

} // namespace

double Unwind(double Degrees, double Before) { return Degrees - 360.0 * FMath::RoundToDouble((Degrees - Before) / 360.0); }

void WriteKeys(UMovieScene3DTransformSection& Section, const FSpatiaPath& Path, const FTransform& WorldFromMemory, FFrameRate TickResolution) {
    const TArrayView<FMovieSceneDoubleChannel*> Channels = Section.GetChannelProxy().GetChannels<FMovieSceneDoubleChannel>();
    if (Channels.Num() < TransformChannels || Path.Poses.Num() == 0) return;
    const double Start = Path.Poses[0].TimeSecs;
    double Before[TransformChannels] = {};
    for (int32 i = 0; i < TransformChannels; ++i) Channels[i]->Reset();
    for (const FSpatiaPathPose& Each : Path.Poses) {
        const FTransform World = Each.Pose * WorldFromMemory;
        const FVector Place = World.GetLocation();
        const FRotator Turn = World.Rotator();
        const FFrameNumber Frame = TickResolution.AsFrameTime(Each.TimeSecs - Start).RoundToFrame();
        const double Values[TransformChannels] = {Place.X, Place.Y, Place.Z, Turn.Roll, Turn.Pitch, Turn.Yaw};
        for (int32 i = 0; i < TransformChannels; ++i) {
            Before[i] = i < 3 ? Values[i] : Unwind(Values[i], Before[i]);
            Channels[i]->AddLinearKey(Frame, Before[i]);
        }
    }
    const FFrameNumber Last = TickResolution.AsFrameTime(Path.DurationSecs()).RoundToFrame();
    Section.SetRange(TRange<FFrameNumber>(FFrameNumber(0), Last + 1)); // its end is no part of a range
}

FSpatiaPath ReadKeys(const UMovieScene3DTransformSection& Section, const FTransform& WorldFromMemory, FFrameRate TickResolution, double RateHz) {
    FSpatiaPath Path;
    const TArrayView<FMovieSceneDoubleChannel*> Channels = Section.GetChannelProxy().GetChannels<FMovieSceneDoubleChannel>();
    if (Channels.Num() < TransformChannels || !Section.HasStartFrame() || !Section.HasEndFrame() || !(RateHz > 0)) return Path;
    const FFrameNumber First = Section.GetInclusiveStartFrame(), Last = Section.GetExclusiveEndFrame() - 1;
    const double Duration = TickResolution.AsSeconds(FFrameTime(Last - First));
    for (int32 i = 0; i <= FMath::FloorToInt32(Duration * RateHz + 1e-6); ++i) {
        const FFrameTime Time = FFrameTime(First) + TickResolution.AsFrameTime(i / RateHz);
        double Values[TransformChannels] = {};
        for (int32 Channel = 0; Channel < TransformChannels; ++Channel) Channels[Channel]->Evaluate(Time, Values[Channel]);
        const FRotator Turn(Values[4], Values[5], Values[3]);
        FTransform Pose = FTransform(Turn, FVector(Values[0], Values[1], Values[2])).GetRelativeTransform(WorldFromMemory);
        Pose.RemoveScaling();
        Path.Poses.Add({i / RateHz, Pose});
    }
    return Path;
}

bool WritePath(ULevelSequence& Sequence, AActor& Camera, const FSpatiaPath& Path, const FTransform& WorldFromMemory) {
    UMovieScene* Movie = Sequence.GetMovieScene();
    if (Movie == nullptr || Path.Poses.Num() == 0) return false;
    Sequence.Modify();
    Movie->Modify();
    const FGuid Binding = Bind(Sequence, Camera);
    auto* Track = Movie->FindTrack<UMovieScene3DTransformTrack>(Binding);
    if (Track == nullptr) Track = Movie->AddTrack<UMovieScene3DTransformTrack>(Binding);
    Track->Modify();
    Track->RemoveAllAnimationData();
    auto* Section = Cast<UMovieScene3DTransformSection>(Track->CreateNewSection());
    WriteKeys(*Section, Path, WorldFromMemory, Movie->GetTickResolution());
    Track->AddSection(*Section);
    return true;
}

FSpatiaPath ReadPath(ULevelSequence& Sequence, AActor& Camera, const FTransform& WorldFromMemory, double RateHz) {
    UMovieScene* Movie = Sequence.GetMovieScene();
    const FGuid Binding = Movie != nullptr ? BindingOf(Sequence, Camera) : FGuid();
    auto* Track = Binding.IsValid() ? Movie->FindTrack<UMovieScene3DTransformTrack>(Binding) : nullptr;
    if (Track == nullptr || Track->GetAllSections().Num() == 0) return FSpatiaPath();
    const auto* Section = Cast<UMovieScene3DTransformSection>(Track->GetAllSections()[0]);
    return Section != nullptr ? ReadKeys(*Section, WorldFromMemory, Movie->GetTickResolution(), RateHz) : FSpatiaPath();
}

} // namespace SpatiaSequencer
