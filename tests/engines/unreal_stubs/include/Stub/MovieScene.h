// Stand-ins for Sequencer: sequences, bindings, transform tracks with nine channels of keys, of which linear ones are evaluated.
#pragma once

#include "Stub/Engine.h"

struct FFrameNumber {
    int32 Value = 0;
    FFrameNumber() = default;
    FFrameNumber(int32 InValue) : Value(InValue) {}
    friend FFrameNumber operator+(FFrameNumber A, FFrameNumber B) { return A.Value + B.Value; }
    friend FFrameNumber operator-(FFrameNumber A, FFrameNumber B) { return A.Value - B.Value; }
    friend bool operator==(FFrameNumber A, FFrameNumber B) { return A.Value == B.Value; }
};
struct FFrameTime {
    double Frames = 0;
    FFrameTime() = default;
    FFrameTime(FFrameNumber Frame) : Frames(Frame.Value) {}
    FFrameNumber RoundToFrame() const { return static_cast<int32>(std::floor(Frames + 0.5)); }
    friend FFrameTime operator+(FFrameTime A, FFrameTime B) {
        A.Frames += B.Frames;
        return A;
    }
};
struct FFrameRate {
    int32 Numerator = 24000, Denominator = 1;
    FFrameTime AsFrameTime(double Secs) const {
        FFrameTime Made;
        Made.Frames = Secs * Numerator / Denominator;
        return Made;
    }
    double AsSeconds(FFrameTime Time) const { return Time.Frames * Denominator / Numerator; }
};
template <class T>
struct TRange {
    T Low, High;
    TRange(T InLow, T InHigh) : Low(InLow), High(InHigh) {}
};

struct FMovieSceneDoubleChannel {
    std::map<int32, double> Keys;
    int32 AddLinearKey(FFrameNumber Frame, double Value) { return Keys[Frame.Value] = Value, 0; }
    void Reset() { Keys.clear(); }
    bool Evaluate(FFrameTime Time, double& Value) const {
        if (Keys.empty()) return false;
        const auto Next = Keys.lower_bound(static_cast<int32>(std::ceil(Time.Frames)));
        if (Next == Keys.begin() || Next == Keys.end()) return Value = (Next == Keys.end() ? std::prev(Next) : Next)->second, true;
        const auto Before = std::prev(Next);
        const double Share = (Time.Frames - Before->first) / (Next->first - Before->first);
        return Value = Before->second + (Next->second - Before->second) * Share, true;
    }
};
struct FMovieSceneChannelProxy {
    std::vector<FMovieSceneDoubleChannel*> Channels;
    template <class T>
    TArrayView<T*> GetChannels() const {
        return TArrayView<T*>(const_cast<T**>(Channels.data()), static_cast<int32>(Channels.size()));
    }
};

class UMovieSceneSection : public UObject {
public:
    FMovieSceneChannelProxy& GetChannelProxy() const { return Proxy; }
    void SetRange(const TRange<FFrameNumber>& Range) { Low = Range.Low, High = Range.High; }
    bool HasStartFrame() const { return Low.IsSet(); }
    bool HasEndFrame() const { return High.IsSet(); }
    FFrameNumber GetInclusiveStartFrame() const { return *Low; }
    FFrameNumber GetExclusiveEndFrame() const { return *High; }

protected:
    mutable FMovieSceneChannelProxy Proxy;

private:
    TOptional<FFrameNumber> Low, High;
};
class UMovieScene3DTransformSection : public UMovieSceneSection {
public:
    UMovieScene3DTransformSection() {
        for (FMovieSceneDoubleChannel& Each : Held) Proxy.Channels.push_back(&Each);
    }

private:
    FMovieSceneDoubleChannel Held[9];
};
class UMovieSceneTrack : public UObject {
public:
    virtual UMovieSceneSection* CreateNewSection() = 0;
    void AddSection(UMovieSceneSection& Section) { Sections.Add(&Section); }
    void RemoveAllAnimationData() { Sections.Reset(); }
    const TArray<UMovieSceneSection*>& GetAllSections() const { return Sections; }

private:
    TArray<UMovieSceneSection*> Sections;
};
class UMovieScene3DTransformTrack : public UMovieSceneTrack {
public:
    virtual UMovieSceneSection* CreateNewSection() override { return NewObject<UMovieScene3DTransformSection>(this); }
};
class FMovieScenePossessable {
public:
    FMovieScenePossessable(const FGuid& InGuid, const FString& InName) : Guid(InGuid), Name(InName) {}
    const FGuid& GetGuid() const { return Guid; }
    const FString& GetName() const { return Name; }

private:
    FGuid Guid;
    FString Name;
};
class UMovieScene : public UObject {
public:
    FFrameRate GetTickResolution() const { return FFrameRate(); }
    int32 GetPossessableCount() const { return Possessables.Num(); }
    FMovieScenePossessable& GetPossessable(int32 Index) { return Possessables[Index]; }
    FGuid AddPossessable(const FString& Name, UClass*) {
        FGuid Made;
        Made.A = static_cast<uint32>(Possessables.Num()) + 1;
        Possessables.Add(FMovieScenePossessable(Made, Name));
        return Made;
    }
    template <class T>
    T* FindTrack(const FGuid& Guid) const {
        const auto Found = Tracks.find(Guid.A);
        return Found == Tracks.end() ? nullptr : dynamic_cast<T*>(Found->second);
    }
    template <class T>
    T* AddTrack(const FGuid& Guid) {
        T* Made = NewObject<T>(this);
        Tracks[Guid.A] = Made;
        return Made;
    }

private:
    TArray<FMovieScenePossessable> Possessables;
    std::map<uint32, UMovieSceneTrack*> Tracks;
};
class ULevelSequence : public UObject {
public:
    ULevelSequence() : Movie(NewObject<UMovieScene>(this)) {}
    UMovieScene* GetMovieScene() const { return Movie; }
    void BindPossessableObject(const FGuid&, UObject& Object, UObject*) { StubBound.push_back(&Object); }
    std::vector<UObject*> StubBound;

private:
    UMovieScene* Movie;
};
