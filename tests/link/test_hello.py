"""The first messages: what is refused, what the welcome says, what may follow."""

import pytest

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import commands
from spatia_bridge.link import messages as msg
from spatia_bridge.link.link import Link, State
from spatia_bridge.memory import Memory
from tests.link.scenes import attach, hello, opened, pull


def refusal(link):
    (message,) = pull(link)
    assert link.state is State.CLOSED
    assert message.body.fatal and message.body.remedy
    return message


@pytest.mark.parametrize("body", [msg.Ping(1), msg.Undo(), None])
def test_hello_comes_first(body):
    link = Link()
    assert link.receive(msg.ClientMessage(5, body), 0.0) == []
    message = refusal(link)
    assert (message.request_id, message.body.code) == (5, "PROTOCOL")
    assert link.receive(hello(), 0.0) == []
    assert pull(link) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"protocol_version": 0}, "VERSION_MISMATCH"),
        ({"protocol_version": 2}, "VERSION_MISMATCH"),
        ({"engine": None}, "INVALID_INPUT"),
        ({"session": ""}, "INVALID_INPUT"),
        ({"session": "x" * 1000}, "LIMIT_EXCEEDED"),
        ({"resume": msg.Resume(1, b"short")}, "INVALID_INPUT"),
    ],
)
def test_a_bad_hello_ends_the_link(fields, code):
    link = Link()
    assert link.receive(hello(**fields), 0.0) == []
    assert refusal(link).body.code == code


def test_the_token():
    for token, welcome in (("", False), ("wrong", False), ("geheim ü", True)):
        link = Link(token="geheim ü")
        assert bool(link.receive(hello(token=token), 0.0)) is welcome
    assert Link().receive(hello(token="not needed"), 0.0)


def test_a_second_hello_ends_the_link():
    link = opened(Memory())
    assert isinstance(pull(link)[0].body, msg.Welcome)
    link.receive(hello(), 0.0)
    assert refusal(link).body.code == "PROTOCOL"


def test_nothing_may_come_before_the_welcome():
    link = Link()
    assert len(link.receive(hello(), 0.0)) == 1
    link.receive(msg.ClientMessage(2, msg.Ping(1)), 0.0)
    assert refusal(link).body.code == "PROTOCOL"


def test_the_command_and_the_welcome():
    link = Link(max_message_bytes=1000)
    message = hello(credit_bytes=77, engine=Engine.UNREAL, compressions=(None, msg.Compression.GZIP, msg.Compression.ZSTD))
    (command,) = link.receive(message, 0.0)
    assert command == commands.Attach(1, "s", True, None, msg.Compression.GZIP, 77)
    link = Link(max_message_bytes=1000)
    attach(link, Memory(), message, generators=(msg.GeneratorInfo("g"),), recording=msg.Recording(True, 3, 1.5))
    first, second = pull(link)
    welcome = first.body
    assert first.request_id == 1
    assert (welcome.compression, welcome.session, welcome.resumed) == (msg.Compression.GZIP, "s", False)
    assert welcome.limits.max_message_bytes == 1000
    assert welcome.space.mirrored and len(welcome.space.client_from_chunk) == 12
    assert welcome.revision.number == 0 and welcome.revision.digest == bytes(32)
    assert welcome.generators[0].name == "g" and welcome.recording.poses == 3
    assert second.body == msg.Synced(0, bytes(32))


def test_unknown_bodies_and_fragments_do_not_end_the_link():
    link = opened(Memory())
    pull(link)
    for body in (None, msg.Fragment(1, 0, 1, b"x")):
        link.receive(msg.ClientMessage(3, body), 0.0)
        (answer,) = pull(link)
        assert (answer.request_id, answer.body.code, answer.body.fatal) == (3, "INVALID_INPUT", False)
    link.receive(msg.ClientMessage(4, msg.Ping(9)), 0.0)
    assert pull(link) == [msg.ServerMessage(4, msg.Pong(9))]
