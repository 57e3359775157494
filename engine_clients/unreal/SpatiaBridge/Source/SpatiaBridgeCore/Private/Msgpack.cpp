#include "Spatia/Msgpack.h"

#include <utility>

namespace spatia {

// ------------------------------------------------------------------------------------------------------------- writing

void MsgpackWriter::big_endian(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) put(static_cast<std::uint8_t>(value >> shift));
}

// A length: in the first byte if it is small enough, else in 8 (strings and bin only), 16 or 32 bits after it. `code8` is the
// code of the 8 bit form, or would be; the next two are those of the others.
void MsgpackWriter::head(std::size_t size, std::uint8_t fixed, std::size_t below, std::uint8_t code8) {
    const bool has_short = code8 == 0xC4 || code8 == 0xD9;
    if (size < below) {
        put(static_cast<std::uint8_t>(fixed | size));
    } else if (has_short && size < 0x100) {
        put(code8);
        big_endian(size, 1);
    } else if (size < 0x10000) {
        put(static_cast<std::uint8_t>(code8 + 1));
        big_endian(size, 2);
    } else {
        put(static_cast<std::uint8_t>(code8 + 2));
        big_endian(size, 4);
    }
}

void MsgpackWriter::nil() { put(0xC0); }

void MsgpackWriter::boolean(bool value) { put(value ? 0xC3 : 0xC2); }

void MsgpackWriter::natural(std::uint64_t value) {
    if (value < 0x80) return put(static_cast<std::uint8_t>(value));
    const int size = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
    put(static_cast<std::uint8_t>(0xCC + size));
    big_endian(value, 1 << size);
}

void MsgpackWriter::integer(std::int64_t value) {
    if (value >= 0) return natural(static_cast<std::uint64_t>(value));
    if (value >= -32) return put(static_cast<std::uint8_t>(value));
    const int size = value >= -0x80 ? 0 : value >= -0x8000 ? 1 : value >= -0x80000000LL ? 2 : 3;
    put(static_cast<std::uint8_t>(0xD0 + size));
    big_endian(static_cast<std::uint64_t>(value), 1 << size);
}

void MsgpackWriter::number(double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    put(0xCB);
    big_endian(bits, 8);
}

void MsgpackWriter::text(std::string_view value) {
    head(value.size(), 0xA0, 32, 0xD9);
    out_.insert(out_.end(), value.begin(), value.end());
}

void MsgpackWriter::bytes(ByteView value) {
    head(value.size, 0, 0, 0xC4);
    out_.insert(out_.end(), value.begin(), value.end());
}

void MsgpackWriter::array(std::size_t count) { head(count, 0x90, 16, 0xDB); }

void MsgpackWriter::map(std::size_t count) { head(count, 0x80, 16, 0xDD); }

// ------------------------------------------------------------------------------------------------------------- reading

MsgpackKind MsgpackReader::kind() const {
    if (!ok() || left() == 0) return MsgpackKind::none;
    const std::uint8_t code = data_.data[at_];
    if (code < 0x80 || code >= 0xE0 || (code >= 0xCC && code <= 0xD3)) return MsgpackKind::integer;
    if (code < 0x90 || code == 0xDE || code == 0xDF) return MsgpackKind::map;
    if (code < 0xA0 || code == 0xDC || code == 0xDD) return MsgpackKind::array;
    if (code < 0xC0 || (code >= 0xD9 && code <= 0xDB)) return MsgpackKind::text;
    if (code == 0xC0) return MsgpackKind::nil;
    if (code == 0xC2 || code == 0xC3) return MsgpackKind::boolean;
    if (code >= 0xC4 && code <= 0xC6) return MsgpackKind::bytes;
    if (code == 0xCA || code == 0xCB) return MsgpackKind::number;
    return MsgpackKind::none;
}

void MsgpackReader::fail(std::string what) {
    if (ok()) fault_ = std::move(what) + " at byte " + std::to_string(at_);
}

void MsgpackReader::expected(const char* what) { fail(std::string(left() == 0 ? "the end instead of " : "no ") + what); }

std::uint64_t MsgpackReader::big_endian(std::size_t bytes) {
    if (bytes > left()) {
        fail("a cut number");
        return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | data_.data[at_ + i];
    at_ += bytes;
    return value;
}

bool MsgpackReader::nil() {
    if (kind() != MsgpackKind::nil) return false;
    ++at_;
    return true;
}

bool MsgpackReader::boolean() {
    if (kind() != MsgpackKind::boolean) {
        expected("bool");
        return false;
    }
    return data_.data[at_++] == 0xC3;
}

MsgpackReader::Integer MsgpackReader::integer() {
    if (kind() != MsgpackKind::integer) {
        expected("integer");
        return {};
    }
    const std::uint8_t code = data_.data[at_++];
    if (code < 0x80) return {code, false};
    if (code >= 0xE0) return {~std::uint64_t{0} << 8 | code, true};
    const std::size_t size = std::size_t{1} << (code & 3);
    std::uint64_t bits = big_endian(size);
    if (code < 0xD0) return {bits, false};
    const int unused = static_cast<int>(64 - 8 * size);
    const bool negative = (bits << unused) >> 63 != 0;
    if (negative && unused > 0) bits |= ~std::uint64_t{0} << (64 - unused);
    return {bits, negative};
}

double MsgpackReader::number() {
    if (kind() == MsgpackKind::integer) {
        const Integer whole = integer();
        return whole.negative ? static_cast<double>(static_cast<std::int64_t>(whole.bits)) : static_cast<double>(whole.bits);
    }
    if (kind() != MsgpackKind::number) {
        expected("number");
        return 0;
    }
    if (data_.data[at_++] == 0xCA) {
        const auto bits = static_cast<std::uint32_t>(big_endian(4));
        float value = 0;
        std::memcpy(&value, &bits, sizeof value);
        return static_cast<double>(value);
    }
    const std::uint64_t bits = big_endian(8);
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// The length that a header of this kind states; 0 if another value is next.
std::size_t MsgpackReader::length(MsgpackKind wanted) {
    if (kind() != wanted) {
        expected(wanted == MsgpackKind::map     ? "map"
                 : wanted == MsgpackKind::array ? "array"
                 : wanted == MsgpackKind::text  ? "string"
                                                : "bytes");
        return 0;
    }
    const std::uint8_t code = data_.data[at_++];
    if (code < 0xA0) return code & 0x0F;
    if (code < 0xC0) return code & 0x1F;
    const std::uint8_t first = code <= 0xC6 ? 0xC4 : code <= 0xDB ? 0xD9 : code <= 0xDD ? 0xDB : 0xDD;
    return static_cast<std::size_t>(big_endian(std::size_t{1} << (code - first)));
}

std::string_view MsgpackReader::text() {
    const std::size_t size = length(MsgpackKind::text);
    if (size > left()) fail("a cut string");
    if (!ok() || size == 0) return {};
    at_ += size;
    return {reinterpret_cast<const char*>(data_.data + at_ - size), size};
}

ByteView MsgpackReader::bytes() {
    const std::size_t size = length(MsgpackKind::bytes);
    if (size > left()) fail("cut bytes");
    if (!ok()) return {};
    at_ += size;
    return {data_.data + at_ - size, size};
}

std::size_t MsgpackReader::elements(std::size_t count, std::size_t least_bytes) {
    if (count > left() / least_bytes) fail("more values announced than bytes follow");
    values_ += ok() ? count : 0;
    if (values_ > max_values) fail("too many values");
    return ok() ? count : 0;
}

std::size_t MsgpackReader::array() { return elements(length(MsgpackKind::array), 1); }

std::size_t MsgpackReader::map() { return elements(length(MsgpackKind::map), 2); }

void MsgpackReader::skip() {
    // No recursion: depth is the sender's to choose. Each value takes a byte at least, so this ends.
    for (std::size_t due = 1; due > 0 && ok(); --due) {
        switch (kind()) {
            case MsgpackKind::nil: nil(); break;
            case MsgpackKind::boolean: boolean(); break;
            case MsgpackKind::integer: integer(); break;
            case MsgpackKind::number: number(); break;
            case MsgpackKind::text: text(); break;
            case MsgpackKind::bytes: bytes(); break;
            case MsgpackKind::array: due += array(); break;
            case MsgpackKind::map: due += 2 * map(); break;
            case MsgpackKind::none: expected("value"); break;
        }
    }
}

}  // namespace spatia
