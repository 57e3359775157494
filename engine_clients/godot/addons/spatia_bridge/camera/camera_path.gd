class_name SpatiaCameraPath
extends RefCounted
## A camera's path as an [Animation]: record it, keep it as a resource, play it again, or generate along it.



## An empty path. Its tracks move the node that an AnimationPlayer has as its root.
static func create() -> Animation:
	var path := Animation.new()
	path.length = 0.001
	path.step = 1.0 / 30.0
	path.track_set_path(path.add_track(Animation.TYPE_POSITION_3D), ^".")
	path.track_set_path(path.add_track(Animation.TYPE_ROTATION_3D), ^".")
	return path


## Adds where the camera is at a time; times only grow.
static func add(path: Animation, time_secs: float, placed: Transform3D) -> void:
	path.length = maxf(path.length, time_secs)
	path.position_track_insert_key(0, time_secs, placed.origin)
	path.rotation_track_insert_key(1, time_secs, placed.basis.orthonormalized().get_rotation_quaternion())


## Where the camera is at a time.
static func sample(path: Animation, time_secs: float) -> Transform3D:
	return Transform3D(Basis(path.rotation_track_interpolate(1, time_secs)), path.position_track_interpolate(0, time_secs))


## The path as cameras of the protocol, at so many a second; the path's poses must be relative to memory.
static func cameras(path: Animation, intrinsics: Dictionary, rate_hz: float = 30.0) -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for i in floori(path.length * rate_hz) + 1:
		var time_secs := i / rate_hz
		found.append(SpatiaCameraRig.camera_message(sample(path, time_secs), intrinsics, time_secs))
	return found
