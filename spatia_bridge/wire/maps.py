"""Messages ↔ msgpack maps, generically, driven by the same plans as the protobuf conversion: what travels over WebSocket.

The rules, for authors of clients. The fields and their meaning stand in `protos/spatia/v1/`; a new field needs no new rule.

    a message       a map from proto field names (strings) to values. The order of keys means nothing
    absent          the key is left out. A scalar, enum, list or map field with its default (0, "", false, empty) is left out too,
                    but a member of a oneof is there even if it is 0 (`{"unlock": 0}`), and so is a sub-message with nothing in
                    it (`{"undo": {}}`). A reader takes what is left out as the default, and nil as left out
    oneof           the one present field, directly in the map: no `body`, no `kind`. Two of them are an error
    enum            the value's full proto name, "ENGINE_GODOT"; the server also reads its number
    bool            a bool
    double          a float 64. Readers take float 32 and integers too
    32 bit integers an integer within the field's range; a float is an error, even 1.0
    64 bit integers an integer if it is within ±(2^53 − 1), so that every language reads it exactly; beyond that 8 bytes (bin),
                    big endian, two's complement if the field has a sign. Readers take either form for any value
    string          a str, UTF-8
    bytes           a bin; a str is an error
    repeated        an array
    map<string, …>  a map
    unknown keys    are ignored, whatever they hold

One binary WebSocket message is one packet: a ClientMessage or ServerMessage of at most 48 KiB. A larger one travels as several
whose body is `fragment`: see `wire.packets`. The first packet of a link, say:

    {"request_id": 1, "hello": {"protocol_version": 1, "client_name": "x", "engine": "ENGINE_GODOT", "session": "hall"}}

Reading allocates no more than what was really sent asks for: a length beyond the end of the data, nesting below MAX_DEPTH and
more than MAX_VALUES values are refused when they are met, not after they were made room for.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgpack
from google.protobuf.descriptor import FieldDescriptor, OneofDescriptor

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.wire.convert import EnumPlan, FieldPlan, plan_for, plan_of, unsendable

MAX_DEPTH = 32  # the schema's own is 8; unknown keys may hold more
MAX_VALUES = 1 << 20  # in one message: a trajectory of 20 000 cameras has 400 000
SAFE_INTEGER = (1 << 53) - 1

_F = FieldDescriptor
_INTEGERS = {  # type → bits, signed
    _F.TYPE_UINT32: (32, False),
    _F.TYPE_FIXED32: (32, False),
    _F.TYPE_INT32: (32, True),
    _F.TYPE_SINT32: (32, True),
    _F.TYPE_SFIXED32: (32, True),
    _F.TYPE_UINT64: (64, False),
    _F.TYPE_FIXED64: (64, False),
    _F.TYPE_INT64: (64, True),
    _F.TYPE_SINT64: (64, True),
    _F.TYPE_SFIXED64: (64, True),
}
_Convert = Callable[[Any], Any]


class _MisfitError(Exception):
    """A value that its field cannot hold; the path to it grows while the error travels up."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.path: list[str] = []

    def __str__(self) -> str:
        path = ".".join(reversed(self.path)).replace(".[", "[")
        return f"{path} {self.args[0]}" if path else f"the message {self.args[0]}"


@dataclass(frozen=True)
class _Field:
    """One proto field.

    Attributes:
        name: its key.
        attribute: of the dataclass: the same, or the oneof's name.
        read, write: one value (of a repeated field: all of them) from and to what msgpack carries.
        oneof: which oneof it is of, else "".
        default: is left out; `...` = nothing is.
    """

    name: str
    attribute: str
    read: _Convert
    write: _Convert
    oneof: str
    default: Any


@dataclass(frozen=True)
class _Codec:
    """One message type.

    Attributes:
        by_key: for reading.
        plain: what stands for itself in the dataclass, for writing.
        unions: attribute → dataclass → field, for writing.
    """

    dataclass: type
    by_key: dict[str, _Field]
    plain: tuple[_Field, ...]
    unions: dict[str, dict[type, _Field]]


# -------------------------------------------------------------------------------------------------------------- public


def to_map(message: Any) -> dict[str, Any]:
    """The map of a dataclass message.

    Raises:
        InvalidInputError: a value that its field cannot hold (negative, too large, of another type).
    """
    try:
        return _write(message)
    except (_MisfitError, TypeError, KeyError) as error:
        raise unsendable(message, error) from error


def from_map(dataclass: type, value: Any) -> Any:
    """The dataclass message of a map.

    Raises:
        InvalidInputError: a value of the wrong type or range, an enum value that this version does not know, two members of a
            oneof; it names the field.
    """
    try:
        return _read(_codec(dataclass), value)
    except _MisfitError as error:
        raise InvalidInputError(f"{dataclass.__name__}: {error}", "send fields as wire/maps.py describes them") from None


def pack(message: Any) -> bytes:
    """The msgpack bytes of a dataclass message; `to_map`'s errors."""
    value = to_map(message)
    try:
        packed: bytes = msgpack.packb(value)
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"{type(message).__name__} cannot be sent: {error}", "send text that is UTF-8") from error
    return packed


def unpacker(dataclass: type) -> Callable[[bytes], Any]:
    """A function from msgpack bytes to the dataclass; it raises `decode`'s and `from_map`'s errors."""
    return lambda data: from_map(dataclass, decode(data))


def request_id_of(data: bytes) -> int:
    """The request_id of a ClientMessage that could not be converted, so that its error finds back; 0 if that fails too."""
    try:
        value = decode(data)
        return _whole_reader(0, (1 << 64) - 1, 64)(value["request_id"])
    except (InvalidInputError, LimitExceededError, _MisfitError, LookupError, TypeError):
        return 0


def decode(data: bytes) -> Any:
    """The value of msgpack bytes: maps, lists, and what they hold.

    Raises:
        CodecError: not msgpack, cut short, something after the value, a key that is no string, nested too deep.
        LimitExceededError: more than MAX_VALUES values.
    """
    reader = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    reader.feed(data)
    try:
        value = _Decoder(data, reader).value(MAX_DEPTH)
    except (msgpack.UnpackException, ValueError, IndexError) as error:
        raise CodecError(f"{len(data)} bytes are not msgpack: {error or type(error).__name__}", _REMEDY) from error
    if reader.tell() != len(data):
        raise CodecError(f"a message ends after {reader.tell()} of {len(data)} bytes", _REMEDY)
    return value


_REMEDY = "send one msgpack map a message"


_OTHER, _STRING, _ARRAY, _MAP = range(4)
_KINDS = bytearray(256)  # what begins with a byte
_KINDS[0x80:0x90] = bytes([_MAP]) * 16
_KINDS[0x90:0xA0] = bytes([_ARRAY]) * 16
_KINDS[0xA0:0xC0] = bytes([_STRING]) * 32
_KINDS[0xD9:0xE0] = bytes([_STRING, _STRING, _STRING, _ARRAY, _ARRAY, _MAP, _MAP])


class _Decoder:
    """Goes from header to header. msgpack's own unpackb makes room for what an array's header claims, at every level: with a
    message of 5 KB it can be kept busy for a third of a second."""

    def __init__(self, data: bytes, reader: Any) -> None:
        self._data = data
        self._tell, self._unpack = reader.tell, reader.unpack
        self._map_header, self._array_header = reader.read_map_header, reader.read_array_header
        self._left = MAX_VALUES

    def value(self, depth: int) -> Any:
        kind = _KINDS[self._data[self._tell()]]
        if kind == _MAP:
            return self._map(depth)
        return self._array(depth) if kind == _ARRAY else self._unpack()

    def _map(self, depth: int) -> dict[str, Any]:
        data, tell, unpack = self._data, self._tell, self._unpack
        found: dict[str, Any] = {}
        for _ in range(self._room(self._map_header(), depth)):
            if _KINDS[data[tell()]] != _STRING:
                raise CodecError("a map has a key that is no string", "name fields as the proto does")
            key = unpack()
            found[key] = self.value(depth - 1) if _KINDS[data[tell()]] >= _ARRAY else unpack()
        return found

    def _array(self, depth: int) -> list[Any]:
        data, tell, unpack = self._data, self._tell, self._unpack
        return [
            self.value(depth - 1) if _KINDS[data[tell()]] >= _ARRAY else unpack()
            for _ in range(self._room(self._array_header(), depth))
        ]

    def _room(self, count: int, depth: int) -> int:
        """The count of a header, if there can be so many."""
        if depth == 0:
            raise CodecError(f"maps and arrays are nested more than {MAX_DEPTH} deep", _REMEDY)
        if count > len(self._data) - self._tell():
            raise CodecError(f"{count} values are announced, fewer bytes follow", _REMEDY)
        self._left -= count
        if self._left < 0:
            raise LimitExceededError(f"a message has more than {MAX_VALUES} values", "send less in one message")
        return count


# --------------------------------------------------------------------------------------------------------------- plans


@cache
def _codec(kind: type) -> _Codec:
    plan = plan_of(kind)
    plain: list[_Field] = []
    unions: dict[str, dict[type, _Field]] = {}
    for field in plan.fields:
        if field.descriptor is None:
            unions[field.name] = {
                member: _Field(name, field.name, _reader(member), _write, field.name, ...)
                for member, name in field.alternatives.items()
            }
        else:
            plain.append(_plain_field(field))
    members = [member for union in unions.values() for member in union.values()]
    return _Codec(kind, {field.name: field for field in (*plain, *members)}, tuple(plain), unions)


def _plain_field(field: FieldPlan) -> _Field:
    descriptor = field.descriptor
    assert descriptor is not None
    oneof: OneofDescriptor | None = descriptor.containing_oneof
    name = oneof.name if oneof is not None else ""
    entry = descriptor.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        assert key.type == _F.TYPE_STRING, "keys are strings; another kind of map needs a rule"
        read, write = _scalar(value, None)
        return _Field(field.name, field.name, _of_map(read, strict=True), _of_map(write), name, {})
    if entry is not None:
        read, write = _reader(plan_for(entry).dataclass), _write
    else:
        read, write = _scalar(descriptor, field.enum)
    if descriptor.is_repeated:
        return _Field(field.name, field.name, _of_list(read, strict=True), _of_list(write), name, [])
    default: Any = ... if field.optional else write(None if field.enum is not None else descriptor.default_value)
    return _Field(field.name, field.name, read, write, name, default)


def _reader(kind: type) -> _Convert:
    return lambda value: _read(_codec(kind), value)


def _scalar(descriptor: FieldDescriptor, enum: EnumPlan | None) -> tuple[_Convert, _Convert]:
    """How a value of a field that is no message is read and written."""
    if enum is not None:
        return _enum_reader(enum), lambda member: enum.texts[enum.numbers[member]]
    if descriptor.type in _INTEGERS:
        bits, signed = _INTEGERS[descriptor.type]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return _whole_reader(low, high, bits), _whole_writer(low, high)
    others: dict[int, tuple[_Convert, _Convert]] = {
        _F.TYPE_DOUBLE: (_read_float, _write_float),
        _F.TYPE_FLOAT: (_read_float, _write_float),
        _F.TYPE_BOOL: (_read_bool, bool),
        _F.TYPE_STRING: (_text, _text),
        _F.TYPE_BYTES: (_data, _data),
    }
    return others[descriptor.type]


# ------------------------------------------------------------------------------------------------------------- reading


def _read(codec: _Codec, value: Any) -> Any:
    if type(value) is not dict:
        raise _MisfitError(f"must be a map, not {_kind(value)}")
    found: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for key, item in value.items():
        field = codec.by_key.get(key)
        if field is None or item is None:
            continue
        if field.oneof and chosen.setdefault(field.oneof, key) != key:
            raise _MisfitError(f"has both {chosen[field.oneof]} and {key}, which exclude each other")
        try:
            found[field.attribute] = field.read(item)
        except _MisfitError as error:
            error.path.append(key)
            raise
    return codec.dataclass(**found)


def _whole_reader(low: int, high: int, bits: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is bytes and bits == 64:
            if len(value) != 8:
                raise _MisfitError(f"must be 8 bytes if it is bytes, not {len(value)}")
            value = int.from_bytes(value, "big", signed=low < 0)
        if type(value) is not int:
            raise _MisfitError(f"must be an integer, not {_kind(value)}")
        if not low <= value <= high:
            raise _MisfitError(f"is {value}, not from {low} to {high}")
        return value

    return read


def _read_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _MisfitError(f"must be a number, not {_kind(value)}")
    return float(value)


def _read_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise _MisfitError(f"must be a bool, not {_kind(value)}")
    return value


def _enum_reader(enum: EnumPlan) -> _Convert:
    numbers = {text: number for number, text in enum.texts.items()}

    def read(value: Any) -> Any:
        if type(value) is str:
            value = numbers.get(value, value)
        if type(value) is not int and type(value) is not str:
            raise _MisfitError(f"must be the name of a value of {enum.name}, not {_kind(value)}")
        if value not in enum.members:
            raise _MisfitError(f"is {_shown(value)}, which is no {enum.name} of protocol version 1")
        return enum.members[value]

    return read


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _MisfitError(f"must be a string, not {_kind(value)}")
    return value


def _data(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise _MisfitError(f"must be bytes, not {_kind(value)}")
    return value


def _of_list(convert: _Convert, strict: bool = False) -> _Convert:
    def all_of(values: Any) -> Any:
        if strict and type(values) is not list:
            raise _MisfitError(f"must be an array, not {_kind(values)}")
        done: list[Any] = []
        for value in values:
            try:
                done.append(convert(value))
            except _MisfitError as error:
                error.path.append(f"[{len(done)}]")
                raise
        return tuple(done) if strict else done

    return all_of


def _of_map(convert: _Convert, strict: bool = False) -> _Convert:
    def all_of(values: Any) -> Any:
        if strict and type(values) is not dict:
            raise _MisfitError(f"must be a map, not {_kind(values)}")
        done: dict[str, Any] = {}
        for key, value in values.items():
            try:
                done[_text(key)] = convert(value)
            except _MisfitError as error:
                error.path.append(_shown(key))
                raise
        return done

    return all_of


def _kind(value: Any) -> str:
    names = {
        dict: "a map",
        list: "an array",
        str: "a string",
        bytes: "bytes",
        bool: "a bool",
        int: "an integer",
        float: "a float",
    }
    return "nil" if value is None else names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    """For an error: short whatever it is."""
    return str(value)[:60]


# ------------------------------------------------------------------------------------------------------------- writing


def _write(message: Any) -> dict[str, Any]:
    kind: type = type(message)
    codec = _codec(kind)
    values: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for field in codec.plain:
        value = getattr(message, field.attribute)
        if value is None and field.default is ...:
            continue
        if field.oneof and chosen.setdefault(field.oneof, field.name) != field.name:
            raise _MisfitError(f"has both {chosen[field.oneof]} and {field.name}, which exclude each other")
        _put(values, field, value)
    for attribute, members in codec.unions.items():
        value = getattr(message, attribute)
        if value is not None:
            _put(values, members[type(value)], value)
    return values


def _put(values: dict[str, Any], field: _Field, value: Any) -> None:
    try:
        written = field.write(value)
    except _MisfitError as error:
        error.path.append(field.name)
        raise
    if written != field.default or (type(written) is float and math.copysign(1.0, written) < 0):  # -0.0 is no default
        values[field.name] = written


def _whole_writer(low: int, high: int) -> Callable[[Any], int | bytes]:
    def write(value: Any) -> int | bytes:
        whole = operator.index(value)
        if not low <= whole <= high:
            raise _MisfitError(f"is {whole}, not from {low} to {high}")
        return whole if -SAFE_INTEGER <= whole <= SAFE_INTEGER else whole.to_bytes(8, "big", signed=low < 0)

    return write


def _write_float(value: Any) -> float:
    if isinstance(value, str | bytes):
        raise _MisfitError(f"must be a number, not {_kind(value)}")
    return float(value)
