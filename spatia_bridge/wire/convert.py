"""Proto messages ↔ the dataclasses of `link.messages` and `link.management`, generically, driven by the proto descriptors.

A plan a message type is made once from its descriptor; dataclasses and enums are found by the proto names. The rules of the
mapping stand in `link.messages`. Another encoding of the same schema can walk the same plans (`plan_of`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import DecodeError, Message

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.link import management, messages
from spatia_bridge.wire.spatia.v1 import bridge_pb2, sessions_pb2

_FILES = (bridge_pb2.DESCRIPTOR, sessions_pb2.DESCRIPTOR)


@dataclass(frozen=True)
class EnumPlan:
    """One enum: Python members ↔ numbers; None ↔ 0. `texts` are the proto's names, whose prefix the members do not have."""

    name: str
    numbers: dict[Enum | None, int]
    members: dict[int, Enum | None]
    texts: dict[int, str]

    def number(self, member: Enum | None) -> int:
        return self.numbers[member]

    def member(self, number: int) -> Enum | None:
        """Raises InvalidInputError: a number that this version does not know."""
        try:
            return self.members[number]
        except KeyError:
            raise InvalidInputError(f"{self.name} has the unknown value {number}", "use a value of protocol version 1") from None


@dataclass(frozen=True)
class FieldPlan:
    """One attribute of a dataclass.

    Attributes:
        name: of the attribute; for a union, of the oneof.
        descriptor: of the proto field; None for a union.
        enum: where the field is an enum.
        alternatives: of a union: dataclass → proto field name; else empty.
        optional: the attribute is None when the field is absent.
    """

    name: str
    descriptor: FieldDescriptor | None
    enum: EnumPlan | None
    alternatives: dict[type, str]
    optional: bool


@dataclass(frozen=True)
class MessagePlan:
    """One message type: its dataclass, its proto class, its fields."""

    dataclass: type
    proto: type[Message]
    fields: tuple[FieldPlan, ...]


def _python(name: str) -> Any:
    found = getattr(messages, name, None) or getattr(management, name, None)
    if found is None:
        raise LookupError(f"link.messages has no class for the proto type {name}")
    return found


@cache
def _enum_plan(enum: EnumDescriptor) -> EnumPlan:
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in enum.name).lstrip("_") + "_"
    python: type[Enum] = _python(enum.name)
    members: dict[int, Enum | None] = {0: None}
    for value in enum.values:
        if value.number:
            members[value.number] = python[value.name.removeprefix(prefix)]
    texts = {value.number: value.name for value in enum.values}
    return EnumPlan(enum.name, {member: number for number, member in members.items()}, members, texts)


def _is_union(oneof: OneofDescriptor) -> bool:
    types = [field.message_type for field in oneof.fields]
    return all(types) and len(set(types)) == len(types)


@cache
def plan_for(descriptor: Descriptor) -> MessagePlan:
    """The plan of a message type."""
    fields: list[FieldPlan] = []
    unions = [oneof for oneof in descriptor.oneofs if _is_union(oneof)]
    for field in descriptor.fields:
        if field.containing_oneof in unions:
            continue
        enum = _enum_plan(field.enum_type) if field.enum_type is not None else None
        fields.append(FieldPlan(field.name, field, enum, {}, field.has_presence))
    for oneof in unions:
        alternatives = {_python(field.message_type.name): field.name for field in oneof.fields if field.message_type}
        fields.append(FieldPlan(oneof.name, None, None, alternatives, True))
    return MessagePlan(_python(descriptor.name), message_factory.GetMessageClass(descriptor), tuple(fields))


@cache
def _descriptors() -> dict[type, Descriptor]:
    return {_python(name): descriptor for file in _FILES for name, descriptor in file.message_types_by_name.items()}


def plan_of(dataclass: type) -> MessagePlan:
    """The plan of a message dataclass.

    Raises:
        LookupError: not a message.
    """
    return plan_for(_descriptors()[dataclass])


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def to_proto(message: Any) -> Any:
    """The proto message of a dataclass message.

    Raises:
        InvalidInputError: a value that its field cannot hold (negative, too large, of another type).
    """
    try:
        kind: type = type(message)
        proto = plan_of(kind).proto()
        _writer(kind)(message, proto)
    except (ValueError, TypeError, KeyError) as error:
        raise unsendable(message, error) from error
    return proto


def unsendable(message: Any, error: Exception) -> InvalidInputError:
    """What is wrong with a message that cannot be written, in whichever encoding."""
    return InvalidInputError(f"{type(message).__name__} cannot be sent: {error}", "give values that the field can hold")


_Write = Callable[[Any, Any], None]  # message, proto: into its fields
_Read = Callable[[Any], Any]  # proto


@cache
def _writer(dataclass: type) -> _Write:
    """Fills a proto message in place: one made apart and then put into another is copied, at every level of nesting."""
    plan = plan_of(dataclass)
    plain = tuple(field.name for field in plan.fields if _is_plain(field))
    others = tuple(_field_writer(field) for field in plan.fields if not _is_plain(field))

    def write(message: Any, proto: Any) -> None:
        for name in plain:
            value = getattr(message, name)
            if value is not None:
                setattr(proto, name, value)
        for write_field in others:
            write_field(message, proto)

    return write


def _is_plain(field: FieldPlan) -> bool:
    """One value that is the same on both sides, and always there on this one."""
    descriptor = field.descriptor
    return descriptor is not None and field.enum is None and descriptor.message_type is None and not descriptor.is_repeated


def _field_writer(field: FieldPlan) -> _Write:
    name, enum, descriptor = field.name, field.enum, field.descriptor

    def write_union(message: Any, proto: Any) -> None:
        value = getattr(message, name)
        if value is not None:
            kind: type = type(value)
            member = getattr(proto, field.alternatives[kind])
            member.SetInParent()  # it is there even with nothing in it
            _writer(kind)(value, member)

    def write_enum(message: Any, proto: Any) -> None:
        assert enum is not None
        setattr(proto, name, enum.number(getattr(message, name)))

    def write_message(message: Any, proto: Any) -> None:
        value = getattr(message, name)
        if value is not None:
            getattr(proto, name).SetInParent()
            writer_of(value)(value, getattr(proto, name))

    def write_messages(message: Any, proto: Any) -> None:
        into = getattr(proto, name)
        for value in getattr(message, name):
            writer_of(value)(value, into.add())

    def writer_of(value: Any) -> _Write:
        assert descriptor is not None and descriptor.message_type is not None
        kind: type = type(value)
        if kind is not plan_for(descriptor.message_type).dataclass:
            raise TypeError(f"{name} cannot be a {kind.__name__}")
        return _writer(kind)

    def write_values(message: Any, proto: Any) -> None:
        values = getattr(message, name)
        getattr(proto, name).extend(values if enum is None else map(enum.number, values))

    def write_map(message: Any, proto: Any) -> None:
        getattr(proto, name).update(getattr(message, name))

    if descriptor is None:
        return write_union
    if descriptor.is_repeated:
        return write_map if _is_map(descriptor) else write_values if descriptor.message_type is None else write_messages
    return write_enum if enum is not None else write_message


def from_proto(proto: Message) -> Any:
    """The dataclass message of a proto message; unknown fields are ignored.

    Raises:
        InvalidInputError: an enum value that this version does not know.
    """
    return _reader(proto.DESCRIPTOR)(proto)


@cache
def _reader(descriptor: Descriptor) -> _Read:
    plan = plan_for(descriptor)
    kind, plain = plan.dataclass, tuple(field.name for field in plan.fields if _is_plain(field) and not field.optional)
    others = tuple((field.name, _field_reader(field)) for field in plan.fields if field.name not in plain)

    def read(proto: Any) -> Any:
        values = {name: getattr(proto, name) for name in plain}
        for name, read_field in others:
            values[name] = read_field(proto)
        return kind(**values)

    return read


def _field_reader(field: FieldPlan) -> _Read:
    name, descriptor = field.name, field.descriptor
    read_value: _Read = field.enum.member if field.enum is not None else from_proto
    is_scalar = descriptor is not None and field.enum is None and descriptor.message_type is None

    def read_union(proto: Any) -> Any:
        which = proto.WhichOneof(name)
        return None if which is None else from_proto(getattr(proto, which))

    def read_one(proto: Any) -> Any:
        if field.optional and not proto.HasField(name):
            return None
        value = getattr(proto, name)
        return value if is_scalar else read_value(value)

    def read_many(proto: Any) -> Any:
        values = getattr(proto, name)
        return tuple(values) if is_scalar else tuple(map(read_value, values))

    def read_map(proto: Any) -> Any:
        return dict(getattr(proto, name))

    if descriptor is None:
        return read_union
    if descriptor.is_repeated:
        return read_map if _is_map(descriptor) else read_many
    return read_one


def serialise(message: Any) -> bytes:
    """The protobuf bytes of a dataclass message; `to_proto`'s errors."""
    return bytes(to_proto(message).SerializeToString())


def parser(dataclass: type) -> Callable[[bytes], Any]:
    """A function from protobuf bytes to the dataclass.

    The function raises CodecError for bytes that are not such a message, and `from_proto`'s errors.
    """
    proto = plan_of(dataclass).proto

    def parse(data: bytes) -> Any:
        try:
            return from_proto(proto.FromString(data))
        except DecodeError as error:
            raise CodecError(
                f"{len(data)} bytes are not a {dataclass.__name__}", "send messages of protocol version 1"
            ) from error

    return parse


def request_id_of(data: bytes) -> int:
    """The request_id of a ClientMessage that could not be converted, so that its error finds back; 0 if that fails too."""
    try:
        return bridge_pb2.ClientMessage.FromString(data).request_id
    except DecodeError:
        return 0
