"""Capture folders: what is written is what is read, and what is broken is refused with a reason."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.samples.capture import Capture, load_capture, save_capture

HEIGHT, WIDTH = 6, 8
INTRINSICS = Intrinsics(7.0, 8.0, 4.0, 3.0, WIDTH, HEIGHT)


def _frame(number: int, objects: bool = True) -> RgbdFrame:
    rng = np.random.default_rng(number)
    pose = np.eye(4)
    pose[:3, 3] = number, 0.5, -1.0
    depth = rng.uniform(0.5, 60.0, (HEIGHT, WIDTH)).astype(np.float32)
    depth[0, 0] = 0.0
    return RgbdFrame(
        camera=Camera(INTRINSICS, pose),
        colour=rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        depth_m=depth,
        object_ids=rng.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16) if objects else None,
        time_secs=number / 7,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_capture(tmp_path / "capture", Capture((_frame(0), _frame(1)), "two views", "CC0-1.0", "made up"))
    return tmp_path / "capture"


@pytest.mark.parametrize("objects", [True, False])
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, objects: bool) -> None:
    saved = Capture((_frame(0, objects), _frame(1, objects)), "n", "l", "s")
    save_capture(tmp_path, saved)
    loaded = load_capture(tmp_path)
    assert (loaded.name, loaded.licence, loaded.notes) == ("n", "l", "s")
    for before, after in zip(saved.frames, loaded.frames, strict=True):
        assert after.camera.intrinsics == before.camera.intrinsics
        np.testing.assert_array_equal(after.camera.world_from_camera, before.camera.world_from_camera)
        np.testing.assert_array_equal(after.colour, before.colour)
        np.testing.assert_allclose(after.depth_m, before.depth_m, atol=0.0005001)
        assert after.depth_m[0, 0] == 0
        assert after.time_secs == pytest.approx(before.time_secs, abs=1e-6)
        if objects:
            np.testing.assert_array_equal(after.object_ids, before.object_ids)
        else:
            assert after.object_ids is None


def test_depth_that_sixteen_bits_cannot_hold_is_none(tmp_path: Path) -> None:
    frame = _frame(0)
    frame.depth_m[1, :5] = np.nan, np.inf, -3.0, 65.535, 65.6
    save_capture(tmp_path, Capture((frame,)))
    np.testing.assert_allclose(load_capture(tmp_path).frames[0].depth_m[1, :5], [0, 0, 0, 65.535, 0], atol=1e-5)


def test_frames_that_differ_are_not_saved(tmp_path: Path) -> None:
    wider = RgbdFrame(
        Camera(Intrinsics(7.0, 8.0, 4.0, 3.0, 9, HEIGHT), np.eye(4)),
        np.zeros((HEIGHT, 9, 3), np.uint8),
        np.zeros((HEIGHT, 9), np.float32),
        np.zeros((HEIGHT, 9), np.uint16),
    )
    for frames in [(_frame(0), wider), (_frame(0), _frame(1, objects=False)), ()]:
        with pytest.raises(InvalidInputError):
            save_capture(tmp_path / "none", Capture(frames))
    assert not (tmp_path / "none").exists()


Damage = Callable[[Path], None]


def _edit(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "capture.json").read_text(encoding="utf-8"))
        change(manifest)
        (folder / "capture.json").write_text(json.dumps(manifest), encoding="utf-8")

    return damage


def _remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def _rewrite(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def _image(name: str, image: np.ndarray[Any, Any]) -> Damage:
    def damage(folder: Path) -> None:
        assert cv2.imwrite(str(folder / name), image)

    return damage


def _claim_size(width: int, height: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:16] + struct.pack(">II", width, height) + data[24:]


BROKEN: dict[str, tuple[Damage, str]] = {
    "no folder": (shutil.rmtree, r"capture\.json cannot be read"),
    "no manifest": (_remove("capture.json"), r"capture\.json cannot be read"),
    "not json": (_rewrite("capture.json", lambda data: data[:100]), "not JSON"),
    "not utf-8": (_rewrite("capture.json", lambda data: b"\xff" + data), "not JSON"),
    "too deep": (_rewrite("capture.json", lambda data: b"[" * 200_000), "not JSON"),
    "a list": (_rewrite("capture.json", lambda data: b"[]"), "does not say format"),
    "another format": (_edit(lambda m: m.update(format="zip")), "does not say format"),
    "wrong version": (_edit(lambda m: m.update(version=2)), "version 2"),
    "no version": (_edit(lambda m: m.pop("version")), "version None"),
    "another colour space": (_edit(lambda m: m.update(colour_space="linear")), "colour_space"),
    "another depth": (_edit(lambda m: m.update(depth="distance to the eye")), "depth is"),
    "depth scale 0": (_edit(lambda m: m.update(depth_scale_m=0)), "depth_scale_m"),
    "depth scale nan": (_edit(lambda m: m.update(depth_scale_m=float("nan"))), "depth_scale_m"),
    "no frames": (_edit(lambda m: m.update(frames=[])), "0 frames"),
    "frames not a list": (_edit(lambda m: m.update(frames={})), "frames"),
    "frame not an object": (_edit(lambda m: m["frames"].insert(0, 3)), "frame 0"),
    "nan pose": (_edit(lambda m: m["frames"][1]["world_from_camera"][0].__setitem__(3, float("nan"))), "pose of frame 1"),
    "infinite pose": (_edit(lambda m: m["frames"][0]["world_from_camera"][1].__setitem__(3, float("inf"))), "pose"),
    "ragged pose": (_edit(lambda m: m["frames"][0]["world_from_camera"].pop()), "pose of frame 0"),
    "pose of words": (_edit(lambda m: m["frames"][0].update(world_from_camera="home")), "pose of frame 0"),
    "sheared pose": (_edit(lambda m: m["frames"][0]["world_from_camera"][0].__setitem__(1, 0.7)), "pose"),
    "no time": (_edit(lambda m: m["frames"][0].pop("time_secs")), "time_secs"),
    "no intrinsics": (_edit(lambda m: m.pop("intrinsics")), "intrinsics"),
    "no focal length": (_edit(lambda m: m["intrinsics"].update(fx=0.0)), "fx=0"),
    "half a pixel": (_edit(lambda m: m["intrinsics"].update(width=8.5)), "8.5"),
    "absurd size": (_edit(lambda m: m["intrinsics"].update(width=10**9)), "camera"),
    "size of another image": (_edit(lambda m: m["intrinsics"].update(width=9)), r"colour_000\.png is 8×6"),
    "one frame too many": (_edit(lambda m: m["frames"].append(m["frames"][0])), r"colour_002\.png cannot be read"),
    "no colour": (_remove("colour_001.png"), r"colour_001\.png cannot be read"),
    "no depth": (_remove("depth_000.png"), r"depth_000\.png cannot be read"),
    "objects on one frame only": (_remove("object_001.png"), r"object_001\.png cannot be read"),
    "truncated colour": (_rewrite("colour_000.png", lambda data: data[: len(data) // 2]), "truncated"),
    "truncated header": (_rewrite("colour_000.png", lambda data: data[:20]), "truncated"),
    "empty depth": (_rewrite("depth_001.png", lambda data: b""), "truncated"),
    "a jpeg": (_rewrite("colour_000.png", lambda data: b"\xff\xd8\xff\xe0" + data), "not a PNG"),
    "bomb": (_rewrite("colour_000.png", _claim_size(60_000, 60_000)), "60000×60000"),
    "lying header": (_rewrite("colour_000.png", _claim_size(8, 7)), "8×7"),
    "damaged pixels": (_rewrite("depth_000.png", lambda data: data[:41] + bytes(8) + data[49:]), "decoded"),
    "smaller image": (_image("depth_001.png", np.zeros((3, 4), np.uint16)), r"depth_001\.png is 4×3"),
    "depth of 8 bits": (_image("depth_000.png", np.zeros((HEIGHT, WIDTH), np.uint8)), "8 bits"),
    "grey colour": (_image("colour_000.png", np.zeros((HEIGHT, WIDTH), np.uint8)), "RGB"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_folders_are_refused_with_a_reason(folder: Path, kind: str) -> None:
    damage, reason = BROKEN[kind]
    damage(folder)
    with pytest.raises(InvalidInputError, match=reason) as caught:
        load_capture(folder)
    assert caught.value.remedy
