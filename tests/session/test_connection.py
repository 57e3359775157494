"""A connection without a shell."""

from spatia_bridge.errors import ProtocolError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.session.connection import Connection
from tests.service.hosts import Painter, make_host


async def test_who_never_says_hello_is_told_so_and_let_go(tmp_path):
    host = make_host(tmp_path, Painter())
    connection = Connection(host, hello_secs=0.0)
    error = (await connection.next_message()).body
    assert isinstance(error, msg.Error) and error.fatal and error.code == ProtocolError.code and error.remedy
    assert await connection.next_message() is None
    connection.close()
    await host.close()


async def test_who_said_hello_in_time_may_be_silent(tmp_path):
    host = make_host(tmp_path, Painter())
    connection = Connection(host, hello_secs=0.0)
    await connection.receive(msg.ClientMessage(1, msg.Hello(1, "quick", Engine.GODOT, "s", True)))
    assert isinstance((await connection.next_message()).body, msg.Welcome)
    await connection.receive(msg.ClientMessage(2, msg.Ping(7)))
    while not isinstance(body := (await connection.next_message()).body, msg.Pong):
        assert not isinstance(body, msg.Error)
    connection.close()
    await host.close()
