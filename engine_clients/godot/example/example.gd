extends Node3D
## A greybox, its memory, and what is to be done with them by keys:
## F seeds memory with what the camera sees, G sweeps the room, H hides the greybox so that only memory is left,
## R records the camera's path and generates along it when pressed again, Y accepts the take, N discards it,
## X removes what is in front of the camera, Z undoes.

@export var bridge: SpatiaBridge
@export var memory: SpatiaMemory
@export var camera: Camera3D
@export var rig: SpatiaCameraRig
@export var greybox: Node3D

const SEED_SIZE: Vector2i = Vector2i(640, 360)

var _note: String = ""
var _take: int = 0

@onready var _screen: TextureRect = $Screen
@onready var _status: Label = $Status


func _ready() -> void:
	bridge.frame_received.connect(_show_frame)
	bridge.take_changed.connect(_take_changed)
	bridge.reconnecting.connect(func(secs: float, _attempt: int) -> void: _note = "no server; again in %.1f s" % secs)
	bridge.connected.connect(func(_welcome: Dictionary, _resumed: bool) -> void: _note = "connected")
	bridge.refused.connect(func(error: Dictionary) -> void: _note = "%s; %s" % [error.get("message", ""), error.get("remedy", "")])


func _process(_delta: float) -> void:
	_status.text = "%s\nrevision %d, %d points\n%s" % [bridge.url, bridge.revision.get("number", 0), memory.shown_points().x, _note]


func _unhandled_key_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if not key.pressed or key.echo:
		return
	match key.physical_keycode:
		KEY_F:
			_tell("seeding", bridge.seed_views(await SpatiaCapture.view(bridge, camera, SEED_SIZE)))
		KEY_G:
			var places := SpatiaCapture.sweep([camera.global_position] as Array[Vector3])
			_tell("sweeping", bridge.seed_views(await SpatiaCapture.views(bridge, camera, places, SEED_SIZE)))
		KEY_H:
			greybox.visible = not greybox.visible
		KEY_R:
			_record_or_generate()
		KEY_Y:
			_tell("accepting", bridge.accept_take(_take))
		KEY_N:
			_tell("discarding", bridge.discard_take(_take))
		KEY_X:
			var ahead := camera.global_transform.translated_local(Vector3.FORWARD * 2.0)
			_tell("removing", bridge.remove_region(SpatiaWire.sphere(memory.memory_from(ahead), 0.75)))
		KEY_Z:
			_tell("undoing", bridge.undo())


func _record_or_generate() -> void:
	if bridge.recording.get("on", false):
		bridge.record(false)
		_tell("generating", bridge.generate("", {"clips": 1, "width": 320, "height": 180}))
	else:
		_tell("recording: fly, then R again", bridge.record(true))


func _tell(what: String, reply: SpatiaReply) -> void:
	_note = "%s…" % what
	var result: Dictionary = await reply.finished
	_note = "%s: done" % what if result["ok"] else "%s: %s; %s" % [what, result["message"], result["remedy"]]


func _take_changed(take: Dictionary) -> void:
	if take.get("state", "") == "TAKE_STATE_PENDING":
		_take = take.get("number", 0)
		_note = "take %d is done: Y accepts, N discards" % _take


func _show_frame(_of_take: int, _number: int, image: Image, _camera: Dictionary) -> void:
	_screen.texture = ImageTexture.create_from_image(image)
