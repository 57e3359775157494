"""Rendering the sample again: the shipped frames come out, and the engine's own coarse depth agrees with our rays."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError, MissingDependencyError, NotFoundError
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.samples.freedoom.coarse import agreement
from spatia_bridge.samples.freedoom.engine import Engine, find_wad, load_vizdoom
from spatia_bridge.samples.freedoom.level import parse_level
from spatia_bridge.samples.freedoom.raycast import cast_level
from spatia_bridge.samples.freedoom.sample import SAMPLE, render_sample
from spatia_bridge.samples.freedoom.wad import read_map_lumps
from spatia_bridge.samples.freedoom.walk import check_walkable, closed_walk


def test_without_vizdoom_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "vizdoom":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"pip install 'spatia-bridge\[sample\]'"):
        load_vizdoom()


def test_the_shipped_frames_come_out_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("vizdoom")
    monkeypatch.chdir(tmp_path)
    numbers = [0, 25, 41]
    shipped = load_capture(sample_path()).frames
    for number, again in zip(numbers, render_sample(only=numbers), strict=True):
        before = shipped[number]
        assert again.camera.intrinsics == before.camera.intrinsics
        assert again.time_secs == pytest.approx(before.time_secs, abs=1e-5)
        np.testing.assert_allclose(again.camera.world_from_camera, before.camera.world_from_camera, atol=1e-9)
        np.testing.assert_allclose(again.depth_m, before.depth_m, atol=0.00051)
        np.testing.assert_array_equal(again.object_ids, before.object_ids)
        assert (again.colour == before.colour).mean() > 0.999
    assert list(tmp_path.iterdir()) == []  # the engine leaves nothing behind


@pytest.mark.parametrize(("fov_deg", "size"), [(90.0, (320, 180)), (SAMPLE.fov_deg, (640, 360))])
def test_the_engines_coarse_depth_agrees(
    fov_deg: float, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("vizdoom")
    monkeypatch.chdir(tmp_path)
    wad = find_wad(SAMPLE.wad)
    level = parse_level(read_map_lumps(wad, SAMPLE.map_name))
    found = []
    with Engine(wad, SAMPLE.map_name, fov_deg, size) as engine:
        for pose in closed_walk(SAMPLE.corners, 13)[:-1]:
            view = engine.look_from(pose.x, pose.y, pose.angle_deg)
            np.testing.assert_array_equal(view.floor, level.floor)
            found.append(agreement(view, cast_level(level, view.pose, engine.intrinsics), level, engine.intrinsics))
    assert np.mean(found) > 0.97
    assert min(found) > 0.94


def test_unknown_levels_are_refused() -> None:
    pytest.importorskip("vizdoom")
    with pytest.raises(NotFoundError, match="MAP99"):
        next(iter(render_sample(map_name="MAP99")))
    with pytest.raises(InvalidInputError, match="no level file"):
        find_wad("freedoom9")


def test_the_walk_touches_no_wall() -> None:
    pytest.importorskip("vizdoom")
    level = parse_level(read_map_lumps(find_wad(SAMPLE.wad), SAMPLE.map_name))
    check_walkable(level, closed_walk(SAMPLE.corners, SAMPLE.frames))
