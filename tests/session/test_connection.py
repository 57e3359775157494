"""A connection without a shell."""

import asyncio
import threading

import numpy as np
import pytest

from spatia_bridge.errors import ProtocolError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.memory import LockRegion, Memory, Sphere
from spatia_bridge.session.connection import Connection
from spatia_bridge.session.session import Session
from tests.service.hosts import Painter, make_host
from tests.worlds import camera


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


# ---------------------------------------------------------------------------------------------------- live projections

LIVE = msg.LiveView(True, 48, 32, max_rate_hz=60.0)


class Renderer:
    """Stands for `Session.project`: who is rendered, and nobody before `gate` is open."""

    def __init__(self, monkeypatch) -> None:
        self.gate, self.began = threading.Event(), threading.Semaphore(0)
        self.x: list[float] = []
        self.at_once = self.most = 0
        project = Session.project

        def wait(session, base, seen_from):
            self.x.append(round(float(seen_from.position_world[0]), 3))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.began.release()
            assert self.gate.wait(20)
            self.at_once -= 1
            return project(session, base, seen_from)

        monkeypatch.setattr(Session, "project", wait)


@pytest.fixture
async def host(tmp_path):
    host = make_host(tmp_path, Painter())
    yield host
    await host.close()


async def tell(connection, body, request_id=0):
    await connection.receive(msg.ClientMessage(request_id, body))


async def look_from(connection, x, time_secs=0.0):
    await tell(connection, msg.PoseUpdate(axes.client_camera(camera((x, -0.5, -3.0)), Engine.OPENCV.convention, time_secs)))


async def watching(host):
    connection = Connection(host)
    await tell(connection, msg.Hello(1, "w", Engine.OPENCV, "s", True))
    await tell(connection, LIVE)
    return connection


async def next_of(connection, kind):
    while not isinstance(body := (await connection.next_message()).body, kind):
        assert not isinstance(body, msg.Error), body
    return body


async def next_of_request(connection, request_id):
    while (message := await connection.next_message()).request_id != request_id:
        pass
    return message.body


async def test_live_projections_of_all_clients_take_turns_and_show_the_newest_pose(host, monkeypatch):
    renderer = Renderer(monkeypatch)
    clients = [await watching(host) for _ in range(4)]
    for number, client in enumerate(clients):
        await look_from(client, 0.1 * number)
    await asyncio.to_thread(renderer.began.acquire)
    for number, client in enumerate(clients[1:], 1):  # they wait for the first, and move on
        await look_from(client, 0.1 * number + 1, 5.0)
    renderer.gate.set()
    shown = [await next_of(client, msg.LiveProjection) for client in clients]
    assert [each.pose_time_secs for each in shown] == [0.0, 5.0, 5.0, 5.0]
    assert renderer.x == [0.0, 1.1, 1.2, 1.3] and renderer.most == 1
    for client in clients:
        client.close()


async def test_an_edit_does_not_wait_for_live_projections(host, monkeypatch):
    renderer = Renderer(monkeypatch)
    clients = [await watching(host) for _ in range(8)]  # more than there are workers
    for client in clients:
        await look_from(client, 0.0)
    await asyncio.to_thread(renderer.began.acquire)
    await tell(clients[0], msg.Undo(), 7)  # there is nothing to undo, which only a worker knows
    assert isinstance(await next_of_request(clients[0], 7), msg.Error) and renderer.x == [0.0]
    for client in clients:
        client.close()
    renderer.gate.set()


class Undoing:
    """Stands for `Memory.undo`: it takes until `end` is set, and then there is nothing to undo."""

    def __init__(self, monkeypatch) -> None:
        self.began, self.end = threading.Event(), threading.Event()
        undo = Memory.undo

        def wait(memory):
            self.began.set()
            assert self.end.wait(20)
            return undo(memory)

        monkeypatch.setattr(Memory, "undo", wait)


async def test_a_live_projection_lets_an_edit_under_way_go_first(host, monkeypatch):
    monkeypatch.setattr("spatia_bridge.session.connection.EDIT_FIRST_SECS", 20.0)
    renderer, undoing = Renderer(monkeypatch), Undoing(monkeypatch)
    renderer.gate.set()
    client = await watching(host)
    await tell(client, msg.Undo(), 7)
    await asyncio.to_thread(undoing.began.wait)
    await look_from(client, 1.0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert renderer.x == []
    undoing.end.set()
    await next_of_request(client, 7)
    await next_of(client, msg.LiveProjection)
    client.close()


async def test_a_live_projection_does_not_wait_for_a_long_edit(host, monkeypatch):
    monkeypatch.setattr("spatia_bridge.session.connection.EDIT_FIRST_SECS", 0.0)
    renderer, undoing = Renderer(monkeypatch), Undoing(monkeypatch)
    renderer.gate.set()
    client = await watching(host)
    await tell(client, msg.Undo(), 7)
    await asyncio.to_thread(undoing.began.wait)
    await look_from(client, 1.0)
    await next_of(client, msg.LiveProjection)
    undoing.end.set()
    await next_of_request(client, 7)
    client.close()


async def until_idle(connection):
    """Take all that the client is told; the call that waits for more."""
    while True:
        waiting = asyncio.create_task(connection.next_message())
        for _ in range(100):
            await asyncio.sleep(0)
        if not waiting.done():
            return waiting


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_live_projection_lets_the_news_of_an_edit_go_first(host, monkeypatch, leaves):
    monkeypatch.setattr("spatia_bridge.session.connection.EDIT_FIRST_SECS", 20.0)
    renderer = Renderer(monkeypatch)
    renderer.gate.set()
    looking, idle = await watching(host), await watching(host)
    waiting = await until_idle(idle)
    await (await host.open("s")).edit(LockRegion(Sphere(np.zeros(3), 1.0)))
    await look_from(looking, 1.0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert renderer.x == []
    assert (await waiting).body.number == 1
    if leaves:
        idle.close()
    else:
        waiting = await until_idle(idle)
    await next_of(looking, msg.LiveProjection)
    waiting.cancel()
    for client in (looking, idle):
        client.close()


async def test_nothing_is_rendered_for_a_client_that_has_not_taken_its_last_projection(host, monkeypatch):
    renderer = Renderer(monkeypatch)
    renderer.gate.set()
    stuck, other = await watching(host), await watching(host)
    await look_from(stuck, 0.0)
    await asyncio.to_thread(renderer.began.acquire)
    for step in range(1, 6):
        await look_from(stuck, 0.1 * step)
        await look_from(other, 10.0 + step, float(step))
        assert (await next_of(other, msg.LiveProjection)).pose_time_secs == step
    assert [x for x in renderer.x if x < 10] == [0.0]
    for client in (stuck, other):
        client.close()


async def test_nothing_is_rendered_for_a_client_that_left_while_it_waited(host, monkeypatch):
    renderer = Renderer(monkeypatch)
    clients = [await watching(host) for _ in range(3)]
    for number, client in enumerate(clients):
        await look_from(client, float(number))
    await asyncio.to_thread(renderer.began.acquire)
    clients[1].close()
    renderer.gate.set()
    await next_of(clients[2], msg.LiveProjection)
    assert renderer.x == [0.0, 2.0]
    for client in clients:
        client.close()
