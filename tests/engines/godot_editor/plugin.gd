@tool
extends EditorPlugin
## What a test outside may ask of the editor: press the dock's buttons, edit regions, undo, look at the window.

const RegionEdit := preload("res://addons/spatia_bridge/regions/region_edit.gd")

var _socket: Node
var _previews: Array[Dictionary] = []


func _enter_tree() -> void:
	var port := OS.get_environment("SPATIA_DRIVER_PORT")
	if port.is_empty():
		return
	_socket = load("res://driver/driver_socket.gd").new()
	_socket.target = self
	_socket.ended.connect(func() -> void: get_tree().quit(0))
	add_child(_socket)
	_socket.open(int(port))


func do_ready() -> bool:
	while EditorInterface.get_edited_scene_root() == null or _dock() == null:
		await get_tree().process_frame
	EditorInterface.set_main_screen_editor("3D")
	Engine.max_fps = 10
	return true


## Brings the dock to the front.
func do_show_dock() -> bool:
	var inner: Node = _dock()
	while inner != null and not inner.get_parent() is TabContainer:
		inner = inner.get_parent()
	if inner == null:
		return false
	var tabs: TabContainer = inner.get_parent()
	tabs.current_tab = tabs.get_tab_idx_from_control(inner)
	return true


func do_field(key: String, value: String) -> bool:
	var field: LineEdit = _dock()._fields[key]
	field.text = value
	field.text_changed.emit(value)
	return true


func do_press(button: String) -> bool:
	_dock()._buttons[button].pressed.emit()
	return true


## The value of a setting as the dock reads it back.
func do_setting(key: String) -> Variant:
	return _dock().Settings.read(key)


func do_state() -> Dictionary:
	await get_tree().process_frame
	var bridge: SpatiaBridge = _dock().bridge()
	return {
		"connected": bridge.is_connected_to_server(),
		"revision": bridge.revision,
		"synced": bridge.mirror.synced_revision if bridge.mirror.clean else -1,
		"digest": bridge.mirror.digest(),
		"points": bridge.mirror.points(),
		"shown": [bridge.memory.shown_points().x, bridge.memory.shown_points().y],
		"up_to_date": bridge.memory.is_up_to_date(),
		"note": _dock()._note.text,
		"status": _dock()._status.text,
		"takes": bridge.takes.values(),
		"rows": _dock()._takes.get_child_count(),
	}


## Notes from now on what the dock shows at each step that has a preview.
func do_note_previews() -> bool:
	_dock().bridge().progressed.connect(func(progress: Dictionary) -> void:
		if progress.has("preview"):
			_previews.append({"take": progress["take"], "done": progress["done"], "shown": _shown()}))
	return true


func do_previews() -> Array:
	return _previews


## What the dock's scrubber shows.
func do_shown() -> Dictionary:
	return _shown()


func _shown() -> Dictionary:
	var texture: Texture2D = _dock()._scrubber._picture.texture
	var png := texture.get_image().save_png_to_buffer() if texture != null else PackedByteArray()
	return {"label": _dock()._scrubber._label.text, "png": png}


## Puts the editor's camera somewhere.
func do_camera(position: Array, turn_degrees: Array) -> bool:
	var camera := EditorInterface.get_editor_viewport_3d(0).get_camera_3d()
	camera.position = Vector3(position[0], position[1], position[2])
	camera.rotation_degrees = Vector3(turn_degrees[0], turn_degrees[1], turn_degrees[2])
	return true


## Adds a region by the dock, sizes it as a handle would, and edits memory with it, all by the editor's undo.
func do_region_edit(position: Array, size: Array, kind: String) -> Dictionary:
	_dock()._buttons["Add region"].pressed.emit()
	var root := EditorInterface.get_edited_scene_root()
	var region: SpatiaRegion = root.find_children("SpatiaRegion*", "Node3D", false, false)[-1]
	region.position = Vector3(position[0], position[1], position[2])
	region.size = Vector3(size[0], size[1], size[2])
	EditorInterface.edit_node(region)
	var bridge: SpatiaBridge = _dock().bridge()
	var edit := RegionEdit.create(bridge, {kind: region.message(bridge.memory)}, "Remove region of memory")
	edit.said.connect(_dock().say)
	edit.commit(get_undo_redo(), region)
	return {"regions": root.find_children("SpatiaRegion*", "Node3D", false, false).size()}


## The editor's own undo or redo in the edited scene.
func do_history(which: String) -> String:
	var manager := get_undo_redo()
	var history := manager.get_history_undo_redo(manager.get_object_history_id(EditorInterface.get_edited_scene_root()))
	var name := history.get_current_action_name()
	history.call(which)
	return name


func do_screenshot(path: String) -> bool:
	for i in 3: # the editor draws nothing while nothing changes
		await get_tree().process_frame
		RenderingServer.force_draw()
	return get_tree().root.get_texture().get_image().save_png(path) == OK


func _dock() -> Control:
	var found := EditorInterface.get_base_control().find_children("Spatia", "ScrollContainer", true, false)
	return null if found.is_empty() else found[0].get_child(0)
