// Stand-ins for Unreal's Core: what SpatiaBridge's modules use of it, by the same names and signatures, on the standard library.
// Values (vectors, turns, transforms, boxes, strings, containers, delegates) compute as the engine's do. See ../../README.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

using int8 = std::int8_t;
using int16 = std::int16_t;
using int32 = std::int32_t;
using int64 = std::int64_t;
using uint8 = std::uint8_t;
using uint16 = std::uint16_t;
using uint32 = std::uint32_t;
using uint64 = std::uint64_t;
using SIZE_T = std::size_t;
using TCHAR = char16_t;
using UTF8CHAR = char;

#define TEXT(QUOTE) u##QUOTE
#define WITH_EDITOR 1
#define INDEX_NONE (-1)
#define UE_DOUBLE_TWO_PI (6.2831853071795864769252867665590)
#define SPATIABRIDGE_API
#define check(...) ((__VA_ARGS__) ? void(0) : std::abort())

enum EForceInit { ForceInit };

// -------------------------------------------------------------------------------------------------------------- templates

template <class T>
std::remove_reference_t<T>&& MoveTemp(T&& Value) {
    return static_cast<std::remove_reference_t<T>&&>(Value);
}
template <class T>
void Swap(T& A, T& B) {
    std::swap(A, B);
}

template <class T>
using TFunction = std::function<T>;

template <class T>
struct TOptional : std::optional<T> {
    using std::optional<T>::optional;
    bool IsSet() const { return this->has_value(); }
    const T& Get(const T& Default) const { return this->has_value() ? **this : Default; }
};

template <class K, class V>
struct TPair {
    K Key;
    V Value;
    template <class A, class B>
    TPair(A&& InKey, B&& InValue) : Key(std::forward<A>(InKey)), Value(std::forward<B>(InValue)) {}
};

template <class T>
struct TSharedPtr : std::shared_ptr<T> {
    using std::shared_ptr<T>::shared_ptr;
    TSharedPtr() = default;
    TSharedPtr(std::shared_ptr<T> Other) : std::shared_ptr<T>(std::move(Other)) {}
    bool IsValid() const { return this->get() != nullptr; }
    T* Get() const { return this->get(); }
    void Reset() { this->reset(); }
};
template <class T>
using TSharedRef = TSharedPtr<T>;
template <class T, class... Arguments>
TSharedPtr<T> MakeShared(Arguments&&... Values) {
    return TSharedPtr<T>(std::shared_ptr<T>(new T(std::forward<Arguments>(Values)...)));
}

template <class T>
class TEnumAsByte {
public:
    TEnumAsByte() = default;
    TEnumAsByte(T InValue) : Value(InValue) {}
    operator T() const { return Value; }
    T GetValue() const { return Value; }

private:
    T Value{};
};

// ------------------------------------------------------------------------------------------------------------- containers

template <class T>
class TArray {
public:
    TArray() = default;
    TArray(std::initializer_list<T> Values) : Held(Values) {}
    TArray(const T* First, int32 Count) : Held(First, First + Count) {}
    int32 Num() const { return static_cast<int32>(Held.size()); }
    T& operator[](int32 Index) { return Held[static_cast<std::size_t>(Index)]; }
    const T& operator[](int32 Index) const { return Held[static_cast<std::size_t>(Index)]; }
    T* GetData() { return Held.data(); }
    const T* GetData() const { return Held.data(); }
    int32 Add(T Value) { return Held.push_back(std::move(Value)), Num() - 1; }
    template <class... Arguments>
    int32 Emplace(Arguments&&... Values) {
        return Held.push_back(T(std::forward<Arguments>(Values)...)), Num() - 1;
    }
    void Append(const T* First, int32 Count) { Held.insert(Held.end(), First, First + Count); }
    int32 Remove(const T& Value) {
        const int32 Before = Num();
        Held.erase(std::remove(Held.begin(), Held.end(), Value), Held.end());
        return Before - Num();
    }
    void RemoveAt(int32 Index) { Held.erase(Held.begin() + Index); }
    bool Contains(const T& Value) const { return Find(Value) != INDEX_NONE; }
    int32 Find(const T& Value) const {
        for (int32 i = 0; i < Num(); ++i) {
            if ((*this)[i] == Value) return i;
        }
        return INDEX_NONE;
    }
    void Reset() { Held.clear(); }
    void Reserve(int32 Count) { Held.reserve(static_cast<std::size_t>(Count)); }
    T& Last() { return Held.back(); }
    const T& Last() const { return Held.back(); }
    template <class Compare>
    void Sort(Compare Less) {
        std::stable_sort(Held.begin(), Held.end(), Less);
    }
    auto begin() { return Held.begin(); }
    auto end() { return Held.end(); }
    auto begin() const { return Held.begin(); }
    auto end() const { return Held.end(); }

private:
    std::vector<T> Held;
};
template <class T>
struct TArray64 : TArray<T> {
    using TArray<T>::TArray;
};

template <class T>
class TArrayView {
public:
    TArrayView(T* First, int32 Count) : Held(First), Size(Count) {}
    int32 Num() const { return Size; }
    T& operator[](int32 Index) const { return Held[Index]; }

private:
    T* Held;
    int32 Size;
};

template <class K, class V, bool>
struct BaseKeyFuncs {};
template <class T>
struct DefaultKeyFuncs {
    static const T& GetSetKey(const T& Value) { return Value; }
    static bool Matches(const T& A, const T& B) { return A == B; }
    static uint32 GetKeyHash(const T& Value) { return static_cast<uint32>(std::hash<T>()(Value)); }
};

template <class T, class KeyFuncs = DefaultKeyFuncs<T>>
class TSet {
    struct FHash {
        std::size_t operator()(const T& Value) const { return KeyFuncs::GetKeyHash(Value); }
    };
    struct FEqual {
        bool operator()(const T& A, const T& B) const { return KeyFuncs::Matches(A, B); }
    };
    using FHeld = std::unordered_set<T, FHash, FEqual>;

public:
    class TIterator {
    public:
        explicit TIterator(FHeld& InHeld) : Held(InHeld), At(InHeld.begin()) {}
        explicit operator bool() const { return At != Held.end(); }
        const T& operator*() const { return *At; }
        void RemoveCurrent() { At = Held.erase(At), bRemoved = true; }
        TIterator& operator++() {
            if (!bRemoved) ++At;
            bRemoved = false;
            return *this;
        }

    private:
        FHeld& Held;
        typename FHeld::iterator At;
        bool bRemoved = false;
    };
    void Add(const T& Value) { Held.insert(Value); }
    bool Contains(const T& Value) const { return Held.count(Value) != 0; }
    int32 Num() const { return static_cast<int32>(Held.size()); }
    void Reset() { Held.clear(); }
    TIterator CreateIterator() { return TIterator(Held); }
    auto begin() const { return Held.begin(); }
    auto end() const { return Held.end(); }

private:
    FHeld Held;
};

template <class K, class V>
class TMap {
public:
    V& FindOrAdd(const K& Key) { return Held[Key]; }
    V* Find(const K& Key) {
        const auto Found = Held.find(Key);
        return Found == Held.end() ? nullptr : &Found->second;
    }
    const V* Find(const K& Key) const { return const_cast<TMap*>(this)->Find(Key); }
    bool Contains(const K& Key) const { return Held.count(Key) != 0; }
    V& Add(const K& Key, V Value) { return Held[Key] = std::move(Value); }
    int32 Remove(const K& Key) { return static_cast<int32>(Held.erase(Key)); }
    void Reset() { Held.clear(); }
    int32 Num() const { return static_cast<int32>(Held.size()); }

private:
    std::map<K, V> Held;
};

// ----------------------------------------------------------------------------------------------------------------- strings

inline std::string StubUtf8(const TCHAR* Text) {  // of the basic plane
    std::string Found;
    for (; *Text != 0; ++Text) {
        const uint32 Code = *Text;
        if (Code < 0x80) {
            Found += static_cast<char>(Code);
        } else if (Code < 0x800) {
            Found += static_cast<char>(0xC0 | Code >> 6), Found += static_cast<char>(0x80 | (Code & 0x3F));
        } else {
            Found += static_cast<char>(0xE0 | Code >> 12), Found += static_cast<char>(0x80 | (Code >> 6 & 0x3F));
            Found += static_cast<char>(0x80 | (Code & 0x3F));
        }
    }
    return Found;
}
inline std::u16string StubUtf16(const char* Text) {
    std::u16string Found;
    for (const auto* At = reinterpret_cast<const unsigned char*>(Text); *At != 0;) {
        if (*At < 0x80) {
            Found += static_cast<TCHAR>(*At++);
        } else if (*At < 0xE0) {
            Found += static_cast<TCHAR>((At[0] & 0x1F) << 6 | (At[1] & 0x3F)), At += 2;
        } else {
            Found += static_cast<TCHAR>((At[0] & 0x0F) << 12 | (At[1] & 0x3F) << 6 | (At[2] & 0x3F)), At += 3;
        }
    }
    return Found;
}

class FString {
public:
    FString() = default;
    FString(const TCHAR* InText) : Text(InText) {}
    explicit FString(const char* InText) : Text(StubUtf16(InText)) {}
    const TCHAR* operator*() const { return Text.c_str(); }
    bool IsEmpty() const { return Text.empty(); }
    FString operator+(const FString& Other) const {
        FString Sum = *this;
        Sum.Text += Other.Text;
        return Sum;
    }
    FString operator+(const TCHAR* Other) const { return *this + FString(Other); }
    bool operator==(const FString& Other) const { return Text == Other.Text; }
    bool operator<(const FString& Other) const { return Text < Other.Text; }
    template <class... Arguments>
    static FString Printf(const TCHAR* Format, Arguments... Values) {
        char Buffer[1024];
        const std::string Narrow = StubUtf8(Format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        std::snprintf(Buffer, sizeof Buffer, Narrow.c_str(), Narrowed(Values).Value...);
#pragma GCC diagnostic pop
        return FString(Buffer);
    }

private:
    template <class T>
    struct FNarrow {
        T Value;
    };
    struct FNarrowText {
        std::string Held;
        const char* Value;
        explicit FNarrowText(const TCHAR* InText) : Held(StubUtf8(InText)), Value(Held.c_str()) {}
        FNarrowText(const FNarrowText&) = delete;
    };
    template <class T>
    static FNarrow<T> Narrowed(T Value) {
        return {Value};
    }
    static FNarrowText Narrowed(const TCHAR* Value) { return FNarrowText(Value); }

    std::u16string Text;
};

class FTCHARToUTF8 {
public:
    explicit FTCHARToUTF8(const TCHAR* Text) : Held(StubUtf8(Text)) {}
    const char* Get() const { return Held.c_str(); }
    int32 Length() const { return static_cast<int32>(Held.size()); }

private:
    std::string Held;
};
#define UTF8_TO_TCHAR(TEXT_) (StubUtf16(TEXT_).c_str())

class FName {
public:
    FName() = default;
    explicit FName(const TCHAR* InText) : Text(InText) {}
    FString ToString() const { return Text; }

private:
    FString Text;
};
inline const FName NAME_None;

class FText {
public:
    static FText FromString(const FString& Text) {
        FText Made;
        Made.Text = Text;
        return Made;
    }
    static FText Format(const FText& Pattern, const FText& First) {  // one place, {0}
        const std::string Narrow = StubUtf8(*Pattern.Text);
        const std::size_t At = Narrow.find("{0}");
        return FromString(FString(Narrow.substr(0, At).c_str()) + First.Text + FString(Narrow.substr(At + 3).c_str()));
    }
    const FString& ToString() const { return Text; }

private:
    FString Text;
};
#define LOCTEXT(KEY, LITERAL) FText::FromString(TEXT(LITERAL))

#define DECLARE_LOG_CATEGORY_EXTERN(NAME, DEFAULT, COMPILED) extern int NAME
#define DEFINE_LOG_CATEGORY(NAME) int NAME = 0
#define UE_LOG(CATEGORY, LEVEL, FORMAT, ...) std::fprintf(stderr, "%s\n", StubUtf8(*FString::Printf(FORMAT, ##__VA_ARGS__)).c_str())

// -------------------------------------------------------------------------------------------------------------------- maths

inline uint32 GetTypeHash(int32 Value) { return static_cast<uint32>(Value); }
inline uint32 GetTypeHash(uint32 Value) { return Value; }
inline uint32 HashCombine(uint32 A, uint32 B) { return (A ^ (B + 0x9E3779B9u + (A << 6) + (A >> 2))) * 0x85EBCA6Bu; }

struct FVector;
struct FMath {
    template <class T>
    static T Max(T A, T B) {
        return A > B ? A : B;
    }
    template <class T>
    static T Min(T A, T B) {
        return A < B ? A : B;
    }
    template <class T>
    static T Clamp(T Value, T Low, T High) {
        return Min(Max(Value, Low), High);
    }
    static int32 CeilToInt(float Value) { return static_cast<int32>(std::ceil(Value)); }
    static int32 CeilToInt32(double Value) { return static_cast<int32>(std::ceil(Value)); }
    static int32 FloorToInt32(double Value) { return static_cast<int32>(std::floor(Value)); }
    static int32 RoundToInt32(double Value) { return static_cast<int32>(std::floor(Value + 0.5)); }
    static double RoundToDouble(double Value) { return std::floor(Value + 0.5); }
    static double DegreesToRadians(double Degrees) { return Degrees * (UE_DOUBLE_TWO_PI / 360); }
    static double RadiansToDegrees(double Radians) { return Radians * (360 / UE_DOUBLE_TWO_PI); }
    template <class T>
    static T Lerp(const T& A, const T& B, double Share) {
        return A + (B - A) * Share;
    }
};

struct FVector2D {
    double X = 0, Y = 0;
    FVector2D() = default;
    FVector2D(double InX, double InY) : X(InX), Y(InY) {}
};
struct FIntPoint {
    int32 X = 0, Y = 0;
    FIntPoint() = default;
    FIntPoint(int32 InX, int32 InY) : X(InX), Y(InY) {}
};

struct FVector {
    double X = 0, Y = 0, Z = 0;
    FVector() = default;
    FVector(double InX, double InY, double InZ) : X(InX), Y(InY), Z(InZ) {}
    FVector operator+(const FVector& V) const { return {X + V.X, Y + V.Y, Z + V.Z}; }
    FVector operator-(const FVector& V) const { return {X - V.X, Y - V.Y, Z - V.Z}; }
    FVector operator*(const FVector& V) const { return {X * V.X, Y * V.Y, Z * V.Z}; }
    FVector operator/(const FVector& V) const { return {X / V.X, Y / V.Y, Z / V.Z}; }
    FVector operator*(double S) const { return {X * S, Y * S, Z * S}; }
    FVector operator-() const { return {-X, -Y, -Z}; }
    bool operator==(const FVector& V) const { return X == V.X && Y == V.Y && Z == V.Z; }
    double Size() const { return std::sqrt(X * X + Y * Y + Z * Z); }
    FVector GetAbs() const { return {std::fabs(X), std::fabs(Y), std::fabs(Z)}; }
    double GetAbsMax() const { return FMath::Max(FMath::Max(std::fabs(X), std::fabs(Y)), std::fabs(Z)); }
    static double Dist(const FVector& A, const FVector& B) { return (A - B).Size(); }
    static FVector Cross(const FVector& A, const FVector& B) {
        return {A.Y * B.Z - A.Z * B.Y, A.Z * B.X - A.X * B.Z, A.X * B.Y - A.Y * B.X};
    }
    static const FVector ZeroVector, OneVector, UpVector, ForwardVector;
};
inline const FVector FVector::ZeroVector{0, 0, 0}, FVector::OneVector{1, 1, 1}, FVector::UpVector{0, 0, 1}, FVector::ForwardVector{1, 0, 0};

struct FVector3f {
    float X = 0, Y = 0, Z = 0;
    FVector3f() = default;
    FVector3f(float InX, float InY, float InZ) : X(InX), Y(InY), Z(InZ) {}
    explicit FVector3f(const FVector& V) : X(static_cast<float>(V.X)), Y(static_cast<float>(V.Y)), Z(static_cast<float>(V.Z)) {}
};

struct FQuat;
struct FRotator {  // degrees; the turn is roll about x, then pitch about y, then yaw about z, roll and pitch clockwise
    double Pitch = 0, Yaw = 0, Roll = 0;
    FRotator() = default;
    FRotator(double InPitch, double InYaw, double InRoll) : Pitch(InPitch), Yaw(InYaw), Roll(InRoll) {}
    FQuat Quaternion() const;
};

struct FQuat {
    double X = 0, Y = 0, Z = 0, W = 1;
    FQuat() = default;
    FQuat(double InX, double InY, double InZ, double InW) : X(InX), Y(InY), Z(InZ), W(InW) {}
    FQuat(const FVector& Axis, double Radians) {
        const double Sine = std::sin(Radians / 2);
        X = Axis.X * Sine, Y = Axis.Y * Sine, Z = Axis.Z * Sine, W = std::cos(Radians / 2);
    }
    FQuat operator*(const FQuat& Q) const {  // first Q
        return {W * Q.X + X * Q.W + Y * Q.Z - Z * Q.Y, W * Q.Y - X * Q.Z + Y * Q.W + Z * Q.X,
                W * Q.Z + X * Q.Y - Y * Q.X + Z * Q.W, W * Q.W - X * Q.X - Y * Q.Y - Z * Q.Z};
    }
    FQuat Inverse() const { return {-X, -Y, -Z, W}; }
    FVector RotateVector(const FVector& V) const {
        const FVector Q(X, Y, Z), T = FVector::Cross(Q, V) * 2;
        return V + T * W + FVector::Cross(Q, T);
    }
    void Normalize() {
        const double Square = X * X + Y * Y + Z * Z + W * W;
        if (Square < 1e-8) {
            *this = FQuat();
            return;
        }
        const double Scale = 1 / std::sqrt(Square);
        X *= Scale, Y *= Scale, Z *= Scale, W *= Scale;
    }
    double AngularDistance(const FQuat& Q) const {
        const double Dot = X * Q.X + Y * Q.Y + Z * Q.Z + W * Q.W;
        return std::acos(FMath::Clamp(2 * Dot * Dot - 1, -1.0, 1.0));
    }
    static FQuat Slerp(const FQuat& A, FQuat B, double Share) {
        double Cosine = A.X * B.X + A.Y * B.Y + A.Z * B.Z + A.W * B.W;
        if (Cosine < 0) B = FQuat(-B.X, -B.Y, -B.Z, -B.W), Cosine = -Cosine;
        const double Angle = std::acos(FMath::Min(Cosine, 1.0)), Sine = std::sin(Angle);
        const double P = Sine < 1e-6 ? 1 - Share : std::sin((1 - Share) * Angle) / Sine;
        const double Q = Sine < 1e-6 ? Share : std::sin(Share * Angle) / Sine;
        FQuat Found(P * A.X + Q * B.X, P * A.Y + Q * B.Y, P * A.Z + Q * B.Z, P * A.W + Q * B.W);
        Found.Normalize();
        return Found;
    }
    FRotator Rotator() const {
        const FVector Forward = RotateVector({1, 0, 0}), Right = RotateVector({0, 1, 0}), Up = RotateVector({0, 0, 1});
        const double Yaw = std::atan2(Forward.Y, Forward.X), Pitch = std::atan2(Forward.Z, std::hypot(Forward.X, Forward.Y));
        const FVector Level(-std::sin(Yaw), std::cos(Yaw), 0);  // the right of no roll
        const double Roll = std::atan2(Up.X * Level.X + Up.Y * Level.Y, Right.X * Level.X + Right.Y * Level.Y);
        return {FMath::RadiansToDegrees(Pitch), FMath::RadiansToDegrees(Yaw), FMath::RadiansToDegrees(Roll)};
    }
};
inline FQuat FRotator::Quaternion() const {
    const FQuat ByYaw({0, 0, 1}, FMath::DegreesToRadians(Yaw)), ByPitch({0, 1, 0}, -FMath::DegreesToRadians(Pitch));
    return ByYaw * ByPitch * FQuat({1, 0, 0}, -FMath::DegreesToRadians(Roll));
}

class FTransform {  // p' = turn(scale · p) + place; A * B is first A
public:
    FTransform() = default;
    FTransform(const FQuat& InTurn) : Turn(InTurn) {}
    FTransform(const FQuat& InTurn, const FVector& InPlace, const FVector& InScale = FVector(1, 1, 1))
        : Turn(InTurn), Place(InPlace), Scale(InScale) {}
    FTransform(const FRotator& InTurn, const FVector& InPlace) : Turn(InTurn.Quaternion()), Place(InPlace) {}
    explicit FTransform(const FVector& InPlace) : Place(InPlace) {}
    FVector GetLocation() const { return Place; }
    FQuat GetRotation() const { return Turn; }
    FRotator Rotator() const { return Turn.Rotator(); }
    FVector GetScale3D() const { return Scale; }
    void RemoveScaling() { Scale = FVector(1, 1, 1); }
    FVector TransformPosition(const FVector& P) const { return Turn.RotateVector(Scale * P) + Place; }
    FTransform operator*(const FTransform& B) const { return {B.Turn * Turn, B.TransformPosition(Place), Scale * B.Scale}; }
    FTransform Inverse() const {
        const FVector Shrunk = FVector(1, 1, 1) / Scale;
        return {Turn.Inverse(), -(Shrunk * Turn.Inverse().RotateVector(Place)), Shrunk};
    }
    FTransform GetRelativeTransform(const FTransform& B) const {
        const FVector Shrunk = FVector(1, 1, 1) / B.Scale;
        return {B.Turn.Inverse() * Turn, Shrunk * B.Turn.Inverse().RotateVector(Place - B.Place), Scale * Shrunk};
    }
    static const FTransform Identity;

private:
    FQuat Turn;
    FVector Place, Scale = FVector(1, 1, 1);
};
inline const FTransform FTransform::Identity;

struct FBox {
    FVector Min, Max;
    uint8 IsValid = 0;
    explicit FBox(EForceInit) {}
    FBox(const FVector& Low, const FVector& High) : Min(Low), Max(High), IsValid(1) {}
    FBox& operator+=(const FBox& Other) {
        if (!Other.IsValid) return *this;
        if (!IsValid) return *this = Other;
        Min = {FMath::Min(Min.X, Other.Min.X), FMath::Min(Min.Y, Other.Min.Y), FMath::Min(Min.Z, Other.Min.Z)};
        Max = {FMath::Max(Max.X, Other.Max.X), FMath::Max(Max.Y, Other.Max.Y), FMath::Max(Max.Z, Other.Max.Z)};
        return *this;
    }
    FVector GetCenter() const { return (Min + Max) * 0.5; }
    FVector GetExtent() const { return (Max - Min) * 0.5; }
    bool IsInsideOrOn(const FVector& P) const {
        return P.X >= Min.X && P.X <= Max.X && P.Y >= Min.Y && P.Y <= Max.Y && P.Z >= Min.Z && P.Z <= Max.Z;
    }
    FBox ShiftBy(const FVector& By) const { return FBox(Min + By, Max + By); }
};

struct FColor {
    uint8 B = 0, G = 0, R = 0, A = 255;  // in this order
    FColor() = default;
    FColor(uint8 InR, uint8 InG, uint8 InB, uint8 InA = 255) : B(InB), G(InG), R(InR), A(InA) {}
    static const FColor White;
};
inline const FColor FColor::White{255, 255, 255, 255};
struct FLinearColor {
    float R = 0, G = 0, B = 0, A = 1;
};

struct FGuid {
    uint32 A = 0;
    bool IsValid() const { return A != 0; }
    bool operator==(const FGuid& Other) const { return A == Other.A; }
};

// ------------------------------------------------------------------------------------------------------------------ delegates

template <class... Arguments>
class TMulticast {
public:
    using FHandler = std::function<void(Arguments...)>;
    template <class Lambda>
    void AddLambda(Lambda Handler) {
        Held.push_back(Handler);
    }
    template <class Owner, class Lambda>
    void AddWeakLambda(Owner*, Lambda Handler) {
        Held.push_back(Handler);
    }
    template <class Owner, class Base>
    void AddUObject(Owner* Object, void (Base::*Method)(Arguments...)) {
        Held.push_back([Object, Method](Arguments... Values) { (Object->*Method)(Values...); });
    }
    template <class Owner, class Base>
    void AddDynamic(Owner* Object, void (Base::*Method)(Arguments...)) {
        AddUObject(Object, Method);
    }
    void RemoveAll(const void*) { Held.clear(); }
    void Clear() { Held.clear(); }
    void Broadcast(Arguments... Values) const {
        const std::vector<FHandler> Now = Held;
        for (const FHandler& Each : Now) Each(Values...);
    }

private:
    std::vector<FHandler> Held;
};
#define STUB_PICK(_1, _2, _3, _4, _5, _6, _7, _8, NAME, ...) NAME
#define DECLARE_EVENT(OWNER, NAME) using NAME = TMulticast<>
#define DECLARE_EVENT_OneParam(OWNER, NAME, A) using NAME = TMulticast<A>
#define DECLARE_EVENT_ThreeParams(OWNER, NAME, A, B, C) using NAME = TMulticast<A, B, C>
#define DECLARE_MULTICAST_DELEGATE_OneParam(NAME, A) using NAME = TMulticast<A>
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE(NAME) using NAME = TMulticast<>
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(NAME, A, a) using NAME = TMulticast<A>
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(NAME, A, a, B, b) using NAME = TMulticast<A, B>
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_FourParams(NAME, A, a, B, b, C, c, D, d) using NAME = TMulticast<A, B, C, D>

class FTickerDelegate {
public:
    template <class Owner>
    static FTickerDelegate CreateUObject(Owner* Object, bool (Owner::*Method)(float)) {
        FTickerDelegate Made;
        Made.Call = [Object, Method](float Secs) { return (Object->*Method)(Secs); };
        return Made;
    }
    std::function<bool(float)> Call;
};

class FTSTicker {
public:
    class FDelegateHandle {
    public:
        bool IsValid() const { return Number != 0; }
        void Reset() { Number = 0; }
        int Number = 0;
    };
    static FTSTicker& GetCoreTicker() {
        static FTSTicker One;
        return One;
    }
    FDelegateHandle AddTicker(const FTickerDelegate& Delegate, float = 0.0f) {
        FDelegateHandle Handle;
        Handle.Number = ++Last;
        Held[Last] = Delegate;
        return Handle;
    }
    static void RemoveTicker(const FDelegateHandle& Handle) { GetCoreTicker().Held.erase(Handle.Number); }
    void Tick(float Secs) {
        const std::map<int, FTickerDelegate> Now = Held;
        for (const auto& [Number, Each] : Now) {
            if (Held.count(Number) != 0 && !Each.Call(Secs)) Held.erase(Number);
        }
    }

private:
    std::map<int, FTickerDelegate> Held;
    int Last = 0;
};

struct FPlatformTime {
    static double& Offset() {  // lets a test turn the clock on
        static double Secs = 0;
        return Secs;
    }
    static double Seconds() {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count() + Offset();
    }
};
