// Messages to msgpack and back by the names their `fields` give; the rules are those of spatia_bridge/wire/maps.py.
//
// A message is a map. A field with its default is left out; a member of a oneof is not, nor is a sub-message. Readers take nil and
// what is left out as the default, whole numbers for floats, 8 bytes for a 64 bit integer; unknown keys and enum names pass.
#pragma once

#include <cmath>
#include <type_traits>

#include "Spatia/Messages.h"
#include "Spatia/Msgpack.h"

namespace spatia {

inline constexpr std::uint64_t safe_integer = (std::uint64_t{1} << 53) - 1;  // what every language reads exactly as a number

// Whether a field differs from its default and is written.
template <class T>
bool is_set(const T& value) {
    if constexpr (std::is_floating_point_v<T>) {
        return value != 0 || std::signbit(value);
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
        return value != T{};
    } else {
        return !value.empty();
    }
}
template <class T>
bool is_set(const std::optional<T>& value) {
    return value.has_value();
}

struct FieldCounter {
    std::size_t count = 0;

    template <class T>
    void operator()(const char*, const T& value) {
        count += is_set(value);
    }
    template <class Body, class... Names>
    void oneof(const Body& body, Names...) {
        count += body.index() != 0;
    }
};

class FieldWriter {
public:
    explicit FieldWriter(MsgpackWriter& out) : out_(out) {}

    template <class T>
    void operator()(const char* name, const T& value) {
        if (!is_set(value)) return;
        out_.text(name);
        write(value);
    }

    template <class... Members, class... Names>
    void oneof(const std::variant<std::monostate, Members...>& body, Names... names) {
        static_assert(sizeof...(Members) == sizeof...(Names), "a name for each member");
        if (body.index() == 0) return;
        const char* const all[] = {names...};
        out_.text(all[body.index() - 1]);
        (write_if<Members>(body), ...);
    }

    template <class T>
    void write(const T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            out_.boolean(value);
        } else if constexpr (std::is_same_v<T, std::uint64_t>) {
            write_64(value);
        } else if constexpr (std::is_integral_v<T>) {
            out_.integer(value);
        } else if constexpr (std::is_floating_point_v<T>) {
            out_.number(value);
        } else if constexpr (std::is_enum_v<T>) {
            out_.text(EnumNames<T>::names[static_cast<std::size_t>(value)]);
        } else {
            FieldCounter counter;
            T::fields(value, counter);
            out_.map(counter.count);
            T::fields(value, *this);
        }
    }
    void write(const Unlock& value) { out_.natural(value.place); }
    void write(const std::string& value) { out_.text(value); }
    void write(const ByteView& value) { out_.bytes(value); }
    void write(const Bytes& value) { out_.bytes(value); }
    template <class T>
    void write(const std::optional<T>& value) {
        write(*value);
    }
    template <class T>
    void write(const std::vector<T>& values) {
        out_.array(values.size());
        for (const T& value : values) write(value);
    }
    template <class T>
    void write(const std::map<std::string, T>& values) {
        out_.map(values.size());
        for (const auto& [key, value] : values) {
            out_.text(key);
            write(value);
        }
    }

private:
    template <class Member, class Body>
    void write_if(const Body& body) {
        if (const Member* member = std::get_if<Member>(&body)) write(*member);
    }
    void write_64(std::uint64_t value) {
        if (value <= safe_integer) return out_.natural(value);
        std::uint8_t big_endian[8];
        for (int i = 0; i < 8; ++i) big_endian[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
        out_.bytes({big_endian, 8});
    }

    MsgpackWriter& out_;
};

class FieldReader {
public:
    explicit FieldReader(MsgpackReader& in) : in_(in) {}

    template <class T>
    void operator()(const char* name, T& value) {
        if (found_ || key_ != name) return;
        found_ = true;
        read(value);
    }

    template <class... Members, class... Names>
    void oneof(std::variant<std::monostate, Members...>& body, Names... names) {
        static_assert(sizeof...(Members) == sizeof...(Names), "a name for each member");
        (read_if<Members>(body, names), ...);
    }

    template <class T>
    void read(T& value) {
        if (in_.nil()) return;
        if constexpr (std::is_same_v<T, bool>) {
            value = in_.boolean();
        } else if constexpr (std::is_integral_v<T>) {
            read_integer(value);
        } else if constexpr (std::is_floating_point_v<T>) {
            value = in_.number();
        } else if constexpr (std::is_enum_v<T>) {
            read_enum(value);
        } else {
            read_message(value);
        }
    }
    void read(Unlock& value) { read(value.place); }
    void read(std::string& value) {
        if (!in_.nil()) value = in_.text();
    }
    void read(ByteView& value) {
        if (!in_.nil()) value = in_.bytes();
    }
    void read(Bytes& value) {
        if (in_.nil()) return;
        const ByteView found = in_.bytes();
        value.assign(found.begin(), found.end());
    }
    template <class T>
    void read(std::optional<T>& value) {
        if (!in_.nil()) read(value.emplace());
    }
    template <class T>
    void read(std::vector<T>& values) {
        if (in_.nil()) return;
        values.clear();
        for (std::size_t left = in_.array(); left > 0 && in_.ok(); --left) read(values.emplace_back());
    }
    template <class T>
    void read(std::map<std::string, T>& values) {
        if (in_.nil()) return;
        for (std::size_t left = in_.map(); left > 0 && in_.ok(); --left) {
            const std::string key(in_.text());
            read(values[key]);
        }
    }

private:
    template <class Member, class Body>
    void read_if(Body& body, const char* name) {
        if (found_ || key_ != name) return;
        found_ = true;
        if (in_.nil()) return;
        if (body.index() != 0) return in_.fail("two members of one oneof");
        read(body.template emplace<Member>());
    }

    template <class T>
    void read_message(T& value) {
        for (std::size_t left = in_.map(); left > 0 && in_.ok(); --left) {
            key_ = in_.text();
            found_ = false;
            T::fields(value, *this);
            if (!found_) in_.skip();
            found_ = true;  // of the message around: its field is the one that was just read
        }
        found_ = true;
    }

    template <class T>
    void read_integer(T& value) {
        MsgpackReader::Integer whole;
        if (sizeof(T) == 8 && in_.kind() == MsgpackKind::bytes) {
            const ByteView big_endian = in_.bytes();
            if (big_endian.size != 8) return in_.fail("an integer of " + std::to_string(big_endian.size) + " bytes");
            for (std::uint8_t byte : big_endian) whole.bits = whole.bits << 8 | byte;
        } else {
            whole = in_.integer();
        }
        value = static_cast<T>(whole.bits);
        const bool fits = std::is_signed_v<T> ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) == whole.bits
                                              : static_cast<std::uint64_t>(value) == whole.bits;
        const bool same_sign = whole.negative ? value < T{} : !(value < T{});
        if (!fits || !same_sign) in_.fail("an integer out of range");
    }

    template <class T>
    void read_enum(T& value) {
        value = T{};
        if (in_.kind() == MsgpackKind::integer) return in_.skip();  // the server writes names
        const std::string_view name = in_.text();
        const auto& names = EnumNames<T>::names;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (name == names[i]) value = static_cast<T>(i);
        }
    }

    MsgpackReader& in_;
    std::string_view key_;
    bool found_ = false;
};

}  // namespace spatia
