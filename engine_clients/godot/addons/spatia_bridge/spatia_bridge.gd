@tool
@icon("res://addons/spatia_bridge/icons/bridge.svg")
class_name SpatiaBridge
extends Node
## The connection to a spatia-bridge server: one session's memory comes in, your requests go out.
##
## Put one into your scene, point [member memory] at a [SpatiaMemory], press play. It connects, connects again when the line
## breaks, and then gets only what changed meanwhile. Everything the server tells is a signal; everything you ask of it is a
## method that returns a [SpatiaReply]. Works in the editor too, from the dock.

## The server said welcome; `resumed`: only what changed will come.
signal connected(welcome: Dictionary, resumed: bool)
## The line is gone, or you left.
signal disconnected(reason: String)
## It is gone and will be tried again.
signal reconnecting(in_secs: float, attempt: int)
## The server refuses this client: trying again would not help.
signal refused(error: Dictionary)
## Another revision is the newest now (seed, take, edit, undo).
signal revision_changed(revision: Dictionary)
## What is shown is exactly this revision.
signal synced(revision: int)
## A job moved on: `stage`, `done`, `total`, `remaining_secs`, `clip`, `clips`, `take`; while it generates maybe a `preview`,
## the last frame as it looks so far ([method SpatiaWire.to_image]).
signal progressed(progress: Dictionary)
## A take began, has more frames, or was decided.
signal take_changed(take: Dictionary)
## A frame of a take: pushed if [member push_frames], or fetched.
signal frame_received(take: int, number: int, image: Image, camera: Dictionary)
## Memory under your camera, if asked for by [method live_view].
signal live_projection_received(image: Image, coverage: float, projection: Dictionary)
## The server began or ended to record the camera, or has more of it.
signal recording_changed(recording: Dictionary)
## Something went wrong that no [SpatiaReply] tells of.
signal error_reported(error: Dictionary)

const PROTOCOL_VERSION: int = 1
const CREDIT_BYTES: int = 4 << 20
const LEAST_BUDGET_MSECS: int = 5 ## a frame for what comes; more where frames take long anyway
const BUDGET_SHARE: float = 0.3
const CREDIT_STEP_BYTES: int = 256 << 10
const FIRST_WAIT_SECS: float = 0.5
const LONGEST_WAIT_SECS: float = 15.0
const NO_USE_AGAIN: PackedStringArray = ["UNAUTHENTICATED", "NOT_FOUND", "INVALID_INPUT", "PROTOCOL", "VERSION_MISMATCH"]

## Where the server is. `spatia-bridge serve` listens there.
@export var url: String = "ws://127.0.0.1:50052"
## Which scene; several clients may be in one.
@export var session: String = "my-level"
## Make the session if there is none.
@export var create: bool = true
## If the server wants one.
@export var token: String = ""
## Connect when the game starts. In the editor the dock does it.
@export var connect_on_start: bool = true
## Connect again, and again, when the line breaks.
@export var reconnect: bool = true
## Send frames of takes as they are made, without being asked.
@export var push_frames: bool = true
## What shows the points.
@export var memory: SpatiaMemory:
	set(value):
		memory = value
		if memory != null:
			memory.mirror = mirror

## What is held of memory, with or without a node to show it.
var mirror: SpatiaPointMirror = SpatiaPointMirror.new()
## What the server said last: welcome, newest revision, takes by number, jobs by number, recording.
var welcome: Dictionary = {}
var revision: Dictionary = {}
var takes: Dictionary[int, Dictionary] = {}
var jobs: Dictionary[int, Dictionary] = {}
var recording: Dictionary = {}

var _link: SpatiaLink = SpatiaLink.new()
var _wanted: bool = false
var _welcomed: bool = false
var _attempt: int = 0
var _try_at_msecs: int = 0
var _next_request: int = 1
var _replies: Dictionary[int, SpatiaReply] = {}
var _owed_credit: int = 0


func _init() -> void:
	_link.opened.connect(_say_hello)
	_link.received.connect(_receive)
	_link.closed.connect(_closed)


func _ready() -> void:
	if connect_on_start and not Engine.is_editor_hint():
		connect_to_server()


func _exit_tree() -> void:
	disconnect_from_server()


func _process(delta: float) -> void:
	if _try_at_msecs > 0 and Time.get_ticks_msec() >= _try_at_msecs:
		_try_at_msecs = 0
		_open()
	_link.poll(maxi(LEAST_BUDGET_MSECS, int(delta * 1000.0 * BUDGET_SHARE)))
	if _owed_credit >= CREDIT_STEP_BYTES:
		_grant()


# ------------------------------------------------------------------------------------------------------------ connection


## Connects and stays connected until [method disconnect_from_server].
func connect_to_server() -> void:
	_wanted = true
	_attempt = 0
	if not _link.is_open():
		_open()


## Leaves. The session goes on without you; what is shown stays.
func disconnect_from_server() -> void:
	_wanted = false
	_try_at_msecs = 0
	_link.close()


## True when requests can be made.
func is_connected_to_server() -> bool:
	return _welcomed


## Sends any request of the protocol, e.g. `{"undo": {}}`.
func request(body: Dictionary) -> SpatiaReply:
	var reply := SpatiaReply.new()
	if not _welcomed:
		return reply.fail_soon("UNAVAILABLE", "there is no connection", "connect first")
	_next_request += 1
	_replies[_next_request] = reply
	var message := body.duplicate()
	message["request_id"] = _next_request
	_link.send(message)
	return reply


## Sends what needs no answer; dropped without a connection.
func tell(body: Dictionary) -> void:
	if _welcomed:
		_link.send(body)


## Bytes of requests that have not left yet: a large seed takes a moment.
func waiting_bytes() -> int:
	return _link.waiting_bytes()


# ----------------------------------------------------------------------------------------------------------------- scene


## Makes what cameras see part of memory; views come from [SpatiaCapture]. One revision for all of them.
func seed_views(views: Array[Dictionary]) -> SpatiaReply:
	if views.is_empty():
		return SpatiaReply.new().fail_soon("INVALID_INPUT", "there is no view", "capture one first")
	for i in views.size() - 1:
		tell({"seed": {"view": views[i], "more": true}})
	return request({"seed": {"view": views[-1]}})


## Takes the points in a region out, and keeps it empty.
func remove_region(region: Dictionary) -> SpatiaReply:
	return request({"edit": {"remove": region}})


## No take may change what is in there.
func lock_region(region: Dictionary) -> SpatiaReply:
	return request({"edit": {"lock": region}})


## Lifts a lock, the first being 0.
func unlock(place: int) -> SpatiaReply:
	return request({"edit": {"unlock": place}})


## Carries the points in a region elsewhere, or copies them; `motion` is in the memory node's space.
func move_region(region: Dictionary, motion: Transform3D, copy: bool = false) -> SpatiaReply:
	var move := {"region": region, "motion": SpatiaWire.pose(motion)}
	if copy:
		move["copy"] = true
	return request({"edit": {"move": move}})


## Mixes the colours in a region with one.
func recolour_region(region: Dictionary, colour: Color, strength: float = 1.0) -> SpatiaReply:
	var rgb := (colour.r8 << 16) | (colour.g8 << 8) | colour.b8
	return request({"edit": {"recolour": {"region": region, "rgb": rgb, "strength": strength}}})


## Takes back the newest change of memory; it becomes a new revision, so nothing is lost.
func undo() -> SpatiaReply:
	return request({"undo": {}})


func redo() -> SpatiaReply:
	return request({"redo": {}})


# ------------------------------------------------------------------------------------------------------------ generation


## Lets the server record the poses that a [SpatiaCameraRig] sends; on again forgets the earlier ones.
func record(on: bool) -> SpatiaReply:
	return request({"record": {"on": true} if on else {}})


## Starts a job along the recorded path, or along `cameras` (as [method SpatiaCameraRig.camera_message] makes them, timed).
## `options` may hold seed, generator, clips, auto_accept, width, height, trajectory_name.
func generate(prompt: String, options: Dictionary = {}, cameras: Array[Dictionary] = []) -> SpatiaReply:
	var body := options.duplicate()
	body["prompt"] = prompt
	if not cameras.is_empty():
		body["trajectory"] = {"cameras": cameras}
	return request({"generate": body})


## Stops a job; 0 = all of them.
func cancel(job: int = 0) -> SpatiaReply:
	return request({"cancel": {"job": job} if job != 0 else {}})


## Folds a take into memory.
func accept_take(take: int) -> SpatiaReply:
	return request({"accept": {"take": take}})


func discard_take(take: int) -> SpatiaReply:
	return request({"discard": {"take": take}})


## Frames of a take come by [signal frame_received]; count 0 = all from the first on.
func fetch_frames(take: int, first: int = 0, count: int = 0) -> SpatiaReply:
	return request({"fetch_frames": {"take": take, "first": first, "count": count}})


## Memory under this client's camera as it moves comes by [signal live_projection_received].
func live_view(on: bool, size: Vector2i = Vector2i(320, 180), max_rate_hz: float = 10.0) -> SpatiaReply:
	if not on:
		return request({"live_view": {}})
	return request({"live_view": {"on": true, "width": size.x, "height": size.y, "max_rate_hz": max_rate_hz}})


# ---------------------------------------------------------------------------------------------------------------- inside


func _open() -> void:
	if _link.open(url) != OK:
		_closed("%s is no WebSocket address" % url)


func _say_hello() -> void:
	var hello := {
		"protocol_version": PROTOCOL_VERSION,
		"client_name": "godot",
		"engine": "ENGINE_GODOT",
		"session": session,
		"compressions": ["COMPRESSION_ZSTD", "COMPRESSION_GZIP"],
		"credit_bytes": CREDIT_BYTES,
		"batch_chunks": true,
	}
	if create:
		hello["create"] = true
	if push_frames:
		hello["push_frames"] = true
	if not token.is_empty():
		hello["token"] = token
	var resume := mirror.resume()
	if not resume.is_empty():
		hello["resume"] = resume
	_owed_credit = 0
	_link.send({"request_id": 1, "hello": hello})


func _receive(message: Dictionary) -> void:
	for body: String in message:
		if body != "request_id" and message[body] is Dictionary:
			_take(body, message[body], message.get("request_id", 0))


func _take(body: String, value: Dictionary, request_id: int) -> void:
	match body:
		"welcome":
			_take_welcome(value)
		"done":
			_answer(request_id, {"ok": true, "revision": value.get("revision", 0), "take": value.get("take", 0), "job": value.get("job", 0)})
		"error":
			_take_error(value, request_id)
		"revision":
			revision = value
			revision_changed.emit(value)
		"space":
			mirror.apply_space(value)
		"chunk_part":
			_take_part(value)
		"chunk_parts":
			for part: Dictionary in value.get("parts", []):
				if not _take_part(part):
					return
		"chunks_removed":
			mirror.apply_removed(value)
		"synced":
			if _check(mirror.apply_synced(value)):
				_attempt = 0 # not before: a link that breaks on the way here each time is tried less and less often
				synced.emit(mirror.synced_revision)
		"progress":
			jobs[int(value.get("job", 0))] = value
			progressed.emit(value)
		"take":
			takes[int(value.get("number", 0))] = value
			take_changed.emit(value)
		"take_frame":
			var image := SpatiaWire.to_image(value.get("colour", {}))
			if image != null:
				frame_received.emit(value.get("take", 0), value.get("number", 0), image, value.get("camera", {}))
		"live_projection":
			var image := SpatiaWire.to_image(value.get("colour", {}))
			if image != null:
				live_projection_received.emit(image, value.get("coverage", 0.0), value)
		"recording":
			recording = value
			recording_changed.emit(value)


func _take_welcome(value: Dictionary) -> void:
	welcome = value
	var resumed: bool = value.get("resumed", false)
	if not resumed:
		mirror.forget()
	mirror.apply_space(value.get("space", {}))
	revision = value.get("revision", {})
	recording = value.get("recording", {})
	takes.clear()
	jobs.clear()
	for take: Dictionary in value.get("takes", []):
		takes[int(take.get("number", 0))] = take
	_welcomed = true
	connected.emit(value, resumed)
	revision_changed.emit(revision)


func _take_part(part: Dictionary) -> bool:
	_owed_credit += len(part.get("data", PackedByteArray()))
	return _check(mirror.apply_part(part))


func _take_error(error: Dictionary, request_id: int) -> void:
	var known := request_id != 0 and _replies.has(request_id)
	_answer(request_id, {
		"ok": false,
		"code": error.get("code", "INTERNAL"),
		"message": error.get("message", ""),
		"remedy": error.get("remedy", ""),
		"details": error.get("details", {}),
	})
	if error.get("fatal", false) and str(error.get("code", "")) in NO_USE_AGAIN:
		_wanted = false
		refused.emit(error)
	elif not known:
		error_reported.emit(error)


func _answer(request_id: int, result: Dictionary) -> void:
	var reply: SpatiaReply = _replies.get(request_id)
	if reply != null:
		_replies.erase(request_id)
		reply.resolve(result)


## What came is not what the server stated: start again with nothing.
func _check(fault: String) -> bool:
	if fault.is_empty():
		return true
	push_warning("SpatiaBridge: %s; getting everything anew" % fault)
	mirror.forget()
	_link.close()
	return false


func _grant() -> void:
	_link.send({"credit": {"bytes": _owed_credit}})
	_owed_credit = 0


func _closed(reason: String) -> void:
	var was := _welcomed
	_welcomed = false
	for reply: SpatiaReply in _replies.values():
		reply.resolve({"ok": false, "code": "UNAVAILABLE", "message": reason, "remedy": "connect again", "details": {}})
	_replies.clear()
	if was or not _wanted:
		disconnected.emit(reason)
	if not _wanted or not reconnect or not is_inside_tree():
		return
	_attempt += 1
	var wait := minf(FIRST_WAIT_SECS * pow(2.0, _attempt - 1), LONGEST_WAIT_SECS) * randf_range(0.7, 1.0)
	_try_at_msecs = Time.get_ticks_msec() + int(wait * 1000.0)
	reconnecting.emit(wait, _attempt)
