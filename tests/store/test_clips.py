from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spatia_bridge.codec.images import decode_colour
from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.frames import GeneratedFrame, Take
from spatia_bridge.store import ClipKind, ClipState, SessionLibrary
from tests.store.scenes import camera, rgbd, same_camera, same_frame, same_image, same_take, take


@pytest.fixture
def store(tmp_path):
    with SessionLibrary(tmp_path).create("s") as opened:
        yield opened


def test_takes_and_seeds_come_back_exactly(tmp_path):
    library, sent = SessionLibrary(tmp_path), take(7, frames=5, base_revision=3)
    seed = [rgbd(1), rgbd(2, planes=False)]
    with library.create("s") as store:
        store.put_take(sent)
        store.put_seed(2, seed)
    with library.open("s") as store:
        assert same_take(store.load_take(7), sent)
        assert all(map(same_frame, store.load_seed(2), seed))
        assert store.next_clip_number() == 8
        info = store.take_info(7)
        assert (info.kind, info.state, info.frames, info.width, info.height) == (ClipKind.TAKE, ClipState.PENDING, 5, 16, 12)
        assert (info.base_revision, info.prompt, info.seed, info.generator, info.fps) == (
            3,
            "a red door",
            2**63 + 7,
            "tiny",
            24.0,
        )
        assert info.notes == {"secs": 1.5} and info.created_secs > 0
        assert [t.number for t in store.takes()] == [7] and [t.number for t in store.seeds()] == [2]


def test_one_frame_can_be_read_alone(store):
    sent = take(1)
    store.put_take(sent)
    for i, frame in enumerate(sent.frames):
        got = store.load_frame(1, i)
        assert same_image(got.colour, frame.colour) and same_camera(got.camera, sent.cameras[i])
        assert same_image(got.depth_m, np.zeros((12, 16), np.float32) if frame.depth_m is None else frame.depth_m)
        assert (decode_colour(store.colour_png(1, i)) == frame.colour).all()
    for bad in (-1, 3):
        with pytest.raises(NotFoundError, match="no frame"):
            store.load_frame(1, bad)


def test_depth_and_confidence_are_rounded_as_documented(store):
    view = rgbd(1)
    depth = np.linspace(0.1, 30, 16 * 12, dtype=np.float32).reshape(12, 16)
    confidence = np.full((12, 16), 0.3, np.float32)
    confidence[0, :3] = [np.nan, -1, 2]
    store.put_seed(1, [replace(view, depth_m=depth, confidence=confidence)])
    (got,) = store.load_seed(1)
    assert same_image(got.depth_m, depth.astype(np.float16).astype(np.float32))
    assert got.confidence[0, :3].tolist() == [0, 0, 1] and abs(got.confidence[1, 1] - 0.3) < 1 / 255
    store.put_seed(2, [got])
    assert same_frame(store.load_seed(2)[0], got), "what was rounded once stays"


def test_a_clip_is_decided_once(store):
    for number in (1, 2):
        store.put_take(take(number))
    store.set_take_state(1, ClipState.ACCEPTED)
    store.set_take_state(1, ClipState.ACCEPTED)
    store.set_take_state(2, ClipState.DISCARDED)
    for number, state in ((1, ClipState.DISCARDED), (1, ClipState.PENDING), (2, ClipState.ACCEPTED)):
        with pytest.raises(ConflictError, match="already"):
            store.set_take_state(number, state)
    with pytest.raises(NotFoundError):
        store.set_take_state(3, ClipState.ACCEPTED)


def test_a_discarded_take_keeps_its_row_and_loses_its_frames(store):
    store.put_take(take(1))
    store.set_take_state(1, ClipState.DISCARDED)
    assert not list((store.folder / "clips").iterdir())
    assert store._database.rows("SELECT * FROM frames") == []
    assert store.take_info(1).state is ClipState.DISCARDED and store.next_clip_number() == 2
    for call in (lambda: store.load_take(1), lambda: store.load_frame(1, 0), lambda: store.colour_png(1, 0)):
        with pytest.raises(NotFoundError, match="discarded"):
            call()
    with pytest.raises(ConflictError):
        store.put_take(take(1))


def test_what_is_not_there_is_not_found(store):
    store.put_seed(1, [rgbd(1)])
    for call in (
        lambda: store.load_take(1),
        lambda: store.load_take(2),
        lambda: store.load_frame(2, 0),
        lambda: store.take_info(2),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_clips_that_cannot_be_kept_are_refused(store):
    store.put_take(take(1))
    wrong_size = GeneratedFrame(0, np.zeros((5, 5, 3), np.uint8))
    cases = [
        (take(1), ConflictError),
        (take(0), InvalidInputError),
        (take(65_536), InvalidInputError),
        (take(2, frames=0), InvalidInputError),
        (Take(2, 0, (camera(),), (wrong_size,)), InvalidInputError),
        (replace(take(2), seed=2**64), InvalidInputError),
    ]
    for bad, error in cases:
        with pytest.raises(error):
            store.put_take(bad)
    assert [path.name for path in (store.folder / "clips").iterdir()] == ["000001"]


@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "swapped"])
@pytest.mark.parametrize("name", ["0001.png", "0001.planes"])
def test_a_damaged_frame_file_is_named(store, name, damage):
    store.put_take(take(1))
    path = store.folder / "clips" / "000001" / name
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "swapped":
        path.write_bytes(path.with_name(name.replace("1", "0")).read_bytes())
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data[:-5] if damage == "cut" else data)
    with pytest.raises(StoreError, match=name):
        store.load_take(1)
    assert store.load_frame(1, 0).colour.shape == (12, 16, 3)


def test_a_full_disk_leaves_no_half_take(store, monkeypatch):
    real, written = Path.write_bytes, []

    def write(self, data):
        written.append(self)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(StoreError, match="free some disk space"):
        store.put_take(take(1))
    assert not list((store.folder / "clips").iterdir()) and not store.takes()
    store.put_take(take(1))
    assert same_take(store.load_take(1), take(1))
