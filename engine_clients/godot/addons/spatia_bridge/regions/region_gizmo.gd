@tool
extends EditorNode3DGizmoPlugin
## Lines and handles of a [SpatiaRegion] in the editor; pulling a handle is one step of the editor's undo.

var undo_redo: EditorUndoRedoManager

const AXES: Array[Vector3] = [Vector3.RIGHT, Vector3.UP, Vector3.BACK]
const CIRCLE_STEPS: int = 48


func _init() -> void:
	create_material("lines", Color(1.0, 0.55, 0.2))
	create_handle_material("handles")


func _get_gizmo_name() -> String:
	return "SpatiaRegion"


func _has_gizmo(node: Node3D) -> bool:
	return node is SpatiaRegion


func _redraw(gizmo: EditorNode3DGizmo) -> void:
	gizmo.clear()
	var region := gizmo.get_node_3d() as SpatiaRegion
	var lines := _box_lines(region.size) if region.shape == SpatiaRegion.Shape.BOX else _ball_lines(region.radius)
	gizmo.add_lines(lines, get_material("lines", gizmo))
	gizmo.add_collision_segments(lines)
	var handles := PackedVector3Array()
	for id in 3 if region.shape == SpatiaRegion.Shape.BOX else 1:
		handles.append(AXES[id] * _reach(region, id))
	gizmo.add_handles(handles, get_material("handles", gizmo), PackedInt32Array())


func _get_handle_name(gizmo: EditorNode3DGizmo, id: int, _secondary: bool) -> String:
	var region := gizmo.get_node_3d() as SpatiaRegion
	return ["Width", "Height", "Depth"][id] if region.shape == SpatiaRegion.Shape.BOX else "Radius"


func _get_handle_value(gizmo: EditorNode3DGizmo, _id: int, _secondary: bool) -> Variant:
	var region := gizmo.get_node_3d() as SpatiaRegion
	return region.size if region.shape == SpatiaRegion.Shape.BOX else region.radius


func _set_handle(gizmo: EditorNode3DGizmo, id: int, _secondary: bool, camera: Camera3D, point: Vector2) -> void:
	var region := gizmo.get_node_3d() as SpatiaRegion
	var local := region.global_transform.affine_inverse()
	var origin := local * camera.project_ray_origin(point)
	var along := local.basis * camera.project_ray_normal(point)
	var near := Geometry3D.get_closest_points_between_segments(Vector3.ZERO, AXES[id] * 1000.0, origin, origin + along * 4000.0)
	var reach := maxf(near[0].dot(AXES[id]), 0.001)
	if region.shape == SpatiaRegion.Shape.BOX:
		var size := region.size
		size[id] = 2.0 * reach
		region.size = size
	else:
		region.radius = reach


func _commit_handle(gizmo: EditorNode3DGizmo, _id: int, _secondary: bool, restore: Variant, cancel: bool) -> void:
	var region := gizmo.get_node_3d() as SpatiaRegion
	var property := &"size" if region.shape == SpatiaRegion.Shape.BOX else &"radius"
	if cancel:
		region.set(property, restore)
		return
	undo_redo.create_action("Resize region", UndoRedo.MERGE_DISABLE, region)
	undo_redo.add_do_property(region, property, region.get(property))
	undo_redo.add_undo_property(region, property, restore)
	undo_redo.commit_action()


static func _reach(region: SpatiaRegion, id: int) -> float:
	return region.size[id] * 0.5 if region.shape == SpatiaRegion.Shape.BOX else region.radius


static func _box_lines(size: Vector3) -> PackedVector3Array:
	var lines := PackedVector3Array()
	var box := AABB(-size * 0.5, size)
	for from in 8:
		for axis in 3: # endpoints are numbered by the bits z = 1, y = 2, x = 4
			var to := from | (1 << axis)
			if to != from:
				lines.append(box.get_endpoint(from))
				lines.append(box.get_endpoint(to))
	return lines


static func _ball_lines(radius: float) -> PackedVector3Array:
	var lines := PackedVector3Array()
	for axis in 3:
		var across := AXES[(axis + 1) % 3] * radius
		var up := AXES[(axis + 2) % 3] * radius
		for i in CIRCLE_STEPS:
			for end in 2:
				var angle := TAU * (i + end) / CIRCLE_STEPS
				lines.append(across * cos(angle) + up * sin(angle))
	return lines
