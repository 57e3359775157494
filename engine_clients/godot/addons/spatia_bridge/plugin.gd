@tool
extends EditorPlugin
## The editor's part of the add-on: the dock, the handles of regions, what can be done with a selected region.

const Dock := preload("res://addons/spatia_bridge/dock/dock.gd")
const RegionGizmo := preload("res://addons/spatia_bridge/regions/region_gizmo.gd")
const RegionInspector := preload("res://addons/spatia_bridge/regions/region_inspector.gd")

var _scroll: ScrollContainer
var _dock: Dock
var _gizmo: RegionGizmo
var _inspector: RegionInspector


func _enter_tree() -> void:
	_dock = Dock.new()
	_dock.undo_redo = get_undo_redo()
	_dock.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_scroll = ScrollContainer.new()
	_scroll.name = "Spatia"
	_scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	_scroll.add_child(_dock)
	add_control_to_dock(DOCK_SLOT_RIGHT_UL, _scroll)
	_gizmo = RegionGizmo.new()
	_gizmo.undo_redo = get_undo_redo()
	add_node_3d_gizmo_plugin(_gizmo)
	_inspector = RegionInspector.new()
	_inspector.dock = _dock
	_inspector.undo_redo = get_undo_redo()
	add_inspector_plugin(_inspector)


func _exit_tree() -> void:
	remove_inspector_plugin(_inspector)
	remove_node_3d_gizmo_plugin(_gizmo)
	remove_control_from_docks(_scroll)
	_scroll.queue_free()
	_scroll = null
	_dock = null
	_gizmo = null
	_inspector = null
