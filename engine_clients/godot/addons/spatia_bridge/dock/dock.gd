@tool
extends VBoxContainer
## The Spatia dock: connect, seed from the editor's view, generate along the recorded camera, keep or discard takes, undo.

const Settings := preload("res://addons/spatia_bridge/dock/settings.gd")
const ClipScrubber := preload("res://addons/spatia_bridge/dock/clip_scrubber.gd")
const SEED_SIZE: Vector2i = Vector2i(640, 360)
const SWEEP_STEPS: int = 6

var undo_redo: EditorUndoRedoManager

var _bridge: SpatiaBridge
var _rig: SpatiaCameraRig
var _fields: Dictionary[String, Control] = {}
var _buttons: Dictionary[String, Button] = {}
var _status: Label = Label.new()
var _progress: ProgressBar = ProgressBar.new()
var _note: Label = Label.new()
var _takes: VBoxContainer = VBoxContainer.new()
var _scrubber: ClipScrubber = ClipScrubber.new()


func _init() -> void:
	_note.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	_section("Server")
	_text_field("url", "Address", "ws://host:port of spatia-bridge serve")
	_text_field("session", "Session", "Which scene on the server; made if there is none")
	_text_field("token", "Token", "If the server wants one")
	(_fields["token"] as LineEdit).secret = true
	_button_row([["Connect", _toggle_connection, ""], ["Add to scene", _add_to_scene, "Puts a SpatiaBridge and a SpatiaMemory into the scene"]])
	add_child(_status)
	_section("Memory")
	_button_row([
		["Seed view", _seed.bind(false), "What the editor's camera sees becomes memory, with its depth"],
		["Seed all round", _seed.bind(true), "The same for a full turn of the editor's camera"],
		["Undo", _undo.bind("undo"), "Takes back the newest change of memory"],
		["Redo", _undo.bind("redo"), ""],
		["Add region", _add_region, "A box to remove, lock or recolour memory in"],
		["Bake…", _bake, "Writes memory as a mesh resource that needs no server"],
	])
	_section("Generate")
	_text_field("prompt", "Prompt", "What to show, for generators that read it")
	_number_field("clips", "Clips", 1, 100)
	_number_field("width", "Width", 0, 4096)
	_number_field("height", "Height", 0, 4096)
	_check_field("auto_accept", "Keep every take without asking")
	_check_field("stream_camera", "The server follows the editor's camera")
	_button_row([
		["Record", _toggle_recording, "Records the editor's camera on the server; again to stop"],
		["Generate", _generate, "Along the recorded path"],
		["Cancel", _cancel, "Stops all jobs"],
	])
	add_child(_progress)
	_section("Takes")
	add_child(_takes)
	add_child(_scrubber)
	add_child(_note)


func _ready() -> void:
	for key: String in _fields:
		_set_field(key, Settings.read(key))
	_show_state()


func _exit_tree() -> void:
	_attach(null)


func _process(_delta: float) -> void:
	if _bridge != null and (not is_instance_valid(_bridge) or not _bridge.is_inside_tree()):
		_attach(null)


## The bridge of the edited scene; null if it has none.
func bridge() -> SpatiaBridge:
	var root := EditorInterface.get_edited_scene_root()
	if root == null:
		return null
	if _bridge != null and is_instance_valid(_bridge) and (_bridge == root or root.is_ancestor_of(_bridge)):
		return _bridge
	if root is SpatiaBridge:
		return root
	for node in root.find_children("*", "Node", true, false):
		if node is SpatiaBridge:
			return node
	return null


## Tells the designer something.
func say(text: String) -> void:
	_note.text = text


# ------------------------------------------------------------------------------------------------------------ connection


func _toggle_connection() -> void:
	if _bridge != null and _bridge.is_connected_to_server():
		_bridge.disconnect_from_server()
		return
	var found := bridge()
	if found == null:
		say("there is no SpatiaBridge in this scene: Add to scene")
		return
	_attach(found)
	found.url = Settings.read("url")
	found.session = Settings.read("session")
	found.token = Settings.read("token")
	found.connect_to_server()
	say("connecting…")


func _attach(found: SpatiaBridge) -> void:
	if _bridge != null and is_instance_valid(_bridge):
		for connection in get_incoming_connections():
			var from: Signal = connection["signal"]
			if from.get_object() == _bridge:
				from.disconnect(connection["callable"])
		_bridge.disconnect_from_server()
	if _rig != null:
		_rig.queue_free()
		_rig = null
	_bridge = found
	if found == null:
		_show_state()
		return
	found.connected.connect(_on_connected)
	found.disconnected.connect(_on_disconnected)
	found.reconnecting.connect(_on_reconnecting)
	found.refused.connect(_on_error)
	found.error_reported.connect(_on_error)
	found.revision_changed.connect(_on_changed)
	found.recording_changed.connect(_on_changed)
	found.take_changed.connect(_on_take)
	found.progressed.connect(_on_progress)
	found.frame_received.connect(_on_frame)
	_rig = SpatiaCameraRig.new()
	_rig.bridge = found
	_rig.in_editor = true
	_rig.camera = EditorInterface.get_editor_viewport_3d(0).get_camera_3d()
	_rig.active = Settings.read("stream_camera")
	add_child(_rig)


func _on_connected(_welcome: Dictionary, resumed: bool) -> void:
	say("connected; only what changed is coming" if resumed else "connected")
	if not resumed:
		_scrubber.forget()
	_on_take({})
	_show_state()


func _on_disconnected(reason: String) -> void:
	say(reason)
	_show_state()


func _on_reconnecting(in_secs: float, attempt: int) -> void:
	say("no connection; attempt %d in %.1f s" % [attempt + 1, in_secs])
	_show_state()


func _on_error(error: Dictionary) -> void:
	say("%s; %s" % [error.get("message", ""), error.get("remedy", "")])


func _on_changed(_what: Dictionary) -> void:
	_show_state()


# ----------------------------------------------------------------------------------------------------------------- scene


func _add_to_scene() -> void:
	var root := EditorInterface.get_edited_scene_root()
	if root == null:
		say("open a 3D scene first")
		return
	if bridge() != null:
		say("there is one already: %s" % root.get_path_to(bridge()))
		return
	var memory := SpatiaMemory.new()
	memory.name = "SpatiaMemory"
	var made := SpatiaBridge.new()
	made.name = "SpatiaBridge"
	made.url = Settings.read("url")
	made.session = Settings.read("session")
	undo_redo.create_action("Add Spatia to the scene", UndoRedo.MERGE_DISABLE, root)
	for node: Node in [memory, made]:
		undo_redo.add_do_method(root, &"add_child", node, true)
		undo_redo.add_do_property(node, &"owner", root)
		undo_redo.add_do_reference(node)
		undo_redo.add_undo_method(root, &"remove_child", node)
	undo_redo.add_do_property(made, &"memory", memory)
	undo_redo.commit_action()


func _add_region() -> void:
	var root := EditorInterface.get_edited_scene_root()
	if root == null:
		return
	var region := SpatiaRegion.new()
	region.name = "SpatiaRegion"
	var camera := EditorInterface.get_editor_viewport_3d(0).get_camera_3d()
	region.position = camera.global_position - camera.global_basis.z * 3.0
	undo_redo.create_action("Add region", UndoRedo.MERGE_DISABLE, root)
	undo_redo.add_do_method(root, &"add_child", region, true)
	undo_redo.add_do_property(region, &"owner", root)
	undo_redo.add_do_reference(region)
	undo_redo.add_undo_method(root, &"remove_child", region)
	undo_redo.commit_action()
	EditorInterface.edit_node(region)


func _seed(all_round: bool) -> void:
	if not _ready_to_ask():
		return
	var camera := EditorInterface.get_editor_viewport_3d(0).get_camera_3d()
	var placements: Array[Transform3D] = [camera.get_camera_transform()]
	if all_round:
		placements = SpatiaCapture.sweep([camera.global_position] as Array[Vector3], SWEEP_STEPS)
	var views := await SpatiaCapture.views(_bridge, camera, placements, SEED_SIZE)
	_tell("Seed", _bridge.seed_views(views))


func _undo(which: String) -> void:
	if _ready_to_ask():
		_tell(which.capitalize(), _bridge.request({which: {}}))


func _bake() -> void:
	var found := bridge()
	if found == null or found.memory == null or found.mirror.points() == 0:
		say("there is no memory to bake")
		return
	var dialog := EditorFileDialog.new()
	dialog.file_mode = EditorFileDialog.FILE_MODE_SAVE_FILE
	dialog.add_filter("*.res", "Mesh")
	dialog.file_selected.connect(func(path: String) -> void:
		var error := ResourceSaver.save(SpatiaBake.to_mesh(found.memory), path, ResourceSaver.FLAG_COMPRESS)
		say("baked %d points to %s" % [found.mirror.points(), path] if error == OK else "could not write %s" % path)
		EditorInterface.get_resource_filesystem().scan())
	dialog.visibility_changed.connect(func() -> void: if not dialog.visible: dialog.queue_free())
	add_child(dialog)
	dialog.popup_file_dialog()


# ------------------------------------------------------------------------------------------------------------ generation


func _toggle_recording() -> void:
	if _ready_to_ask():
		var on: bool = not _bridge.recording.get("on", false)
		_rig.active = true
		_rig.resend()
		_tell("Record" if on else "Recorded", _bridge.record(on))


func _generate() -> void:
	if not _ready_to_ask():
		return
	var options := {"clips": int(Settings.read("clips")), "width": int(Settings.read("width")), "height": int(Settings.read("height"))}
	if Settings.read("auto_accept"):
		options["auto_accept"] = true
	_tell("Generate", _bridge.generate(Settings.read("prompt"), options))


func _cancel() -> void:
	if _ready_to_ask():
		_tell("Cancel", _bridge.cancel())


func _on_progress(progress: Dictionary) -> void:
	_progress.max_value = maxf(progress.get("total", 1), 1)
	_progress.value = progress.get("done", 0)
	_scrubber.show_preview(progress.get("take", 0), SpatiaWire.to_image(progress.get("preview", {})))
	var stage: String = str(progress.get("stage", "")).trim_prefix("STAGE_").to_lower()
	var left: float = progress.get("remaining_secs", 0.0)
	var clip := "clip %d of %d" % [progress.get("clip", 1), progress.get("clips", 1)]
	var remark: String = _bridge.takes.get(progress.get("take", 0), {}).get("remark", "")
	_note.text = "%s, %s%s%s" % [stage, clip, ", about %d s left" % ceili(left) if left > 0.0 else "", "\n" + remark if remark else ""]


func _on_take(_take: Dictionary) -> void:
	for child in _takes.get_children():
		child.queue_free()
	for number: int in _bridge.takes:
		var state: String = _bridge.takes[number].get("state", "")
		if state == "TAKE_STATE_PENDING":
			_takes.add_child(_take_row(number))


func _take_row(number: int) -> HBoxContainer:
	var row := HBoxContainer.new()
	var label := Label.new()
	label.text = "Take %d" % number
	label.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	row.add_child(label)
	_button(row, "Show", func() -> void: _show_take(number), "")
	_button(row, "Keep", func() -> void: _tell("Keep take %d" % number, _bridge.accept_take(number)), "Folds it into memory")
	_button(row, "Discard", func() -> void: _tell("Discard take %d" % number, _bridge.discard_take(number)), "Memory stays as it is")
	return row


func _show_take(number: int) -> void:
	if _scrubber.frames_of(number) < int(_bridge.takes[number].get("frames_total", 0)):
		_bridge.fetch_frames(number)
	_scrubber.show_take(number)


func _on_frame(take: int, number: int, image: Image, _camera: Dictionary) -> void:
	_scrubber.add_frame(take, number, image)


# ---------------------------------------------------------------------------------------------------------------- inside


func _ready_to_ask() -> bool:
	if _bridge != null and _bridge.is_connected_to_server():
		return true
	say("connect first")
	return false


func _tell(what: String, reply: SpatiaReply) -> void:
	say("%s…" % what)
	var result: Dictionary = await reply.finished
	say("%s: done" % what if result["ok"] else "%s: %s; %s" % [what, result["message"], result["remedy"]])
	_show_state()


func _show_state() -> void:
	var online := _bridge != null and _bridge.is_connected_to_server()
	_buttons["Connect"].text = "Disconnect" if online else "Connect"
	_buttons["Record"].text = "Stop recording" if online and _bridge.recording.get("on", false) else "Record"
	_buttons["Undo"].disabled = not online or not _bridge.revision.get("can_undo", false)
	_buttons["Redo"].disabled = not online or not _bridge.revision.get("can_redo", false)
	for name: String in ["Seed view", "Seed all round", "Record", "Generate", "Cancel"]:
		_buttons[name].disabled = not online
	if not online:
		_status.text = "not connected"
		return
	_status.text = "revision %d, %d points, %d locks" % [
		_bridge.revision.get("number", 0), _bridge.revision.get("points", 0), _bridge.revision.get("locks", 0)
	]


func _section(title: String) -> void:
	var label := Label.new()
	label.text = title
	label.theme_type_variation = &"HeaderSmall"
	add_child(label)


func _text_field(key: String, title: String, hint: String) -> void:
	var field := LineEdit.new()
	field.placeholder_text = hint
	field.text_changed.connect(func(text: String) -> void: Settings.write(key, text))
	_labelled(key, title, hint, field)


func _number_field(key: String, title: String, low: int, high: int) -> void:
	var field := SpinBox.new()
	field.min_value = low
	field.max_value = high
	field.value_changed.connect(func(value: float) -> void: Settings.write(key, int(value)))
	_labelled(key, title, "", field)


func _check_field(key: String, title: String) -> void:
	var field := CheckBox.new()
	field.text = title
	field.toggled.connect(func(on: bool) -> void:
		Settings.write(key, on)
		if key == "stream_camera" and _rig != null:
			_rig.active = on)
	_fields[key] = field
	add_child(field)


func _labelled(key: String, title: String, hint: String, field: Control) -> void:
	var row := HBoxContainer.new()
	var label := Label.new()
	label.text = title
	label.custom_minimum_size = Vector2(70, 0)
	field.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	field.tooltip_text = hint
	row.add_child(label)
	row.add_child(field)
	add_child(row)
	_fields[key] = field


func _set_field(key: String, value: Variant) -> void:
	var field := _fields[key]
	if field is LineEdit:
		(field as LineEdit).text = value
	elif field is SpinBox:
		(field as SpinBox).set_value_no_signal(value)
	elif field is CheckBox:
		(field as CheckBox).set_pressed_no_signal(value)


func _button_row(buttons: Array) -> void:
	var row := HFlowContainer.new()
	for each: Array in buttons:
		_buttons[each[0]] = _button(row, each[0], each[1], each[2])
	add_child(row)


func _button(row: Container, text: String, pressed: Callable, hint: String) -> Button:
	var button := Button.new()
	button.text = text
	button.tooltip_text = hint
	button.pressed.connect(pressed)
	row.add_child(button)
	return button
