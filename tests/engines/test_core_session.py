"""The cores' session as a state machine, against a scripted transport: what it sends and tells for every turn a link can take."""

import msgpack
import numpy as np
import pytest

from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import from_map, pack
from tests.engines.chunk_messages import arrive, digest, packed, parts

GZIP = msg.Compression.GZIP
SPACE = msg.Space((1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0), 0.1)
CHUNKS = {(0, 0, -1, 3): packed(900), (1, 2, 3, 4): packed(40)}


def step(what, **more):
    return {"what": what, **more}


def said(body, request_id=0):
    return step("packet", data=pack(msg.ServerMessage(request_id, body)))


def asked(body):
    return step("request", data=pack(msg.ClientMessage(0, body)))


WELCOME = msg.Welcome(1, "9", "hall", SPACE, msg.Revision(1))
OPENED = [step("open"), step("tick", number=100.0), step("opened")]
LIVE = [*OPENED, said(WELCOME, 1)]
SYNCED = [*LIVE, *(said(part) for part in arrive(CHUNKS, GZIP)), said(msg.Synced(3, digest(CHUNKS)))]


def play(core, *steps):
    """The answer, with what was sent as messages, all but the first hello."""
    answer = core.call("play", session="hall", steps=list(steps))
    sent = [from_map(msg.ClientMessage, msgpack.unpackb(packet)) for packet in answer.get("packets", [])]
    waits_secs = np.frombuffer(answer.get("data", b""), np.float64)
    return answer, sent, answer.get("events", []), answer.get("replies", []), waits_secs


def test_the_first_hello_says_what_this_client_reads(core):
    answer, sent, events, _, _ = play(core, *OPENED)
    (hello,) = sent
    assert answer["state"] == "greeting" and events == ["open ws://127.0.0.1:50052"]
    assert hello.request_id == 1 and hello.body.protocol_version == 1 and hello.body.session == "hall" and hello.body.create
    assert hello.body.compressions == (GZIP,) and hello.body.batch_chunks and hello.body.resume is None
    assert hello.body.credit_bytes == 4 << 20


def test_chunks_arrive_one_by_one_and_in_batches(core):
    answer, _, events, _, _ = play(core, *SYNCED)
    assert answer["state"] == "live" and answer["digest"] == digest(CHUNKS) and answer["clean"]
    assert events[1:] == ["cleared", "connected", "synced 3"]
    batch = said(msg.ChunkParts(tuple(arrive(CHUNKS, GZIP))))
    again, _, _, _, _ = play(core, *LIVE, batch, said(msg.Synced(3, digest(CHUNKS))))
    assert (again["digest"], again["points"]) == (answer["digest"], answer["points"])


def test_credit_is_given_back_for_what_was_applied_in_few_messages(core):
    chunks = {(0, i, 0, 0): packed(4096) for i in range(20)}
    sent_bytes = [len(data) for data in chunks.values()]
    bodies = arrive(chunks, msg.Compression.NONE)
    _, sent, _, _, _ = play(core, *LIVE, *map(said, bodies))
    credits = [message.body.bytes for message in sent[1:]]
    assert len(credits) == sum(sent_bytes) // (256 << 10) and sum(credits) <= sum(sent_bytes)
    assert sum(sent_bytes) - sum(credits) < 256 << 10


def test_answers_find_their_requests(core):
    steps = [asked(msg.Undo()), asked(msg.Accept(7)), asked(msg.Redo())]
    error = msg.Error("CONFLICT", "nothing to undo", "make a change", details={"depth": 0.0})
    answers = [said(msg.Done(5, 7, 2), 3), said(error, 2), said(msg.Done(9), 99)]
    _, sent, events, replies, _ = play(core, *LIVE, *steps, *answers)
    assert [(message.request_id, type(message.body)) for message in sent[1:]] == [(2, msg.Undo), (3, msg.Accept), (4, msg.Redo)]
    assert replies[0] == {"request": 2, "ok": True, "revision": 5, "take": 7, "job": 2}
    assert replies[1] == {"request": 1, "code": "CONFLICT", "message": "nothing to undo", "details": {"depth": 0.0}}
    assert len(replies) == 2 and not any(event.startswith("error") for event in events)


def test_errors_that_answer_nothing_are_reported(core):
    _, _, events, _, _ = play(core, *LIVE, said(msg.Error("REJECTED_UPDATE", "it disagrees", job=4)))
    assert events[-1] == "error: REJECTED_UPDATE"


def test_without_a_link_requests_fail_and_the_rest_is_dropped(core):
    tell = step("tell", data=pack(msg.ClientMessage(0, msg.PoseUpdate())))
    for before in ([], OPENED[:1], OPENED):
        _, sent, _, replies, _ = play(core, *before, asked(msg.Undo()), tell)
        assert [reply["code"] for reply in replies] == ["UNAVAILABLE"]
        assert len(sent) == before.count(OPENED[-1])
    _, sent, _, replies, _ = play(core, *LIVE, tell, asked(msg.Undo()), step("broken", text="cable"))
    assert [type(message.body) for message in sent[1:]] == [msg.PoseUpdate, msg.Undo]
    assert [(reply["code"], reply["message"]) for reply in replies] == [("UNAVAILABLE", "cable")]


def test_a_broken_link_is_tried_again_ever_more_seldom(core):
    turns = []
    now = 100.0
    for _ in range(9):
        turns += [
            step("broken", text="gone"),
            step("tick", number=now),
            step("tick", number=now + 15.1),
            step("tick", number=now + 15.2),
        ]
        now += 20
    answer, _, events, _, waits_secs = play(core, step("open"), *turns)
    assert answer["state"] == "connecting"
    assert len(waits_secs) == 9 and events.count("open ws://127.0.0.1:50052") == 10
    full = np.minimum(0.5 * 2.0 ** np.arange(9), 15.0)
    assert np.all(waits_secs <= full) and np.all(waits_secs >= 0.7 * full - 1e-9)
    _, _, events, _, _ = play(
        core, step("open"), step("tick", number=5), step("broken"), step("tick", number=6), step("tick", number=6.2)
    )
    assert events.count("open ws://127.0.0.1:50052") == 1  # not before its time


def test_who_resumes_says_what_it_holds_whole(core):
    half = next(iter(parts((5, 5, 5, 5), packed(2000), GZIP)))
    replaced = next(iter(parts((0, 0, -1, 3), packed(1500), GZIP)))
    back = [step("broken", text="x"), step("tick", number=101.0), step("tick", number=120.0), step("opened")]
    resumed = said(msg.Welcome(1, "9", "hall", SPACE, msg.Revision(3), resumed=True), 1)
    answer, sent, events, _, _ = play(core, *SYNCED, said(half), said(replaced), *back, resumed)
    assert sent[-1].body.resume == msg.Resume(3, digest(CHUNKS))
    assert answer["digest"] == digest(CHUNKS) and answer["clean"] and answer["points"] == 940
    assert events[-1] == "resumed" and events.count("cleared") == 1
    fresh = said(WELCOME, 1)
    answer, _, events, _, _ = play(core, *SYNCED, *back, fresh)
    assert answer.get("points", 0) == 0 and events[-2:] == ["cleared", "connected"]


@pytest.mark.parametrize(
    "wrong",
    [
        step("packet", data=b"\xc1"),
        said(msg.Synced(4, bytes(32))),
        said(next(iter(parts((9, 9, 9, 9), packed(900), msg.Compression.ZSTD)))),
        said(msg.Space()),
        said(WELCOME),
    ],
    ids=["bytes", "digest", "zstd", "space", "welcome"],
)
def test_what_is_not_as_stated_begins_everything_anew(core, wrong):
    again = [step("tick", number=101.0), step("tick", number=120.0), step("opened")]
    answer, sent, events, _, _ = play(core, *SYNCED, wrong, *again)
    assert answer["state"] == "greeting" and answer.get("points", 0) == 0 and sent[-1].body.resume is None
    told = events[events.index("synced 3") + 1 :]
    assert told[:2] == ["close", "cleared"] and told[2].startswith("disconnected") and told[3] == "waiting 1"


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "NOT_FOUND", "INVALID_INPUT", "PROTOCOL", "VERSION_MISMATCH"])
def test_who_is_refused_does_not_come_again(core, code):
    refused = said(msg.Error(code, "no", fatal=True), 1)
    late = [step("broken", text="late"), step("tick", number=200.0), step("tick", number=300.0)]
    answer, _, events, _, _ = play(core, *OPENED, refused, *late)
    assert answer["state"] == "idle" and events[-1] == f"refused: {code}"
    assert events.count("open ws://127.0.0.1:50052") == 1


def test_who_is_sent_away_for_now_comes_again(core):
    away = [
        said(msg.Error("UNAVAILABLE", "stopping", fatal=True)),
        step("broken", text="bye"),
        step("tick", number=101),
        step("tick", number=120),
    ]
    answer, _, events, _, _ = play(core, *LIVE, *away)
    assert answer["state"] == "connecting" and "error: UNAVAILABLE" in events


def test_a_server_that_does_not_answer_is_given_up(core):
    for begun in ([step("open"), step("tick", number=50.0)], OPENED):
        answer, _, events, _, _ = play(
            core, *begun, step("tick", number=50.0 if len(begun) == 2 else 109.0), step("tick", number=111.0)
        )
        assert answer["state"] == "waiting" and events[-2:] == ["close", "waiting 1"]


def test_a_first_message_that_is_no_welcome_is_refused(core):
    _, _, events, _, _ = play(core, *OPENED, said(msg.Pong(1)))
    assert events[1] == "close" and events[-1] == "waiting 1"


def test_who_leaves_hears_no_more(core):
    late = [said(msg.Revision(9)), step("broken", text="late"), step("tick", number=200.0), step("tick", number=300.0)]
    answer, _, events, replies, _ = play(core, *SYNCED, asked(msg.Undo()), step("close"), *late)
    assert answer["state"] == "idle" and events[-2:] == ["close", "disconnected: closed here"]
    assert [reply["code"] for reply in replies] == ["UNAVAILABLE"] and answer["points"] == 940
