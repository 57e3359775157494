@tool
@icon("res://addons/spatia_bridge/icons/camera.svg")
class_name SpatiaCameraRig
extends Node
## Tells the server where a camera is, whenever it moved. Put it under any [Camera3D], or point [member camera] at one.
##
## The server then knows which chunks to send first, can record the path, and shows memory under the camera if asked to.

## The camera to follow; without one the parent, else the viewport's current camera.
@export var camera: Camera3D
@export var bridge: SpatiaBridge
## Poses a second at most.
@export_range(1.0, 120.0, 1.0) var rate_hz: float = 30.0
## The size in pixels that the intrinsics are for; zero = the viewport's.
@export var image_size: Vector2i = Vector2i.ZERO
@export var active: bool = true
## Follow in the editor too.
@export var in_editor: bool = false

## A pose was sent.
signal pose_sent(camera_message: Dictionary)

const STILL_METRES: float = 1e-4
const STILL_RADIANS: float = 1e-4

var _last: Transform3D
var _last_intrinsics: Dictionary = {}
var _next_msecs: int = 0


func _process(_delta: float) -> void:
	if not active or bridge == null or (Engine.is_editor_hint() and not in_editor):
		return
	if not bridge.is_connected_to_server():
		_last_intrinsics = {} # the next server must be told at once
		return
	var now := Time.get_ticks_msec()
	if now < _next_msecs:
		return
	var followed := followed_camera()
	if followed == null:
		return
	var placed := relative_pose(followed)
	var intrinsics := SpatiaIntrinsics.of(followed, shown_size(followed))
	if intrinsics.is_empty() or (intrinsics == _last_intrinsics and _is_still(placed)):
		return
	_last = placed
	_last_intrinsics = intrinsics
	_next_msecs = now + int(1000.0 / rate_hz)
	var message := camera_message(placed, intrinsics, now / 1000.0)
	bridge.tell({"pose": {"camera": message}})
	pose_sent.emit(message)


## Sends the pose in the next frame even if nothing moved.
func resend() -> void:
	_last_intrinsics = {}
	_next_msecs = 0


## Whom this rig follows now.
func followed_camera() -> Camera3D:
	if camera != null:
		return camera
	if get_parent() is Camera3D:
		return get_parent()
	return get_viewport().get_camera_3d() if is_inside_tree() else null


## A camera's pose relative to memory; its scale does not count.
func relative_pose(followed: Camera3D) -> Transform3D:
	var world := followed.get_camera_transform()
	var placed := bridge.memory.memory_from(world) if bridge != null and bridge.memory != null else world
	return placed.orthonormalized()


## The size that intrinsics are for.
func shown_size(followed: Camera3D) -> Vector2i:
	return image_size if image_size.x > 0 and image_size.y > 0 else Vector2i(followed.get_viewport().get_visible_rect().size)


## A camera of the protocol; `placed` relative to memory.
static func camera_message(placed: Transform3D, intrinsics: Dictionary, time_secs: float) -> Dictionary:
	return {"pose": SpatiaWire.pose(placed), "intrinsics": intrinsics, "time_secs": time_secs}


func _is_still(placed: Transform3D) -> bool:
	var turn := maxf(placed.basis.x.distance_to(_last.basis.x), placed.basis.y.distance_to(_last.basis.y))
	return placed.origin.distance_to(_last.origin) < STILL_METRES and turn < STILL_RADIANS
