// PNG as the ImageWrapper module writes it: rows from the top, RGB.
#include <zlib.h>

#include "Stub/Engine.h"

namespace {

void Put(std::string& Out, uint32 Value) {
    for (int Shift = 24; Shift >= 0; Shift -= 8) Out += static_cast<char>(Value >> Shift & 0xFF);
}
void Chunk(std::string& Out, const char* Kind, const std::string& Data) {
    Put(Out, static_cast<uint32>(Data.size()));
    const std::string Checked = Kind + Data;
    Out += Checked;
    Put(Out, static_cast<uint32>(crc32(0, reinterpret_cast<const Bytef*>(Checked.data()), static_cast<uInt>(Checked.size()))));
}

class FPng final : public IImageWrapper {
public:
    virtual bool SetRaw(const void* Raw, int64 Size, int32 InWidth, int32 InHeight, ERGBFormat Format, int32 Bits) override {
        if (Format != ERGBFormat::BGRA || Bits != 8 || Size != int64{4} * InWidth * InHeight) return false;
        Width = InWidth, Height = InHeight;
        const auto* Pixels = static_cast<const FColor*>(Raw);
        for (int32 y = 0; y < Height; ++y) {
            Rows += '\0';
            for (int32 x = 0; x < Width; ++x, ++Pixels) {
                if (Pixels->A != 255) return false;
                for (uint8 Each : {Pixels->R, Pixels->G, Pixels->B}) Rows += static_cast<char>(Each);
            }
        }
        return true;
    }
    virtual TArray64<uint8> GetCompressed(int32) override {
        std::string Head, Packed(compressBound(Rows.size()), '\0'), Out = "\x89PNG\r\n\x1A\n";
        Put(Head, static_cast<uint32>(Width)), Put(Head, static_cast<uint32>(Height));
        Head += std::string("\x08\x02\0\0\0", 5);
        uLongf Size = Packed.size();
        compress2(reinterpret_cast<Bytef*>(Packed.data()), &Size, reinterpret_cast<const Bytef*>(Rows.data()), Rows.size(), 1);
        Packed.resize(Size);
        Chunk(Out, "IHDR", Head), Chunk(Out, "IDAT", Packed), Chunk(Out, "IEND", "");
        return TArray64<uint8>(reinterpret_cast<const uint8*>(Out.data()), static_cast<int32>(Out.size()));
    }

private:
    std::string Rows;
    int32 Width = 0, Height = 0;
};

}  // namespace

TSharedPtr<IImageWrapper> IImageWrapperModule::CreateImageWrapper(EImageFormat Format) {
    return Format == EImageFormat::PNG ? TSharedPtr<IImageWrapper>(std::make_shared<FPng>()) : TSharedPtr<IImageWrapper>();
}
