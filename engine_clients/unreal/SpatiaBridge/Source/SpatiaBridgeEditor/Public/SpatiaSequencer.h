// Camera paths to Sequencer and back.
#pragma once

#include "CoreMinimal.h"
#include "Misc/FrameRate.h"

#include "SpatiaPath.h"

class AActor;
class ULevelSequence;
class UMovieScene3DTransformSection;

namespace SpatiaSequencer {

/** Turns by the shorter way from one key to the next: degrees, each within half a turn of the one before. */
double Unwind(double Degrees, double Before);

/** A key a pose, in the world: the path lies where memory is. The section then is as long as the path. */
void WriteKeys(UMovieScene3DTransformSection& Section, const FSpatiaPath& Path, const FTransform& WorldFromMemory, FFrameRate TickResolution);
/** So many poses a second of the section's range, relative to memory. */
FSpatiaPath ReadKeys(const UMovieScene3DTransformSection& Section, const FTransform& WorldFromMemory, FFrameRate TickResolution, double RateHz);

/** The path as a transform track of a camera actor, which is bound to the sequence if it is not; false: it could not be. */
bool WritePath(ULevelSequence& Sequence, AActor& Camera, const FSpatiaPath& Path, const FTransform& WorldFromMemory);
/** The path of a camera actor's transform track; no poses: the actor has none there. */
FSpatiaPath ReadPath(ULevelSequence& Sequence, AActor& Camera, const FTransform& WorldFromMemory, double RateHz = 30.0);

}  // namespace SpatiaSequencer
