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
        return _to_proto(message)
    except (ValueError, TypeError, KeyError) as error:
        raise unsendable(message, error) from error


def unsendable(message: Any, error: Exception) -> InvalidInputError:
    """What is wrong with a message that cannot be written, in whichever encoding."""
    return InvalidInputError(f"{type(message).__name__} cannot be sent: {error}", "give values that the field can hold")


def _to_proto(message: Any) -> Message:
    plan = plan_of(type(message))
    values: dict[str, Any] = {}
    for field in plan.fields:
        value = getattr(message, field.name)
        if field.descriptor is None:
            if value is not None:
                values[field.alternatives[type(value)]] = _to_proto(value)
        elif field.descriptor.is_repeated:
            values[field.name] = dict(value) if _is_map(field.descriptor) else [_value_to_proto(field, item) for item in value]
        elif field.enum is not None:
            values[field.name] = field.enum.number(value)
        elif value is not None:
            values[field.name] = _value_to_proto(field, value)
    return plan.proto(**values)


def _value_to_proto(field: FieldPlan, value: Any) -> Any:
    if field.enum is not None:
        return field.enum.number(value)
    assert field.descriptor is not None
    return value if field.descriptor.message_type is None else _to_proto(value)


def from_proto(proto: Message) -> Any:
    """The dataclass message of a proto message; unknown fields are ignored.

    Raises:
        InvalidInputError: an enum value that this version does not know.
    """
    plan = plan_for(proto.DESCRIPTOR)
    return plan.dataclass(**{field.name: _from_field(proto, field) for field in plan.fields})


def _from_field(proto: Message, field: FieldPlan) -> Any:
    descriptor = field.descriptor
    if descriptor is None:
        which = proto.WhichOneof(field.name)
        return None if which is None else from_proto(getattr(proto, which))
    if field.optional and not proto.HasField(field.name):
        return None
    value = getattr(proto, field.name)
    if field.enum is not None:
        return tuple(map(field.enum.member, value)) if descriptor.is_repeated else field.enum.member(value)
    if descriptor.is_repeated:
        if _is_map(descriptor):
            return dict(value)
        return tuple(value) if descriptor.message_type is None else tuple(map(from_proto, value))
    return value if descriptor.message_type is None else from_proto(value)


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
