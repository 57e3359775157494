"""What a broken, careless or hostile client can send to the real server, and what comes of it.

    what is sent                                             what comes back                          the stream
    pose, region, motion: NaN, infinite, not rigid           INVALID_INPUT                            goes on
    sizes beyond 8192 a side, 16.7 megapixels; 0; negative   INVALID_INPUT                            goes on
    an image that is truncated, garbage, of another size     CORRUPT_DATA (or INVALID_INPUT: size)    goes on
    an image whose header states a gigapixel                 CORRUPT_DATA, before it is decoded       goes on
    depth with NaN, infinities, negative numbers             they are unknown or backdrop: no error   goes on
    depth with nothing but NaN                               INVALID_INPUT                            goes on
    more points, poses, letters, clips than the limits       LIMIT_EXCEEDED                           goes on
    a session, take, lock, job that is not there             NOT_FOUND                                goes on
    bytes that are no message; an enum of the future         CORRUPT_DATA; INVALID_INPUT              goes on
    a body that version 1 does not know, or none             INVALID_INPUT                            goes on
    another protocol version                                 VERSION_MISMATCH                         ends
    no hello first, a second hello                           PROTOCOL                                 ends
    a hello with no session, a bad id, an unknown one        INVALID_INPUT, NOT_FOUND                 ends
    a real message of 65 MB                                  RESOURCE_EXHAUSTED from gRPC             ends
    a length prefix that claims 2 GB                         the same, nothing is allocated           ends
    a compressed message without compression, bad HTTP/2     gRPC's own error                         ends

Whatever it was: memory is byte for byte what it was, other clients notice nothing, and the server serves.
"""

import asyncio
import contextlib
import math
import resource
import struct
import time
import zlib

import grpc
import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.client.faults import from_rpc
from spatia_bridge.client.views import view_of
from spatia_bridge.codec.images import PNG_SIGNATURE, encode_jpeg, encode_png
from spatia_bridge.errors import InvalidInputError, LimitExceededError, SpatiaError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.messages import ImageFormat
from spatia_bridge.wire.convert import parser, serialise
from spatia_bridge.wire.rpc import MAX_MESSAGE_BYTES
from tests.service import raw_http2
from tests.worlds import camera, look

NAN, INF = math.nan, math.inf
OPENCV = Engine.OPENCV.convention
CONNECT = "/spatia.v1.Bridge/Connect"
FRAME = look(camera(size=(48, 32)))
GOOD = view_of(FRAME, OPENCV)
K = GOOD.camera.intrinsics
TURN = msg.Quaternion(w=1.0)
ALLOWED_GROWTH_KIB = 400 << 10

parse = parser(msg.ServerMessage)


def seed(**fields):
    parts = {name: getattr(GOOD, name) for name in ("camera", "colour", "depth", "metres_per_unit")}
    return msg.Seed(msg.View(**{**parts, **fields}))


def image(format, data, size=(48, 32)):
    return msg.Image(format, *size, data)


def pose(position=(0, 0, 0), rotation=TURN):
    return msg.Pose(msg.Vector3(*map(float, position)), rotation)


def looking(position=(0, 0, 0), rotation=TURN, intrinsics=K, time_secs=0.0):
    return msg.Camera(pose(position, rotation), intrinsics, time_secs)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height, bits=8):
    """A PNG of a few bytes whose header states a vast picture, with a little data that inflates to much."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2 if bits == 8 else 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20), 9)
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


PNG, JPEG = encode_png(FRAME.colour), encode_jpeg(FRAME.colour, 90)
BOX = axes.client_motion(np.eye(4), OPENCV)
REGION = msg.Region(msg.Box(BOX, msg.Vector3(1, 1, 1)))

REFUSED = {
    # poses
    "pose without camera": (msg.PoseUpdate(), "INVALID_INPUT"),
    "pose NaN": (msg.PoseUpdate(looking((NAN, 0, 0))), "INVALID_INPUT"),
    "pose infinite": (msg.PoseUpdate(looking((0, -INF, 0))), "INVALID_INPUT"),
    "pose too far": (msg.PoseUpdate(looking((1e12, 0, 0))), "INVALID_INPUT"),
    "pose overflowing": (msg.PoseUpdate(looking((1e308, 1e308, 1e308))), "INVALID_INPUT"),
    "quaternion zero": (msg.PoseUpdate(looking(rotation=msg.Quaternion())), "INVALID_INPUT"),
    "quaternion NaN": (msg.PoseUpdate(looking(rotation=msg.Quaternion(NAN, 0, 0, 1))), "INVALID_INPUT"),
    "quaternion overflowing": (msg.PoseUpdate(looking(rotation=msg.Quaternion(1e300, 1e300, 0, 1))), "INVALID_INPUT"),
    "time NaN": (msg.PoseUpdate(looking(time_secs=NAN)), "INVALID_INPUT"),
    "focal length 0": (msg.PoseUpdate(looking(intrinsics=msg.Intrinsics(0, 1, 1, 1, 9, 9))), "INVALID_INPUT"),
    "focal length NaN": (msg.PoseUpdate(looking(intrinsics=msg.Intrinsics(NAN, 1, 1, 1, 9, 9))), "INVALID_INPUT"),
    # sizes
    "camera of 4 billion": (
        msg.PoseUpdate(looking(intrinsics=msg.Intrinsics(1, 1, 1, 1, 2**32 - 1, 2**32 - 1))),
        "INVALID_INPUT",
    ),
    "live view vast": (msg.LiveView(True, 2**32 - 1, 2**32 - 1), "INVALID_INPUT"),
    "live view 0": (msg.LiveView(True), "INVALID_INPUT"),
    "live rate NaN": (msg.LiveView(True, 64, 48, NAN), "INVALID_INPUT"),
    "clip vast": (msg.Generate(width=2**31, height=2**31), "INVALID_INPUT"),
    "clip one-sided": (msg.Generate(width=64), "INVALID_INPUT"),
    "clips beyond the limit": (msg.Generate(clips=2**32 - 1), "LIMIT_EXCEEDED"),
    "prompt vast": (msg.Generate("x" * (1 << 20)), "LIMIT_EXCEEDED"),
    "trajectory vast": (msg.Generate(trajectory=msg.Trajectory((looking(),) * 20_001)), "LIMIT_EXCEEDED"),
    "trajectory backwards": (msg.Generate(trajectory=msg.Trajectory((looking(time_secs=1), looking()))), "INVALID_INPUT"),
    "trajectory NaN": (msg.Generate(trajectory=msg.Trajectory((looking((0, NAN, 0)),))), "INVALID_INPUT"),
    "trajectory of ages": (msg.Generate(trajectory=msg.Trajectory((looking(), looking(time_secs=1e18)))), "LIMIT_EXCEEDED"),
    "trajectory twice": (msg.Generate(trajectory=msg.Trajectory((looking(),)), trajectory_name="x"), "INVALID_INPUT"),
    "trajectory unknown": (msg.Generate(trajectory_name="nothing"), "NOT_FOUND"),
    "generator unknown": (msg.Generate(generator="ghost", trajectory=msg.Trajectory((looking(),))), "NOT_FOUND"),
    # images
    "seed empty": (msg.Seed(), "INVALID_INPUT"),
    "colour missing": (seed(colour=None), "INVALID_INPUT"),
    "colour of another size": (seed(colour=image(ImageFormat.PNG, PNG, (47, 32))), "INVALID_INPUT"),
    "colour of another size inside": (seed(colour=image(ImageFormat.PNG, encode_png(FRAME.colour[:16]))), "INVALID_INPUT"),
    "colour truncated PNG": (seed(colour=image(ImageFormat.PNG, PNG[:-200])), "CORRUPT_DATA"),
    "colour flipped PNG": (seed(colour=image(ImageFormat.PNG, PNG[:60] + b"\x00\xff" + PNG[62:])), "CORRUPT_DATA"),
    "colour truncated JPEG": (seed(colour=image(ImageFormat.JPEG, JPEG[:40])), "CORRUPT_DATA"),
    "colour garbage": (seed(colour=image(ImageFormat.JPEG, b"\xff\xd8\xff" + bytes(500))), "CORRUPT_DATA"),
    "colour no image": (seed(colour=image(ImageFormat.PNG, b"MZ" * 100)), "CORRUPT_DATA"),
    "colour short raw": (seed(colour=image(ImageFormat.RAW, bytes(10))), "CORRUPT_DATA"),
    "colour bomb": (seed(colour=image(ImageFormat.PNG, bomb(65_000, 65_000))), "CORRUPT_DATA"),
    "depth bomb": (seed(depth=image(ImageFormat.PNG, bomb(2**31 - 1, 2**31 - 1, 16))), "CORRUPT_DATA"),
    "depth as JPEG": (seed(depth=image(ImageFormat.JPEG, JPEG)), "INVALID_INPUT"),
    "depth zstd garbage": (seed(depth=image(ImageFormat.FLOAT16_ZSTD, bytes(50))), "CORRUPT_DATA"),
    "depth short": (seed(depth=image(ImageFormat.RAW, bytes(48 * 32 * 4 - 1))), "CORRUPT_DATA"),
    "depth all NaN": (seed(depth=image(ImageFormat.RAW, np.full((32, 48), NAN, "<f4").tobytes())), "INVALID_INPUT"),
    "depth all negative": (seed(depth=image(ImageFormat.RAW, np.full((32, 48), -1, "<f4").tobytes())), "INVALID_INPUT"),
    "depth unit NaN": (seed(metres_per_unit=NAN), "INVALID_INPUT"),
    "depth unit absurd": (seed(metres_per_unit=1e30), "INVALID_INPUT"),
    "mask short": (seed(dynamic=image(ImageFormat.RAW, bytes(3))), "CORRUPT_DATA"),
    # edits
    "edit of nothing": (msg.Edit(), "INVALID_INPUT"),
    "region without shape": (msg.Edit(remove=msg.Region()), "INVALID_INPUT"),
    "region infinite": (msg.Edit(remove=msg.Region(msg.Box(BOX, msg.Vector3(INF, 1, 1)))), "INVALID_INPUT"),
    "region huge": (msg.Edit(lock=msg.Region(msg.Sphere(msg.Vector3(), 1e30))), "INVALID_INPUT"),
    "region flat": (msg.Edit(lock=msg.Region(msg.Box(BOX, msg.Vector3(1, 0, 1)))), "INVALID_INPUT"),
    "lock unknown": (msg.Edit(unlock=2**32 - 1), "NOT_FOUND"),
    "motion NaN": (msg.Edit(move=msg.Move(REGION, pose((NAN, 0, 0)))), "INVALID_INPUT"),
    "motion out of the world": (msg.Edit(move=msg.Move(REGION, pose((9e5, 0, 0)))), "INVALID_INPUT"),
    "colour beyond 24 bits": (msg.Edit(recolour=msg.Recolour(REGION, 2**32 - 1)), "INVALID_INPUT"),
    "points claimed, not sent": (msg.Edit(insert=msg.Insert(1_000_000, b"x", b"y", b"z")), "CORRUPT_DATA"),
    "points beyond the limit": (msg.Edit(insert=msg.Insert(2**32 - 1)), "LIMIT_EXCEEDED"),
    "scale NaN": (msg.Edit(realign=msg.Realign(NAN)), "INVALID_INPUT"),
    "scale absurd": (msg.Edit(realign=msg.Realign(1e200)), "INVALID_INPUT"),
    "down nowhere": (msg.Edit(realign=msg.Realign(down=msg.Vector3())), "INVALID_INPUT"),
    # what is not there
    "take unknown": (msg.Accept(2**32 - 1), "NOT_FOUND"),
    "take unknown to discard": (msg.Discard(77), "NOT_FOUND"),
    "take unknown to fetch": (msg.FetchFrames(77, 2**32 - 1, 2**32 - 1), "NOT_FOUND"),
    "job unknown": (msg.Cancel(2**64 - 1), "NOT_FOUND"),
    "redo of nothing": (msg.Redo(), "CONFLICT"),
    # the link
    "fragment": (msg.Fragment(1, 0, 2**32 - 1, b"x"), "INVALID_INPUT"),
    "no body": (None, "INVALID_INPUT"),
}


async def test_every_refusal_is_the_documented_one_and_changes_nothing(address, guard):
    async with await BridgeClient.connect(address, "s") as client:
        for name, (body, code) in REFUSED.items():
            with pytest.raises(SpatiaError) as caught:
                await client.request(body)
            assert (name, caught.value.code) == (name, code)
            assert caught.value.message and caught.value.remedy, name
        await client.ping()


async def test_depth_with_holes_and_infinities_is_depth(address):
    async with await BridgeClient.connect(address, "holes") as client:
        depth = FRAME.depth_m.copy()
        depth[::2] = [NAN, INF, -INF, -1.0] * 12
        depth[1, :2] = [1e38, 1e-38]
        await client.request(seed(depth=image(ImageFormat.RAW, depth.astype("<f4").tobytes())))
        await client.synced()
        points = client.mirror.points_client()
        assert len(points) and np.isfinite(points).all()


async def test_bytes_that_are_no_message(address, guard):
    rng = np.random.default_rng(4)
    good = serialise(msg.ClientMessage(9, msg.Edit(remove=REGION)))
    garbage = [rng.bytes(n) for n in (1, 2, 10, 100, 5000)]
    garbage += [good[:n] for n in range(3, len(good), 7)]  # cut, some of them are messages that say less
    garbage += [b"\xff" * 100, b"\x0a" * 100, b"\x12\xff\xff\xff\xff\x0f"]
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(CONNECT)()
        await stream.write(serialise(msg.ClientMessage(1, msg.Hello(1, "raw", Engine.OPENCV, "s"))))
        assert isinstance(parse(await stream.read()).body, msg.Welcome)
        for number, data in enumerate(garbage):
            await stream.write(data)
            await stream.write(serialise(msg.ClientMessage(0, msg.Ping(number + 1))))
            while not isinstance(body := parse(await stream.read()).body, msg.Pong):
                assert isinstance(body, msg.Error), data
                assert body.code in ("CORRUPT_DATA", "INVALID_INPUT") and not body.fatal and body.remedy
            assert body.nonce == number + 1
        stream.cancel()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (msg.Undo(), "PROTOCOL"),
        (None, "PROTOCOL"),
        (msg.Hello(2, "x", Engine.OPENCV, "s"), "VERSION_MISMATCH"),
        (msg.Hello(2**32 - 1, "x", Engine.OPENCV, "s"), "VERSION_MISMATCH"),
        (msg.Hello(1, "x", None, "s"), "INVALID_INPUT"),
        (msg.Hello(1, "x", Engine.OPENCV, ""), "INVALID_INPUT"),
        (msg.Hello(1, "x", Engine.OPENCV, "nowhere"), "NOT_FOUND"),
        (msg.Hello(1, "x", Engine.OPENCV, "../s", True), "INVALID_INPUT"),
        (msg.Hello(1, "x", Engine.OPENCV, "s\0", True), "INVALID_INPUT"),
        (msg.Hello(1, "x" * 10_000, Engine.OPENCV, "s"), "LIMIT_EXCEEDED"),
        (msg.Hello(1, "x", Engine.OPENCV, "s", resume=msg.Resume(1, b"short")), "INVALID_INPUT"),
        (b"\xff\xff\xff", "CORRUPT_DATA"),
    ],
)
async def test_a_bad_beginning_ends_the_stream_with_its_reason(address, guard, first, code):
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(CONNECT)()
        await stream.write(first if isinstance(first, bytes) else serialise(msg.ClientMessage(7, first)))
        await stream.done_writing()  # otherwise the server waits a moment for us to read
        answer = parse(await stream.read()).body
        assert (answer.code, answer.fatal) == (code, True) and answer.remedy
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert from_rpc(caught.value).code == code


async def test_a_second_hello_ends_only_its_own_stream(address, guard):
    async with await BridgeClient.connect(address, "s") as client:
        with pytest.raises(SpatiaError) as caught:
            await client.request(msg.Hello(1, "x", Engine.OPENCV, "s"))
        assert caught.value.code == "PROTOCOL"


async def test_a_claim_to_hold_what_never_was(address, guard):
    hello = msg.Hello(1, "x", Engine.OPENCV, "s", resume=msg.Resume(2**64 - 1, bytes(32)))
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(CONNECT)()
        await stream.write(serialise(msg.ClientMessage(1, hello)))
        assert not parse(await stream.read()).body.resumed
        stream.cancel()


async def test_a_real_message_of_65_megabytes(address, guard):
    options = [("grpc.max_send_message_length", -1)]
    large = serialise(msg.ClientMessage(2, seed(colour=image(ImageFormat.PNG, bytes(65 << 20)))))
    assert len(large) > MAX_MESSAGE_BYTES
    async with grpc.aio.insecure_channel(address, options) as channel:
        stream = channel.stream_stream(CONNECT)()
        await stream.write(serialise(msg.ClientMessage(1, msg.Hello(1, "raw", Engine.OPENCV, "s"))))
        assert isinstance(parse(await stream.read()).body, msg.Welcome)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.write(large)
            while await stream.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(from_rpc(caught.value), LimitExceededError)


@pytest.mark.parametrize("path", [CONNECT, "/spatia.v1.Sessions/CreateSession"])
@pytest.mark.parametrize("length", [2_000_000_000, 2**31, 2**32 - 1])
async def test_a_header_that_claims_gigabytes(address, guard, path, length):
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with asyncio.timeout(20):
        frames = await raw_http2.call(address, path, raw_http2.grpc_prefix(length), b"x" * 100)
    assert frames[-1][0] in (raw_http2.RST_STREAM, raw_http2.HEADERS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < ALLOWED_GROWTH_KIB


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes(64),
        raw_http2.PREFACE + b"\xff" * 64,
        raw_http2.PREFACE + raw_http2.frame(raw_http2.SETTINGS, 0, 0, b"odd"),
        raw_http2.PREFACE + raw_http2.frame(raw_http2.SETTINGS, 0, 0) + raw_http2.frame(raw_http2.HEADERS, 4, 1, b"\xff" * 30),
        raw_http2.PREFACE + raw_http2.frame(raw_http2.SETTINGS, 0, 0) + raw_http2.frame(raw_http2.DATA, 0, 7, b"x"),
    ],
)
async def test_what_is_not_even_http2(address, guard, data):
    """The connection is closed, or nothing is said; nobody else is hurt."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await raw_http2.say(address, data)


async def test_compression_that_was_never_agreed(address, guard):
    async with asyncio.timeout(20):
        frames = await raw_http2.call(address, CONNECT, raw_http2.grpc_prefix(4, compressed=1) + b"abcd")
    assert frames[-1][0] in (raw_http2.RST_STREAM, raw_http2.HEADERS)


async def test_who_hangs_up_in_the_middle_of_a_message(address, guard):
    host, _, port = address.rpartition(":")
    for cut in range(1, 200, 20):
        begin = raw_http2.PREFACE + raw_http2.frame(raw_http2.SETTINGS, 0, 0)
        begin += raw_http2.frame(raw_http2.HEADERS, raw_http2.END_HEADERS, 1, raw_http2.call_headers(CONNECT))
        begin += raw_http2.frame(raw_http2.DATA, 0, 1, raw_http2.grpc_prefix(1000) + bytes(500))
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(begin[: len(begin) * cut // 200])
        await writer.drain()
        writer.transport.abort()


async def test_a_vast_valid_request_holds_nobody_up(address, guard):
    """Thousands of poses, a thousand clips: read, checked and cut elsewhere, while the loop serves the others."""
    path = msg.Trajectory(tuple(looking((at / 1000, 0, 0), time_secs=float(at)) for at in range(4000)))
    data = serialise(msg.ClientMessage(2, msg.Generate(trajectory=path, clips=1000)))
    gaps_secs = [0.0]

    async def tick():
        last = time.thread_time()  # of the loop's thread alone, whatever else the machine does
        while True:
            await asyncio.sleep(0)
            gaps_secs.append((now := time.thread_time()) - last)
            last = now

    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_stream(CONNECT)()
        await stream.write(serialise(msg.ClientMessage(1, msg.Hello(1, "raw", Engine.OPENCV, "s"))))
        ticking = asyncio.create_task(tick())
        await stream.write(data)
        while (answer := parse(await stream.read())).request_id != 2:
            pass
        ticking.cancel()
        assert isinstance(answer.body, msg.Done) and answer.body.job
        await stream.write(serialise(msg.ClientMessage(3, msg.Cancel())))
        while parse(await stream.read()).request_id != 3:
            pass
        stream.cancel()
    start = time.thread_time()
    axes.world_trajectory(path, Engine.OPENCV.convention)
    assert max(gaps_secs) < 0.5 * (time.thread_time() - start)  # done on the loop, one gap would be all of it


async def test_unary_calls_with_garbage(address, guard):
    async with grpc.aio.insecure_channel(address) as channel:
        for name in ("CreateSession", "GetSession", "DeleteSession", "ForkSession", "SaveTrajectory", "GetTrajectory"):
            for data in (b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", bytes(1000)):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(f"/spatia.v1.Sessions/{name}")(data)
                error = from_rpc(caught.value)
                assert isinstance(error, InvalidInputError) and error.remedy
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/spatia.v1.Sessions/DropTables")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
