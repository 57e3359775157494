"""The engine, driven as a camera: put the player somewhere, look somewhere, take the picture with labels and the exact pose.

`vizdoom` is an optional extra and imported here only, when an engine is opened.
"""

import contextlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, MissingDependencyError, UnavailableError
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.pose import PIXEL_STRETCH, MapPose
from spatia_bridge.samples.freedoom.wad import write_wad

VIEW_HEIGHT_UNITS = 41.0
_ANGLE_STEPS = 65536
_TABLE_STEPS = 8192
_COLUMN_SHIFT = 0.25  # in the engine's own pixels
_WARM_UP_TICS = 12  # the engine ignores the first inputs of an episode
_MAX_SETTLE_TICS = 35
_MAX_TURNS = 4
_LITTER = "_vizdoom"  # an empty folder that the engine makes where it is started
FIRST_ACTOR_LABEL = 2  # in the labels buffer 0 is walls, 1 floors and ceilings

# Even light (by default it falls with distance, which no point memory can follow), no text over the picture.
_SETTINGS = "+r_visibility 64 +cl_showsecretmessage 0 +con_midtime 0 +movebob 0 +sv_cheats 1"


@dataclass(frozen=True)
class Actor:
    """One thing that the picture shows as a sprite, which always faces the camera."""

    number: int
    name: str
    label: int
    x: float
    y: float
    z: float


@dataclass(frozen=True, eq=False)
class View:
    """One picture of the engine.

    Attributes:
        colour: uint8 (H, W, 3), sRGB.
        labels: uint8 (H, W), an actor's label, or less than 2 for the static level.
        coarse_depth: uint8 (H, W), the engine's own depth; see `coarse.py`.
        actors: those that `labels` shows.
        pose: of the eye, exact.
        floor, ceiling: float64 (S,), every sector's heights at this moment, map units.
    """

    colour: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    coarse_depth: npt.NDArray[np.uint8]
    actors: tuple[Actor, ...]
    pose: MapPose
    floor: npt.NDArray[np.float64]
    ceiling: npt.NDArray[np.float64]


def load_vizdoom() -> Any:
    """The `vizdoom` module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import vizdoom
    except ImportError as error:
        raise MissingDependencyError("rendering levels needs vizdoom", "pip install 'spatia-bridge[sample]'") from error
    return vizdoom


def find_wad(name: str) -> Path:
    """A WAD by path, or `freedoom1` and `freedoom2` by name: the ones inside the vizdoom package."""
    path = Path(name)
    if not path.is_file() and not path.suffix:
        path = Path(load_vizdoom().__file__).parent / f"{name}.wad"
    if not path.is_file():
        raise InvalidInputError(f"there is no level file {name}", "name freedoom1, freedoom2 or the path of a WAD")
    return path


def engine_intrinsics(fov_deg: float, width: int, height: int) -> Intrinsics:
    """The engine's camera. Its field of view is that of a 4:3 screen; wider screens see more at the sides.

    The engine looks the tangent of half the field of view up in a table of 8192 steps a turn, each entry half a step early,
    and rounds columns up a little; both were found by fitting silhouettes and textures, at several fields of view.
    """
    half_turn_steps = int(fov_deg * _TABLE_STEPS / 360.0) // 2 - 0.5
    tangent = math.tan(half_turn_steps * 2.0 * math.pi / _TABLE_STEPS)
    fx = height * (4.0 / 3.0) / 2.0 / tangent
    return Intrinsics(fx, PIXEL_STRETCH * fx, width / 2 + _COLUMN_SHIFT, height / 2, width, height)


class Engine:
    """An open level. Use as a context manager; one at a time is enough, it runs in its own process.

    Args:
        wad: the game's WAD file.
        map_name: such as MAP28.
        fov_deg: horizontal field of view as on a 4:3 screen, 5 to 170.
        size: (320, 180), (640, 360) or (1280, 720).
        lumps: the map's own lumps in place of those in the WAD, for example with things taken out.
        monsters: whether they are there. They hunt the player, whom nothing can hurt, and who walks through everything: pushed
            aside or standing on somebody's head, the eye would not be where it was sent.
        seed: of all that is random in the engine; the same seed and the same calls give the same pictures.
    """

    def __init__(
        self,
        wad: Path,
        map_name: str,
        fov_deg: float = 90.0,
        size: tuple[int, int] = (320, 180),
        lumps: Mapping[str, bytes] | None = None,
        monsters: bool = False,
        seed: int = 1,
    ) -> None:
        self._vizdoom = load_vizdoom()
        self.intrinsics = engine_intrinsics(fov_deg, *size)
        self._litter = None if Path(_LITTER).exists() else Path(_LITTER).resolve()
        self._folder = tempfile.TemporaryDirectory(prefix="spatia-freedoom-")
        self._game = self._vizdoom.DoomGame()
        try:
            self._configure(wad, map_name, size, lumps, monsters, seed)
            self._game.init()
            self._game.make_action([0.0], _WARM_UP_TICS)
            for command in ("god", *(("noclip",) if monsters else ()), f"fov {fov_deg}"):
                self._game.send_game_command(command)
            self._game.make_action([0.0], _MAX_SETTLE_TICS)  # the field of view glides to its value
        except BaseException:
            self.close()
            raise

    def _configure(
        self, wad: Path, map_name: str, size: tuple[int, int], lumps: Mapping[str, bytes] | None, monsters: bool, seed: int
    ) -> None:
        vizdoom, game = self._vizdoom, self._game
        folder = Path(self._folder.name)
        game.set_doom_game_path(str(wad))
        if lumps is not None:
            patch = folder / "patch.wad"
            write_wad(patch, [(map_name, b""), *lumps.items()])
            game.set_doom_scenario_path(str(patch))
        game.set_doom_map(map_name)
        game.set_doom_config_path(str(folder / "engine.ini"))
        game.add_game_args(_SETTINGS if monsters else f"{_SETTINGS} -nomonsters")
        game.set_screen_resolution(getattr(vizdoom.ScreenResolution, f"RES_{size[0]}X{size[1]}"))
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        for switch in ("depth_buffer", "labels_buffer", "objects_info", "sectors_info"):
            getattr(game, f"set_{switch}_enabled")(True)
        for part in (
            "hud", "weapon", "crosshair", "messages", "decals", "particles", "screen_flashes", "effects_sprites",
        ):  # fmt: skip
            getattr(game, f"set_render_{part}")(False)
        game.set_window_visible(False)
        game.set_sound_enabled(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        game.set_episode_timeout(0)
        game.set_seed(seed)
        game.set_available_buttons([vizdoom.Button.TURN_LEFT_RIGHT_DELTA])

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the engine's process and remove its folder; may be called again."""
        self._game.close()
        self._folder.cleanup()
        if self._litter is not None:
            with contextlib.suppress(OSError):
                self._litter.rmdir()

    def _variable(self, name: str) -> float:
        return float(self._game.get_game_variable(getattr(self._vizdoom.GameVariable, name)))

    def look_from(self, x: float, y: float, angle_deg: float, tics: int | None = None) -> View:
        """Stand on the floor at (x, y), whole map units, look along the angle (to 1/65536 turn), take the picture.

        Args:
            tics: how much time passes before the picture, in 1/35 s, at least 4 (turning takes as many); None waits until the
                eye, which glides after a step of the floor, has settled.

        The engine goes anywhere, into walls too: `walk.check_walkable` says whether a player could.

        Raises:
            InvalidInputError: fewer than 4 tics.
            UnavailableError: the engine stopped, or did not go there.
        """
        if tics is not None and tics < _MAX_TURNS:
            raise InvalidInputError(f"{tics} tics a picture", f"give {_MAX_TURNS} or more")
        self._game.send_game_command(f"warp {round(x)} {round(y)}")
        passed = 0
        for _ in range(_MAX_TURNS):  # one turn may end a step beside its aim
            turn = (angle_deg - self._variable("ANGLE") + 180.0) % 360.0 - 180.0
            steps = round(turn * _ANGLE_STEPS / 360.0)
            # The engine cuts a turn to whole steps, so ask for a little more; and it counts right turns as positive.
            self._advance(-(steps + math.copysign(0.25, steps)) * 360.0 / _ANGLE_STEPS if steps else 0.0)
            passed += 1
            if not steps:
                break
        if tics is not None:
            self._advance(0.0, tics - passed)
        for _ in range(_MAX_SETTLE_TICS if tics is None else 0):  # after a change of height the eye glides to its place
            self._advance(0.0)
            if abs(self._variable("CAMERA_POSITION_Z") - self._variable("POSITION_Z") - VIEW_HEIGHT_UNITS) < 1e-3:
                break
        view = self._view()
        if math.hypot(view.pose.x - round(x), view.pose.y - round(y)) > 0.01:
            raise UnavailableError(f"the engine did not go to ({x:.0f}, {y:.0f})", "start it again")
        return view

    def _advance(self, turn_right_deg: float, tics: int = 1) -> None:
        if not tics:
            return
        try:
            self._game.make_action([turn_right_deg], tics)
        except self._vizdoom.ViZDoomErrorException as error:
            raise UnavailableError(f"the level's engine stopped: {error}", "start it again") from error

    def _view(self) -> View:
        state = self._game.get_state()
        if state is None:
            raise UnavailableError("the level has ended", "keep away from exits and what hurts")
        actors = tuple(
            Actor(a.object_id, a.object_name, a.value, a.object_position_x, a.object_position_y, a.object_position_z)
            for a in state.labels
            if a.value >= FIRST_ACTOR_LABEL
        )
        pose = MapPose(
            self._variable("CAMERA_POSITION_X"),
            self._variable("CAMERA_POSITION_Y"),
            self._variable("CAMERA_POSITION_Z"),
            math.radians(self._variable("CAMERA_ANGLE")),
        )
        return View(
            state.screen_buffer.copy(),
            state.labels_buffer.copy(),
            state.depth_buffer.copy(),
            actors,
            pose,
            np.array([sector.floor_height for sector in state.sectors], np.float64),
            np.array([sector.ceiling_height for sector in state.sectors], np.float64),
        )
