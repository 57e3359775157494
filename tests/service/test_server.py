"""The server as any gRPC client meets it: raw streams, management calls, health, reflection."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from spatia_bridge import errors
from spatia_bridge.client import BridgeClient, SessionsClient
from spatia_bridge.client.faults import from_rpc
from spatia_bridge.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SpatiaError,
    UnauthenticatedError,
    UnavailableError,
)
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.memory import Cause
from spatia_bridge.service import BridgeServer, status
from spatia_bridge.wire.convert import parser, serialise
from spatia_bridge.wire.spatia.v1 import bridge_pb2
from tests.worlds import camera, look

parse = parser(msg.ServerMessage)
HELLO = msg.ClientMessage(1, msg.Hello(1, "raw", Engine.OPENCV, "s", True, credit_bytes=1 << 20))


@pytest.fixture
async def channel(address):
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


def connect(channel):
    return channel.stream_stream("/spatia.v1.Bridge/Connect")()


async def read(stream):
    data = await stream.read()
    return None if data is grpc.aio.EOF else parse(data)


# ------------------------------------------------------------------------------------------------------------ live link


async def test_the_wrong_order_ends_the_stream_with_its_reason(channel):
    stream = connect(channel)
    await stream.write(serialise(msg.ClientMessage(4, msg.Undo())))
    answer = await read(stream)
    assert (answer.request_id, answer.body.code, answer.body.fatal) == (4, "PROTOCOL", True)
    with pytest.raises(grpc.aio.AioRpcError):
        await stream.read()
    assert await stream.code() is grpc.StatusCode.FAILED_PRECONDITION
    metadata = dict(await stream.trailing_metadata())
    assert metadata["spatia-code"] == "PROTOCOL" and metadata["spatia-remedy-bin"].decode()


async def test_messages_in_a_row_and_half_close(channel):
    """A script may say everything at once and close its side: all is done and answered, then the stream ends."""
    stream = connect(channel)
    view = look(camera())
    from spatia_bridge.client.views import view_of

    await stream.write(serialise(HELLO))
    await stream.write(serialise(msg.ClientMessage(2, msg.Seed(view_of(view, Engine.OPENCV.convention)))))
    await stream.write(serialise(msg.ClientMessage(3, msg.Undo())))
    await stream.write(serialise(msg.ClientMessage(4, msg.Ping(1))))
    await stream.done_writing()
    answers = {}
    while (message := await read(stream)) is not None:
        if message.request_id:
            answers[message.request_id] = message.body
    assert isinstance(answers[1], msg.Welcome)
    assert (answers[2].revision, answers[3].revision) == (1, 2)
    assert answers[4] == msg.Pong(1)
    assert await stream.code() is grpc.StatusCode.OK


async def test_bytes_that_are_no_message(channel):
    stream = connect(channel)
    await stream.write(serialise(HELLO))
    assert isinstance((await read(stream)).body, msg.Welcome)
    assert isinstance((await read(stream)).body, msg.Synced)
    for data, request_id, code in (
        (b"\xff\xff", 0, "CORRUPT_DATA"),
        (
            bridge_pb2.ClientMessage(request_id=9, seed=bridge_pb2.Seed(view=bridge_pb2.View(row_order=77))).SerializeToString(),
            9,
            "INVALID_INPUT",
        ),
    ):
        await stream.write(data)
        answer = await read(stream)
        assert (answer.request_id, answer.body.code, answer.body.fatal) == (request_id, code, False)
    stream.cancel()
    other = connect(channel)
    await other.write(b"\xff\xff")
    assert (await read(other)).body.fatal


async def test_a_client_that_does_not_read_hinders_nobody(channel, address):
    stuck = connect(channel)
    await stuck.write(serialise(HELLO))
    async with await BridgeClient.connect(address, "s") as client:
        for number in range(4):
            await client.seed([look(camera(eye=(number / 5, -0.5, -3)))])
        assert (await client.synced()).revision == 4
    messages = []
    while True:
        messages.append((await read(stuck)).body)
        if isinstance(messages[-1], msg.Synced) and messages[-1].revision == 4:
            break
    stuck.cancel()


async def test_an_unexpected_error_is_hidden_and_the_server_lives(address, host, monkeypatch):
    async with await BridgeClient.connect(address, "s") as client:
        session = await host.open("s")

        async def broken():
            raise ZeroDivisionError("secret")

        monkeypatch.setattr(session, "undo", broken)
        with pytest.raises(SpatiaError) as caught:
            await client.undo()
        assert caught.value.code == "INTERNAL" and "secret" not in str(caught.value)
        await client.ping()


async def test_too_many_requests_at_once(address, host, monkeypatch):
    from spatia_bridge.session.connection import MAX_WAITING_REQUESTS

    async with await BridgeClient.connect(address, "s") as client:
        session, gate = await host.open("s"), asyncio.Event()

        async def slow():
            await gate.wait()
            raise ConflictError("there is nothing to undo")

        monkeypatch.setattr(session, "undo", slow)
        requests = [asyncio.create_task(client.undo()) for _ in range(MAX_WAITING_REQUESTS + 10)]
        done, _ = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        assert isinstance(done.pop().exception(), errors.LimitExceededError)
        await client.ping()  # all have come
        gate.set()
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert sum(isinstance(r, errors.LimitExceededError) for r in results) == 9
        assert sum(isinstance(r, ConflictError) for r in results) == MAX_WAITING_REQUESTS + 1


# ----------------------------------------------------------------------------------------------------------- management


async def test_sessions_come_and_go(address):
    async with SessionsClient(address) as sessions:
        assert await sessions.list() == ()
        made = await sessions.create("level-1", "The hall, große Halle")
        assert (made.id, made.title) == ("level-1", "The hall, große Halle")
        async with await BridgeClient.connect(address, "level-1", create=False) as client:
            await client.seed([look(camera())])
            with pytest.raises(ConflictError) as caught:
                await sessions.delete("level-1")
            assert caught.value.remedy
        found = await sessions.get("level-1")
        assert [r.cause for r in found.revisions] == [Cause.EMPTY, Cause.SEED]
        assert found.session.points > 100
        with pytest.raises(ConflictError):
            await sessions.create("level-1")
        data = b"".join([piece async for piece in sessions.export("level-1", "ply", Engine.UNITY)])
        assert data.startswith(b"ply\n") and len(data) > 1000
        await until_deleted(sessions, "level-1")
        with pytest.raises(NotFoundError):
            await sessions.get("level-1")


async def until_deleted(sessions, session_id):
    """The server may hear of a client's leaving a moment after it left."""
    while True:
        try:
            await sessions.delete(session_id)
            return
        except ConflictError:
            await asyncio.sleep(0)


async def test_management_errors_are_the_servers(address):
    async with SessionsClient(address) as sessions:
        with pytest.raises(InvalidInputError) as caught:
            await sessions.create("../up")
        assert "a-z" in caught.value.remedy
        for call in (
            sessions.get("no"),
            sessions.delete("no"),
            collect(sessions.export("no", "ply")),
            collect(sessions.export("no", "fbx")),
        ):
            with pytest.raises(NotFoundError) as caught:
                await call
            assert caught.value.remedy


async def collect(pieces):
    return [piece async for piece in pieces]


async def test_management_is_not_for_websockets():
    with pytest.raises(InvalidInputError, match="no gRPC address"):
        SessionsClient("ws://127.0.0.1:50052")


async def test_management_without_a_server():
    async with SessionsClient("127.0.0.1:1") as sessions:
        with pytest.raises(UnavailableError):
            await sessions.list()


async def test_the_token_guards_both_services(host):
    async with BridgeServer(host, "127.0.0.1:0", token="gé heim") as server:
        address = f"127.0.0.1:{server.port}"
        with pytest.raises(UnauthenticatedError, match="token"):
            await BridgeClient.connect(address, "s")
        async with await BridgeClient.connect(address, "s", token="gé heim"):
            pass
        async with SessionsClient(address) as sessions:
            with pytest.raises(UnauthenticatedError, match="token"):
                await sessions.list()
    async with BridgeServer(host, "127.0.0.1:0", token="plain") as server:
        sessions = SessionsClient(f"127.0.0.1:{server.port}", token="plain")
        await sessions.list()
        await sessions.close()


# --------------------------------------------------------------------------------------------------------------- server


async def test_health_and_reflection(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "spatia.v1.Bridge", "spatia.v1.Sessions"):
        reply = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    names = [service.name async for reply in call for service in reply.list_services_response.service]
    assert {"spatia.v1.Bridge", "spatia.v1.Sessions", "grpc.health.v1.Health"} <= set(names)


async def test_an_address_that_is_taken(host, server):
    with pytest.raises(UnavailableError, match="cannot listen"):
        await BridgeServer(host, f"127.0.0.1:{server.port}").start()


async def test_stop_is_quick_and_may_come_twice(host):
    server = BridgeServer(host, "127.0.0.1:0")
    await server.start()
    client = await BridgeClient.connect(f"127.0.0.1:{server.port}", "s")
    stopping = asyncio.create_task(server.stop(30.0))
    with pytest.raises(UnavailableError, match="shutting down"):
        await client.until(lambda: False)
    await stopping
    await server.stop()
    await client.close()


def subclasses(base):
    return [base, *(each for child in base.__subclasses__() for each in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(SpatiaError))
def test_every_error_survives_the_trip(kind):
    assert status.status_code(kind.code) not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)
    error = kind("größer als 5 m", "mach's kleiner ✓" * 200)
    metadata = grpc.aio.Metadata(*status.trailing_metadata(error))
    back = from_rpc(grpc.aio.AioRpcError(status.status_code(kind.code), grpc.aio.Metadata(), metadata, details="x"))
    assert type(back) is kind
    assert back.message == error.message
    assert error.remedy.startswith(back.remedy) and len(back.remedy) > 300
