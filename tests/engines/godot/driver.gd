extends Node
## What a test outside may ask of the example project.

const DriverSocket := preload("res://driver/driver_socket.gd")

var _example: Node3D
var _frames: Dictionary = {} # take → numbers that came
var _events: Array[String] = []
var _attempts: Array[int] = [] # the numbers of those to connect again


func _ready() -> void:
	Engine.max_fps = 15
	var socket := DriverSocket.new()
	socket.target = self
	socket.ended.connect(func() -> void: get_tree().quit(0))
	add_child(socket)
	socket.open(int(OS.get_environment("SPATIA_DRIVER_PORT")))


# ------------------------------------------------------------------------------------------------------------ the engine


func do_hello() -> Dictionary:
	return {"version": Engine.get_version_info()["string"], "driver": RenderingServer.get_current_rendering_driver_name()}


func do_decode(bytes: PackedByteArray) -> Dictionary:
	return SpatiaMsgpack.decode(bytes)


func do_encode_again(bytes: PackedByteArray) -> PackedByteArray:
	return SpatiaMsgpack.encode(SpatiaMsgpack.decode(bytes)["value"])


func do_split_and_join(bytes: PackedByteArray) -> Dictionary:
	var sizes := []
	var joined := {}
	var fragments := SpatiaFragments.new()
	for packet in fragments.split(bytes):
		sizes.append(packet.size())
		if packet != bytes:
			joined = fragments.join(SpatiaMsgpack.decode(packet)["value"]["fragment"])
	return {"sizes": sizes, "bytes": joined.get("bytes", bytes)}


func do_quit() -> bool:
	get_tree().quit.call_deferred(0)
	return true


# ----------------------------------------------------------------------------------------------------------- the example


func do_open(url: String, session: String, options: Dictionary) -> bool:
	if _example != null:
		_example.queue_free()
		await _example.tree_exited
	_frames.clear()
	_events.clear()
	_attempts.clear()
	_example = load("res://example/example.tscn").instantiate()
	var bridge: SpatiaBridge = _example.get_node("SpatiaBridge")
	bridge.url = url
	bridge.session = session
	for option: String in options:
		bridge.set(option, options[option])
	bridge.connected.connect(func(_w: Dictionary, resumed: bool) -> void: _events.append("resumed" if resumed else "anew"))
	bridge.disconnected.connect(func(_reason: String) -> void: _events.append("gone"))
	bridge.refused.connect(func(error: Dictionary) -> void: _events.append("refused " + error.get("code", "")))
	bridge.error_reported.connect(func(error: Dictionary) -> void: _events.append("error " + error.get("message", "")))
	bridge.reconnecting.connect(func(_secs: float, attempt: int) -> void: _attempts.append(attempt))
	bridge.frame_received.connect(_on_frame)
	add_child(_example)
	return true


func do_state() -> Dictionary:
	await get_tree().process_frame
	var bridge: SpatiaBridge = _example.bridge
	return {
		"connected": bridge.is_connected_to_server(),
		"waiting_bytes": bridge.waiting_bytes(),
		"revision": bridge.revision,
		"synced": bridge.mirror.synced_revision if bridge.mirror.clean else -1,
		"digest": bridge.mirror.digest(),
		"points": bridge.mirror.points(),
		"chunks": bridge.mirror.chunks(),
		"shown": [_example.memory.shown_points().x, _example.memory.shown_points().y],
		"up_to_date": _example.memory.is_up_to_date(),
		"takes": bridge.takes.values(),
		"jobs": bridge.jobs.values(),
		"frames": _frames,
		"events": _events,
		"attempts": _attempts,
		"recording": bridge.recording,
		"fps": Engine.get_frames_per_second(),
	}


func do_request(body: Dictionary) -> Dictionary:
	return await _example.bridge.request(body).finished


func do_greybox(on: bool) -> bool:
	_example.greybox.visible = on
	return true


func do_overlay(on: bool) -> bool:
	_example.get_node("Screen").visible = on
	_example.get_node("Status").visible = on
	return true


func do_memory(settings: Dictionary) -> bool:
	for setting: String in settings:
		_example.memory.set(setting, settings[setting])
	return true


func do_anchor(position: Array, turn_degrees: Array, scale: float) -> bool:
	var turn := Vector3(deg_to_rad(turn_degrees[0]), deg_to_rad(turn_degrees[1]), deg_to_rad(turn_degrees[2]))
	_example.memory.transform = Transform3D(Basis.from_euler(turn).scaled(Vector3.ONE * scale), _vector(position))
	return true


## Puts the camera somewhere and says what the rig would tell of it.
func do_camera(position: Array, turn_degrees: Array, settings: Dictionary) -> Dictionary:
	var camera: Camera3D = _example.camera
	camera.position = _vector(position)
	camera.rotation_degrees = _vector(turn_degrees)
	for setting: String in settings:
		camera.set(setting, settings[setting])
	await get_tree().process_frame
	var rig: SpatiaCameraRig = _example.rig
	return SpatiaCameraRig.camera_message(rig.relative_pose(camera), SpatiaIntrinsics.of(camera, rig.shown_size(camera)), 0.0)


func do_screenshot(path: String) -> bool:
	for i in 3:
		await RenderingServer.frame_post_draw
	return get_viewport().get_texture().get_image().save_png(path) == OK


## Seeds from where the camera is, or from placements ([position, degrees] each).
func do_seed(size: Array, placements: Array) -> Dictionary:
	var where: Array[Transform3D] = []
	for each: Array in placements:
		var turn := Vector3(deg_to_rad(each[1][0]), deg_to_rad(each[1][1]), deg_to_rad(each[1][2]))
		where.append(Transform3D(Basis.from_euler(turn), _vector(each[0])))
	if where.is_empty():
		where.append(_example.camera.get_camera_transform())
	var views := await SpatiaCapture.views(_example.bridge, _example.camera, where, Vector2i(size[0], size[1]))
	return await _example.bridge.seed_views(views).finished


## What SpatiaCapture sees from the camera: the depth as float32 bytes, the colour as PNG bytes.
func do_look(size: Array) -> Dictionary:
	var seen := await SpatiaCapture.look(_example.camera, _example.camera.get_camera_transform(), Vector2i(size[0], size[1]))
	return {
		"depth": seen["depth"].to_byte_array(),
		"colour": seen["colour"].save_png_to_buffer(),
		"camera": SpatiaCapture.view_message(seen, _example.memory.global_transform)["camera"],
	}


func _on_frame(take: int, number: int, _image: Image, _camera: Dictionary) -> void:
	if not _frames.has(take):
		_frames[take] = []
	_frames[take].append(number)


func _vector(numbers: Array) -> Vector3:
	return Vector3(numbers[0], numbers[1], numbers[2])


## The server's own projection of the newest revision under the rig's camera, at this size.
func do_live(size: Array) -> Dictionary:
	var rig: SpatiaCameraRig = _example.rig
	rig.image_size = Vector2i(size[0], size[1])
	var bridge: SpatiaBridge = _example.bridge
	var wanted := SpatiaWire.pose(rig.relative_pose(_example.camera))
	var answer: Dictionary = await bridge.live_view(true, rig.image_size, 30.0).finished
	if not answer["ok"]:
		return answer
	rig.resend()
	while true:
		var came: Array = await bridge.live_projection_received
		var projection: Dictionary = came[2]
		# the first may be of an older pose
		var place := SpatiaWire.to_vector(projection["camera"]["pose"]["position"])
		if place.distance_to(SpatiaWire.to_vector(wanted["position"])) < 1e-3 and projection["revision"] == bridge.revision["number"]:
			await bridge.live_view(false).finished
			return {"colour": projection["colour"]["data"], "camera": projection["camera"], "coverage": came[1]}
	return {}


## Edits memory by a region node: `action` is a method of the bridge.
func do_region(settings: Dictionary, position: Array, turn_degrees: Array, action: String, more: Array) -> Dictionary:
	var region := SpatiaRegion.new()
	for setting: String in settings:
		region.set(setting, _vector(settings[setting]) if settings[setting] is Array else settings[setting])
	region.position = _vector(position)
	region.rotation_degrees = _vector(turn_degrees)
	add_child(region)
	var reply: SpatiaReply = _example.bridge.callv(action, [region.message(_example.memory)] + more)
	region.queue_free()
	return await reply.finished


## Changes the look of the level, as a designer would.
func do_environment(settings: Dictionary) -> bool:
	var world: WorldEnvironment = _example.get_node("Greybox/World")
	for setting: String in settings:
		world.environment.set(setting, settings[setting])
	return true


## Flies the camera along a path of [seconds, position, degrees], recorded by the server and as an animation; the answer says how
## far the animation, sampled at the same times, is off.
func do_fly(path: Array) -> Dictionary:
	var bridge: SpatiaBridge = _example.bridge
	var recorder := SpatiaPathRecorder.new()
	recorder.rig = _example.rig
	_example.rig.image_size = Vector2i(96, 64)
	_example.add_child(recorder)
	var flight := SpatiaCameraPath.create()
	for each: Array in path:
		var turn := Vector3(deg_to_rad(each[2][0]), deg_to_rad(each[2][1]), deg_to_rad(each[2][2]))
		SpatiaCameraPath.add(flight, each[0], Transform3D(Basis.from_euler(turn), _vector(each[1])))
	await bridge.record(true).finished
	recorder.path = flight
	var flown := SpatiaCameraPath.create()
	var began := Time.get_ticks_msec()
	recorder.play()
	while recorder.playing:
		await get_tree().process_frame
		SpatiaCameraPath.add(flown, (Time.get_ticks_msec() - began) / 1000.0, _example.rig.relative_pose(_example.camera))
	var answer: Dictionary = await bridge.record(false).finished
	var last := SpatiaCameraPath.sample(flown, flown.length)
	recorder.queue_free()
	return {
		"ok": answer["ok"],
		"end": [last.origin.x, last.origin.y, last.origin.z],
		"secs": flight.length,
		"cameras": SpatiaCameraPath.cameras(flight, SpatiaIntrinsics.of(_example.camera, Vector2i(96, 64)), 16.0),
	}


func do_screen() -> Dictionary:
	var texture: Texture2D = _example.get_node("Screen").texture
	return {} if texture == null else {"width": texture.get_width(), "height": texture.get_height(), "png": texture.get_image().save_png_to_buffer()}


func do_bake(path: String) -> Dictionary:
	var mesh := SpatiaBake.to_mesh(_example.memory)
	var error := ResourceSaver.save(mesh, path, ResourceSaver.FLAG_COMPRESS)
	var loaded: ArrayMesh = ResourceLoader.load(path, "", ResourceLoader.CACHE_MODE_IGNORE)
	var vertices := 0
	for surface in loaded.get_surface_count():
		vertices += loaded.surface_get_array_len(surface)
	var box := loaded.get_aabb()
	return {"error": error, "points": vertices, "low": _numbers(box.position), "high": _numbers(box.end)}


## Shows a baked mesh instead of memory.
func do_show_baked(path: String) -> bool:
	var shown := MeshInstance3D.new()
	shown.mesh = ResourceLoader.load(path, "", ResourceLoader.CACHE_MODE_IGNORE)
	shown.name = "Baked"
	_example.add_child(shown)
	_example.memory.visible = false
	return true


func do_unbake() -> bool:
	_example.get_node("Baked").queue_free()
	_example.memory.visible = true
	return true


func _numbers(vector: Vector3) -> Array:
	return [vector.x, vector.y, vector.z]


## Shows or hides the letters on the walls.
func do_letters(on: bool) -> bool:
	for name: String in ["LettersBack", "LettersLeft", "LettersRight"]:
		_example.greybox.get_node(name).visible = on
	return true


## Feeds a mirror of its own with [kind, message] pairs; the first fault, and what is held then.
func do_mirror(messages: Array, resume: bool) -> Dictionary:
	var mirror := SpatiaPointMirror.new()
	var fault := ""
	var began := Time.get_ticks_usec()
	for each: Array in messages:
		match each[0]:
			"chunk_part":
				fault = mirror.apply_part(each[1])
			"chunks_removed":
				mirror.apply_removed(each[1])
			"synced":
				fault = mirror.apply_synced(each[1])
		if not fault.is_empty():
			break
	var secs := (Time.get_ticks_usec() - began) * 1e-6
	var said := mirror.resume() if resume else {}
	return {"fault": fault, "digest": mirror.digest(), "points": mirror.points(), "clean": mirror.clean, "resume": said, "secs": secs}
