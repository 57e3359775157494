@icon("res://addons/spatia_bridge/icons/camera.svg")
class_name SpatiaPathRecorder
extends Node
## Records the path of a [SpatiaCameraRig] as an [Animation] and plays it again, through the rig, as if it were flown now.

@export var rig: SpatiaCameraRig
## What was recorded; save it as a resource, edit it in the animation panel of an AnimationPlayer.
@export var path: Animation

## Playing came to its end.
signal played

var recording: bool = false
var playing: bool = false

var _clock_secs: float = 0.0
var _speed: float = 1.0


## Forgets the path and records a new one.
func start_recording() -> void:
	path = SpatiaCameraPath.create()
	_clock_secs = 0.0
	playing = false
	recording = true


func stop() -> void:
	recording = false
	playing = false


## Moves the rig's camera along the path.
func play(speed: float = 1.0) -> void:
	recording = false
	_clock_secs = 0.0
	_speed = speed
	playing = path != null and path.get_track_count() >= 2


## The path as cameras of the protocol, for [method SpatiaBridge.generate].
func cameras(rate_hz: float = 30.0) -> Array[Dictionary]:
	var followed := rig.followed_camera()
	return SpatiaCameraPath.cameras(path, SpatiaIntrinsics.of(followed, rig.shown_size(followed)), rate_hz)


func _process(delta: float) -> void:
	if rig == null or not (recording or playing):
		return
	var followed := rig.followed_camera()
	if followed == null:
		return
	if recording:
		SpatiaCameraPath.add(path, _clock_secs, rig.relative_pose(followed))
		_clock_secs += delta
		return
	_clock_secs = minf(_clock_secs + delta * _speed, path.length)
	var anchor := Transform3D.IDENTITY
	if rig.bridge != null and rig.bridge.memory != null:
		anchor = rig.bridge.memory.global_transform
	followed.global_transform = (anchor * SpatiaCameraPath.sample(path, _clock_secs)).orthonormalized()
	if _clock_secs >= path.length:
		playing = false
		played.emit()
