"""Every message there is goes through protobuf and comes back the same."""

import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire import convert
from spatia_bridge.wire.generate import differences, generate
from spatia_bridge.wire.rpc import BRIDGE, SESSIONS, methods
from spatia_bridge.wire.spatia.v1 import bridge_pb2
from tests.wire.instances import CLASSES, built


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_round_trip(kind, data):
    message = data.draw(built(kind))
    assert convert.parser(kind)(convert.serialise(message)) == message


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_fields_are_the_protos(kind):
    descriptor = convert.plan_of(kind).proto.DESCRIPTOR
    in_unions = {field.name for each in descriptor.oneofs if each.name in typing.get_type_hints(kind) for field in each.fields}
    unions = {each.name for each in descriptor.oneofs if each.name in typing.get_type_hints(kind)}
    assert set(typing.get_type_hints(kind)) == ({field.name for field in descriptor.fields} - in_unions) | unions


def test_absent_and_default_are_told_apart_where_it_matters():
    assert convert.from_proto(convert.to_proto(msg.Edit(unlock=0))) == msg.Edit(unlock=0)
    assert convert.from_proto(convert.to_proto(msg.Edit())) == msg.Edit()
    assert convert.from_proto(convert.to_proto(msg.Seed())).view is None
    assert convert.from_proto(convert.to_proto(msg.Seed(msg.View()))).view == msg.View()
    assert convert.from_proto(convert.to_proto(msg.Hello())).engine is None


def test_an_enum_value_from_the_future_is_an_error_of_its_request():
    data = bridge_pb2.ClientMessage(request_id=7, hello=bridge_pb2.Hello(engine=99)).SerializeToString()
    with pytest.raises(InvalidInputError, match="99"):
        convert.parser(msg.ClientMessage)(data)
    assert convert.request_id_of(data) == 7
    assert convert.request_id_of(b"\xff") == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_documented_error(data):
    try:
        message = convert.parser(msg.ClientMessage)(data)
    except (CodecError, InvalidInputError):
        return
    assert isinstance(message, msg.ClientMessage)


@pytest.mark.parametrize("message", [msg.Done(revision=-1), msg.Ping(2**64), msg.Hello(session=3), msg.Hello(engine="unity")])
def test_values_that_do_not_fit(message):
    with pytest.raises(InvalidInputError):
        convert.to_proto(message)


def test_enums_go_by_name():
    assert convert.to_proto(msg.Hello(engine=Engine.UNREAL)).engine == bridge_pb2.ENGINE_UNREAL
    assert convert.to_proto(msg.Image(msg.ImageFormat.RAW_RGBA8)).format == bridge_pb2.IMAGE_FORMAT_RAW_RGBA8


def test_services():
    assert list(methods(BRIDGE)) == ["Connect"]
    assert methods(BRIDGE)["Connect"].path == "/spatia.v1.Bridge/Connect"
    assert methods(SESSIONS)["ExportSession"].server_streams


def test_generated_code_is_up_to_date():
    fresh = generate()
    assert differences(fresh) == ""
    stale = {**fresh, "bridge_pb2.py": fresh["bridge_pb2.py"] + "# newer\n", "more_pb2.py": "new\n"}
    diff = differences(stale)
    assert "+# newer" in diff and "more_pb2.py" in diff
