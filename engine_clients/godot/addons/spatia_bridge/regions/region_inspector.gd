@tool
extends EditorInspectorPlugin
## Buttons above a selected [SpatiaRegion]: what to do with the memory inside.

const RegionEdit := preload("res://addons/spatia_bridge/regions/region_edit.gd")

var dock: Control
var undo_redo: EditorUndoRedoManager


func _can_handle(object: Object) -> bool:
	return object is SpatiaRegion


func _parse_begin(object: Object) -> void:
	var region := object as SpatiaRegion
	var row := HFlowContainer.new()
	_button(row, "Remove points", "Take the points inside out of memory and keep the place empty", _edit.bind(region, "remove"))
	_button(row, "Lock", "No take may change what is inside", _edit.bind(region, "lock"))
	var colour := ColorPickerButton.new()
	colour.color = Color(0.8, 0.2, 0.2)
	colour.custom_minimum_size = Vector2(28, 0)
	_button(row, "Recolour", "Mix the colours inside with this one", _recolour.bind(region, colour))
	row.add_child(colour)
	add_custom_control(row)


func _edit(region: SpatiaRegion, kind: String) -> void:
	_commit(region, func(message: Dictionary) -> Dictionary: return {kind: message}, kind.capitalize() + " region of memory")


func _recolour(region: SpatiaRegion, colour: ColorPickerButton) -> void:
	var rgb := (colour.color.r8 << 16) | (colour.color.g8 << 8) | colour.color.b8
	var wrap := func(message: Dictionary) -> Dictionary: return {"recolour": {"region": message, "rgb": rgb}}
	_commit(region, wrap, "Recolour region of memory")


func _commit(region: SpatiaRegion, wrap: Callable, title: String) -> void:
	var bridge: SpatiaBridge = dock.bridge()
	if bridge == null or bridge.memory == null or not bridge.is_connected_to_server():
		dock.say("connect first: the dock's Connect")
		return
	var edit := RegionEdit.create(bridge, wrap.call(region.message(bridge.memory)), title)
	edit.said.connect(dock.say)
	edit.commit(undo_redo, region)


func _button(row: Control, text: String, hint: String, pressed: Callable) -> void:
	var button := Button.new()
	button.text = text
	button.tooltip_text = hint
	button.pressed.connect(pressed)
	row.add_child(button)
