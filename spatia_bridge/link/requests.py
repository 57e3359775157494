"""One client message's body → the command it asks for. Translation with all checks; what needs the link's state is in `link`."""

from collections.abc import Callable
from typing import Any

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.geometry.camera import check_image_size
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes, commands
from spatia_bridge.link import messages as msg
from spatia_bridge.link.edits import edit_of
from spatia_bridge.link.limits import MAX_CLIPS, MAX_NAME_CHARACTERS, MAX_PROMPT_CHARACTERS


def command_of(request_id: int, body: Any, convention: Convention) -> commands.Command | None:
    """The command of a body, None for one that the link itself handles.

    Raises:
        InvalidInputError, LimitExceededError: the body cannot be used; nothing was done.
    """
    translate = _TRANSLATIONS.get(type(body))
    return translate(request_id, body, convention) if translate else None


def _pose(request_id: int, body: msg.PoseUpdate, convention: Convention) -> commands.PoseReceived:
    camera = axes.world_camera(body.camera, convention)
    assert body.camera is not None
    return commands.PoseReceived(request_id, camera, axes.world_time(body.camera))


def _record(request_id: int, body: msg.Record, _: Convention) -> commands.SetRecording:
    return commands.SetRecording(request_id, body.on)


def _generate(request_id: int, body: msg.Generate, convention: Convention) -> commands.GenerateClips:
    check_text(body.prompt, MAX_PROMPT_CHARACTERS, "the prompt")
    check_text(body.generator, MAX_NAME_CHARACTERS, "the generator's name")
    check_text(body.trajectory_name, MAX_NAME_CHARACTERS, "the trajectory's name")
    if body.trajectory_name and body.trajectory is not None:
        raise InvalidInputError("the request has a trajectory and the name of another", "send one of them")
    if body.clips > MAX_CLIPS:
        raise LimitExceededError(f"{body.clips} clips were asked for", f"ask for at most {MAX_CLIPS}")
    if (body.width == 0) != (body.height == 0):
        raise InvalidInputError(f"the clip's size is {body.width}×{body.height}", "send both, or 0 and 0 for the generator's own")
    if body.width:
        check_image_size(body.width, body.height, "the clip")
    trajectory = None if body.trajectory is None else axes.pending_trajectory(body.trajectory, convention)
    return commands.GenerateClips(
        request_id,
        body.prompt,
        body.seed,
        body.generator,
        trajectory,
        body.clips,
        body.auto_accept,
        body.width,
        body.height,
        body.trajectory_name,
    )


def _cancel(request_id: int, body: msg.Cancel, _: Convention) -> commands.CancelJobs:
    return commands.CancelJobs(request_id, body.job)


def _accept(request_id: int, body: msg.Accept, _: Convention) -> commands.AcceptTake:
    return commands.AcceptTake(request_id, body.take)


def _discard(request_id: int, body: msg.Discard, _: Convention) -> commands.DiscardTake:
    return commands.DiscardTake(request_id, body.take)


def _edit(request_id: int, body: msg.Edit, convention: Convention) -> commands.ApplyEdit:
    return commands.ApplyEdit(request_id, edit_of(body, convention))


def _undo(request_id: int, _body: msg.Undo, _: Convention) -> commands.UndoEdit:
    return commands.UndoEdit(request_id)


def _redo(request_id: int, _body: msg.Redo, _: Convention) -> commands.RedoEdit:
    return commands.RedoEdit(request_id)


def _fetch(request_id: int, body: msg.FetchFrames, _: Convention) -> commands.ListFrames:
    return commands.ListFrames(request_id, body.take, body.first, body.count, body.depth)


def check_text(text: str, limit: int, name: str) -> None:
    """Raises LimitExceededError: longer than the limit."""
    if len(text) > limit:
        raise LimitExceededError(f"{name} has {len(text)} characters", f"use at most {limit}")


_TRANSLATIONS: dict[type, Callable[[int, Any, Convention], commands.Command]] = {
    msg.PoseUpdate: _pose,
    msg.Record: _record,
    msg.Generate: _generate,
    msg.Cancel: _cancel,
    msg.Accept: _accept,
    msg.Discard: _discard,
    msg.Edit: _edit,
    msg.Undo: _undo,
    msg.Redo: _redo,
    msg.FetchFrames: _fetch,
}
