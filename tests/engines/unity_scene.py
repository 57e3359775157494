"""A Unity scene without Unity: the package's components run by Mono over stubs (`unity_stubs/`), driven through a pipe.

A command and its answer are msgpack maps, as with the cores. A transform is eight numbers: position, axis, degrees, even scale.

    intrinsics  numbers of a camera and an image → fx, fy, cx, cy; the same after a way through a projection matrix
    region      numbers of an anchor, a region, a target → the region's message, and the motion's
    path        numbers, nine a key → trajectories: the path's, after a clip, after a director
    detail      numbers: detail, budget, then points and spacing a chunk → how much coarser, how many drawn
    grpc        packets of a client, then protobuf of a server → what each other end gets
    schemes     text: an address → what its transport tells
    open        text: URL; session; numbers: field of view, image size → a scene with bridge, memory, rig and camera
    state       one frame of the game; what came of the last request is told once
    camera, anchor   numbers: a transform
    draw        numbers: detail, budget; text: srp or nothing → draw calls
    request     data: a ClientMessage;  edit: data: an Edit, text: its name;  undo, redo: the editor's
    seed        data: the PNG, more: the float32 rows from the bottom that the graphics card holds
    end         text: play, reload, quit
    display     a take's number or nothing → take and number of the frame that is shown; data: the frame
    fly         transforms → the recorded path as a trajectory, and where playing it leaves the camera
    projection, frames, ply, mesh
"""

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack, unpacker
from tests.engines.cores import WAIT_SECS, Core

FLIP = np.diag([1.0, -1.0, 1.0])  # Unity's axes and OpenCV's, written out here so that no module checks itself
POINT_BYTES = 8


class Unity(Core):
    """The driver of the components."""

    def __init__(self) -> None:
        super().__init__("unity")

    def call(self, do: str, **what: Any) -> dict[str, Any]:
        answer = super().call(do, **what)
        assert "fault" not in answer, answer["fault"]
        return answer

    def start(self, url: str, session: str, view: Camera) -> None:
        """A scene whose camera is this one of the server's."""
        size = (view.intrinsics.width, view.intrinsics.height)
        degrees = np.degrees(2 * np.arctan(size[1] / 2 / view.intrinsics.fy))
        self.call("open", text=url, session=session, numbers=[float(degrees), *map(float, size)])
        self.place(view)

    def place(self, view: Camera) -> None:
        """Put the camera where the server's is."""
        self.call("camera", numbers=transform_of(view.world_from_camera))

    def until(self, condition: Any, what: str) -> dict[str, Any]:
        end = time.monotonic() + WAIT_SECS
        while not condition(state := self.call("state")):
            assert time.monotonic() < end, f"not in {WAIT_SECS:g} s: {what}: {state}"
        return state

    def synced(self, revision: int = 0) -> dict[str, Any]:
        """Until it holds and shows that revision, or any."""
        return self.until(
            lambda s: s.get("ok") and s.get("up_to_date") and s["state"] == "live" and s.get("synced", 0) >= revision,
            f"revision {revision}",
        )

    def request(self, body: Any) -> list[int]:
        """Revision, take and job of a request's answer."""
        self.call("request", data=pack(msg.ClientMessage(0, body)))
        return self.answered()

    def answered(self) -> list[int]:
        state = self.until(lambda s: s.get("text"), "an answer")
        assert state["text"] == "done", state["text"]
        return [int(number) for number in state["numbers"]]


def transform_of(world_from_object: npt.NDArray[np.float64], scale: float = 1.0) -> list[float]:
    """Eight numbers of a pose in the server's world."""
    rotation = FLIP @ world_from_object[:3, :3] @ FLIP
    x, y, z, w = se3.quaternion_from_rotation(rotation)
    axis = np.array([x, y, z])
    length = float(np.linalg.norm(axis))
    turn = axis / length if length > 1e-12 else np.array([0.0, 1.0, 0.0])
    degrees = float(np.degrees(2 * np.arctan2(length, w)))
    return [*map(float, FLIP @ world_from_object[:3, 3]), *map(float, turn), degrees, scale]


def matrix(numbers: list[float]) -> npt.NDArray[np.float64]:
    """Eight numbers as Unity's localToWorldMatrix (4, 4), by Rodrigues' formula."""
    axis = np.array(numbers[3:6]) / np.linalg.norm(numbers[3:6])
    angle = np.radians(numbers[6])
    cross = np.cross(np.eye(3), axis)
    found = np.eye(4)
    found[:3, :3] = (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross) * numbers[7]
    found[:3, 3] = numbers[:3]
    return found


def decode(data: bytes, kind: Any) -> Any:
    """A part of a message, such as a Region, from its msgpack."""
    return unpacker(kind)(data)


def records(call: dict[str, Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """What a draw call shows: points (N, 3) in Unity's world, and their records (N, 8). The arithmetic is the shader's."""
    count = call["vertices"] // 6
    rows = np.frombuffer(call["records"], np.uint8)[: count * POINT_BYTES].reshape(-1, POINT_BYTES)
    affine = np.array(call["world_from_bytes"]).reshape(3, 4)
    return rows[:, :3].astype(np.float64) @ affine[:, :3].T + affine[:, 3], rows
