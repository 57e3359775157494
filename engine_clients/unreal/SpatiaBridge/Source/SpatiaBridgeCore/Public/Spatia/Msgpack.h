// msgpack, written and read header by header: no tree is built, nothing is copied, and nothing is allocated for what a header
// only claims. Knows what the bridge's messages are made of: nil, bool, integers, floats, strings, bin, arrays and maps.
// Extension types are no part of the protocol and are refused.
#pragma once

#include <string>
#include <string_view>

#include "Spatia/Bytes.h"

namespace spatia {

class SPATIABRIDGECORE_API MsgpackWriter {
public:
    void nil();
    void boolean(bool value);
    void integer(std::int64_t value);  // in as few bytes as hold it
    void natural(std::uint64_t value);
    void number(double value);  // float 64
    void text(std::string_view value);
    void bytes(ByteView value);
    void array(std::size_t count);  // `count` values follow
    void map(std::size_t count);    // `count` keys and values follow

    Bytes take() { return std::move(out_); }

private:
    void put(std::uint8_t byte) { out_.push_back(byte); }
    void big_endian(std::uint64_t value, int bytes);
    void head(std::size_t size, std::uint8_t fixed, std::size_t below, std::uint8_t code8);

    Bytes out_;
};

enum class MsgpackKind { nil, boolean, integer, number, text, bytes, array, map, none };

// Reads values one after the other. The first thing that is wrong is kept as `fault`; from then on everything reads as zero or
// empty, so a caller may look once at the end. Text and bytes are views into the data.
class SPATIABRIDGECORE_API MsgpackReader {
public:
    // An integer of either sign: `bits` in two's complement.
    struct Integer {
        std::uint64_t bits = 0;
        bool negative = false;
    };

    // Elements of all arrays and maps of one message together: a welcome has hundreds, a batch of chunk parts some thousand.
    static constexpr std::size_t max_values = 1 << 18;

    explicit MsgpackReader(ByteView data) : data_(data) {}

    MsgpackKind kind() const;  // of the next value; `none` at the end, after a fault, and for what is no type of this protocol
    bool nil();                // takes a nil if one is next
    bool boolean();
    Integer integer();
    double number();  // of a float of either size, or of an integer
    std::string_view text();
    ByteView bytes();
    std::size_t array();  // so many values follow; there is a byte at least for each
    std::size_t map();    // so many keys and values follow; there are two bytes at least for each
    void skip();          // one value with all that is in it

    bool ok() const { return fault_.empty(); }
    bool at_end() const { return ok() && at_ == data_.size; }
    const std::string& fault() const { return fault_; }
    void fail(std::string what);  // kept if it is the first

private:
    std::size_t left() const { return data_.size - at_; }
    std::uint64_t big_endian(std::size_t bytes);
    std::size_t length(MsgpackKind kind);
    std::size_t elements(std::size_t count, std::size_t least_bytes);
    void expected(const char* what);

    ByteView data_;
    std::size_t at_ = 0;
    std::size_t values_ = 0;
    std::string fault_;
};

}  // namespace spatia
