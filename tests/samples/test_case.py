"""Case folders in the paper's format: what is in them, and what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from spatia_bridge.codec.images import encode_jpeg, encode_png
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.samples.case import load_case

WIDTH, HEIGHT = 24, 16
POSES = [se3.look_at((0.1 * i, -0.2, 0.3 * i), (0.2 * i, 0.1, 5)) for i in range(5)]  # world_from_camera


def _matrix_lines(rows: int = 4) -> str:
    return "\n".join(json.dumps(se3.inverse(pose)[:rows].tolist()) for pose in POSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    colour = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    (tmp_path / "img.jpg").write_bytes(encode_jpeg(colour, 95))
    (tmp_path / "w2c.txt").write_text(_matrix_lines())
    (tmp_path / "intrinsics.txt").write_text("[0.8 1.4 0.5 0.51]")
    (tmp_path / "prompt.txt").write_text("A room.\n\nThe camera goes on.\n")
    return tmp_path


@pytest.mark.parametrize("rows", [3, 4])
def test_a_case_is_read(folder: Path, rows: int) -> None:
    (folder / "w2c.txt").write_text(_matrix_lines(rows) + "\n\n")
    case = load_case(folder)
    assert case.colour.shape == (HEIGHT, WIDTH, 3)
    k = case.intrinsics
    assert (k.width, k.height) == (WIDTH, HEIGHT)
    np.testing.assert_allclose((k.fx, k.fy, k.cx, k.cy), (0.8 * WIDTH, 1.4 * HEIGHT, 0.5 * WIDTH, 0.51 * HEIGHT))
    assert case.prompts == ("A room.", "The camera goes on.")
    assert case.mask is None
    np.testing.assert_array_equal(case.cameras[0], np.eye(4))
    for camera, pose in zip(case.cameras, POSES, strict=True):
        np.testing.assert_allclose(POSES[0] @ camera, pose, atol=1e-9)


@pytest.mark.parametrize(
    "text", ["0.8 1.4 0.5 0.51", "[0.8, 1.4, 0.5, 0.51]\n", "0.8\n1.4\n0.5\n0.51\n", "\ufeff0.8 1.4 0.5 0.51"]
)
def test_ways_to_write_intrinsics(folder: Path, text: str) -> None:
    (folder / "intrinsics.txt").write_text(text, encoding="utf-8")
    assert load_case(folder).intrinsics.fx == pytest.approx(0.8 * WIDTH)


def test_the_path_follows_the_photo(folder: Path) -> None:
    case, first = load_case(folder), se3.look_at((3, -1.5, 2), (4, 0, 9))
    cameras = case.placed(first)
    np.testing.assert_allclose(cameras[0].world_from_camera, first, atol=1e-12)
    between = se3.inverse(cameras[1].world_from_camera) @ cameras[4].world_from_camera
    np.testing.assert_allclose(between, se3.inverse(POSES[1]) @ POSES[4], atol=1e-9)
    with pytest.raises(InvalidInputError, match="rigid"):
        case.placed(np.diag([2.0, 2, 2, 1]))


def test_a_mask_says_what_moves(folder: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[3:5, 7:9] = 255
    (folder / "mask.png").write_bytes(encode_png(mask))
    found = load_case(folder).mask
    assert found is not None and found.dtype == np.bool_
    np.testing.assert_array_equal(found, mask[..., 0] > 0)


def test_a_png_will_do(folder: Path) -> None:
    (folder / "img.jpg").unlink()
    (folder / "img.png").write_bytes(encode_png(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    assert load_case(folder).colour.max() == 0


@pytest.mark.parametrize("name", ["img.jpg", "w2c.txt", "intrinsics.txt", "prompt.txt"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidInputError, match=name.split(".")[0]):
        load_case(folder)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        load_case(tmp_path / "nowhere")


EYE = np.eye(4).tolist()


def _with(row: int, column: int, value: object) -> str:
    matrix = [list(line) for line in EYE]
    matrix[row][column] = value
    return json.dumps(matrix)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "[]",
        "7",
        "[[1,0,0,0],[0,1,0,0]]",
        "[[1,0,0],[0,1,0],[0,0,1]]",
        json.dumps(EYE)[:-9],
        json.dumps(EYE) + json.dumps(EYE),
        json.dumps([EYE]),
        "[" * 2000,
        _with(0, 3, float("nan")),
        _with(1, 3, float("inf")),
        _with(1, 3, 1e30),
        _with(0, 0, 2.0),
        _with(0, 0, -1.0),
        _with(0, 1, 0.5),
        _with(3, 3, 2.0),
        _with(3, 0, 1.0),
        _with(2, 3, None),
        _with(2, 3, "1"),
        _with(2, 3, True),
        _with(2, 3, 10**400),
        " " * 10 + json.dumps(EYE) + " " * 5000 + "x",
    ],
)
def test_a_bad_camera_is_refused(folder: Path, line: str) -> None:
    good = json.dumps(EYE)
    (folder / "w2c.txt").write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(InvalidInputError):
        load_case(folder)


@pytest.mark.parametrize("text", ["", "\n\n", "\x00\xff"])
def test_no_cameras(folder: Path, text: str) -> None:
    (folder / "w2c.txt").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError):
        load_case(folder)


def test_too_many_cameras_or_prompts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatia_bridge.samples.case.MAX_CAMERAS", 4)
    with pytest.raises(InvalidInputError, match="5 cameras"):
        load_case(folder)
    monkeypatch.setattr("spatia_bridge.samples.case.MAX_CAMERAS", 5)
    (folder / "prompt.txt").write_text("word\n" * 1001)
    with pytest.raises(InvalidInputError, match="1001 prompts"):
        load_case(folder)


def test_a_file_too_large_is_not_read(folder: Path) -> None:
    os.truncate(folder / "w2c.txt", 65 * 1024 * 1024)
    with pytest.raises(InvalidInputError, match="larger"):
        load_case(folder)


@pytest.mark.parametrize("text", ["", " \n ", "w" * 20_001])
def test_prompts_that_are_none_or_too_long(folder: Path, text: str) -> None:
    (folder / "prompt.txt").write_text(text)
    with pytest.raises(InvalidInputError, match="prompt"):
        load_case(folder)


@pytest.mark.parametrize(
    "text",
    ["", "1 2 3", "1 2 3 4 5", "a b c d", "nan 1 0.5 0.5", "1 inf 0.5 0.5", "0 1 0.5 0.5", "-1 1 0.5 0.5", "800 900 640 360"],
)
def test_bad_intrinsics_are_refused(folder: Path, text: str) -> None:
    (folder / "intrinsics.txt").write_text(text)
    with pytest.raises(InvalidInputError):
        load_case(folder)


def test_bad_images_are_refused(folder: Path) -> None:
    whole = (folder / "img.jpg").read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"GIF89a" + whole, whole[:20]):
        (folder / "img.jpg").write_bytes(data)
        with pytest.raises(InvalidInputError, match="img"):
            load_case(folder)
    (folder / "img.jpg").write_bytes(whole)
    (folder / "mask.png").write_bytes(encode_png(np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8)))
    with pytest.raises(InvalidInputError, match="mask"):
        load_case(folder)
