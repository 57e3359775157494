"""Instances of every message there is, for laws that must hold for all of them."""

import enum
import types
import typing
from collections.abc import Mapping

from hypothesis import strategies as st

from spatia_bridge.link import management, messages
from spatia_bridge.link import messages as msg
from spatia_bridge.wire import convert
from spatia_bridge.wire.spatia.v1 import bridge_pb2, sessions_pb2

CLASSES = [
    getattr(messages, name, None) or getattr(management, name)
    for file in (bridge_pb2.DESCRIPTOR, sessions_pb2.DESCRIPTOR)
    for name in file.message_types_by_name
]
BITS = {"TYPE_UINT32": (0, 2**32 - 1), "TYPE_SINT32": (-(2**31), 2**31 - 1), "TYPE_UINT64": (0, 2**64 - 1)}
SIMPLE = {float: st.floats(allow_nan=False), str: st.text(), bytes: st.binary(), bool: st.booleans()}


def values(hint, field):
    """Values of an annotation, drawn from the annotation alone but for the width of integers."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*[values(each, field) for each in arguments])
    if hint is type(None):
        return st.none()
    if origin is tuple:
        return st.lists(values(arguments[0], field), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if hint is int:
        kinds = {number: name for name, number in vars(type(field)).items() if name.startswith("TYPE_")}
        return st.integers(*BITS[kinds[field.type]])
    return SIMPLE[hint] if hint in SIMPLE else built(hint)


def built(kind):
    hints = typing.get_type_hints(kind)
    descriptor = convert.plan_of(kind).proto.DESCRIPTOR
    fields = {name: values(hint, descriptor.fields_by_name.get(name)) for name, hint in hints.items()}
    built_one = st.builds(kind, **fields)
    if kind is msg.Edit:  # a oneof: one of them at most
        chosen = st.sampled_from(list(hints))
        return st.builds(lambda edit, name: msg.Edit(**{name: getattr(edit, name)}), built_one, chosen)
    return built_one
