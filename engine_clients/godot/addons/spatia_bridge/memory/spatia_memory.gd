@tool
@icon("res://addons/spatia_bridge/icons/memory.svg")
class_name SpatiaMemory
extends Node3D
## Shows the points of memory. Move, turn or scale this node to put memory where your level wants it.
##
## Points go from the wire to the graphics card as they are, a texture a chunk; a shader does the rest. What is far away is drawn
## with fewer, wider points.

## What is shown changed.
signal changed

## Direct3D 12 draws point sprites one pixel wide, so squares are drawn there.
enum Sprite { AUTO, POINTS, QUADS }

## Wider than 1 closes gaps, smaller shows the single points.
@export_range(0.1, 4.0, 0.05) var point_size: float = 1.0:
	set(value):
		point_size = value
		_look_changed()
## Points that memory is less sure of are hidden.
@export_range(0.0, 1.0, 0.01) var min_confidence: float = 0.0:
	set(value):
		min_confidence = value
		_look_changed()
## Where points lie closer than so many pixels, fewer are drawn. 0 draws all.
@export_range(0.0, 8.0, 0.1) var detail_pixels: float = 0.9
## At most so many points are drawn; beyond, everything gets coarser.
@export var point_budget: int = 8_000_000
## Layer 20, which cameras show and [SpatiaCapture] leaves out.
@export_flags_3d_render var layers: int = 1 << 19:
	set(value):
		layers = value
		for chunk: SpatiaDrawnChunk in _drawn.values():
			chunk.set_layers(layers)
@export var sprite: Sprite = Sprite.AUTO:
	set(value):
		sprite = value
		_start_over()

const CHUNKS_A_FRAME: int = 512 ## whose level of detail is looked at in one frame
const UPLOAD_MSECS: int = 4 ## a frame; more where frames take long anyway

## What there is to show. [SpatiaBridge] sets its own.
var mirror: SpatiaPointMirror:
	set(value):
		if mirror == value:
			return
		if mirror != null:
			mirror.chunk_changed.disconnect(_chunk_changed)
			mirror.cleared.disconnect(_clear)
			mirror.space_changed.disconnect(_place_all)
		mirror = value
		if mirror != null:
			mirror.chunk_changed.connect(_chunk_changed)
			mirror.cleared.connect(_clear)
			mirror.space_changed.connect(_place_all)
		_start_over()

var _drawn: Dictionary[Vector4i, SpatiaDrawnChunk] = {}
var _order: Array[Vector4i] = []
var _next: int = 0
var _dirty: Dictionary[Vector4i, bool] = {}
var _meshes: SpatiaBlankMeshes
var _shader: Shader
var _coarser: float = 1.0
var _sum: int = 0


func _init() -> void:
	set_notify_transform(true)


func _enter_tree() -> void:
	_start_over()


func _exit_tree() -> void:
	_clear()


func _notification(what: int) -> void:
	if what == NOTIFICATION_TRANSFORM_CHANGED:
		_place_all()
	elif what == NOTIFICATION_VISIBILITY_CHANGED:
		for chunk: SpatiaDrawnChunk in _drawn.values():
			chunk.set_shown(is_visible_in_tree())


func _process(delta: float) -> void:
	_upload_dirty(maxi(UPLOAD_MSECS, int(delta * 200.0)))
	_adapt_detail()


## Points that are on the graphics card, and those of them that are drawn.
func shown_points() -> Vector2i:
	var total := Vector2i.ZERO
	for chunk: SpatiaDrawnChunk in _drawn.values():
		total += Vector2i(chunk.points, chunk.drawn)
	return total


## True when all that came is on the graphics card.
func is_up_to_date() -> bool:
	return _dirty.is_empty()


## From chunk space to the world.
func world_from_chunk() -> Transform3D:
	return global_transform * mirror.client_from_chunk if mirror != null else global_transform


## A pose relative to memory, as the server wants it.
func memory_from(world: Transform3D) -> Transform3D:
	return global_transform.affine_inverse() * world


func _chunk_changed(key: Vector4i) -> void:
	_dirty[key] = true


func _upload_dirty(budget_msecs: int) -> void:
	if _dirty.is_empty() or mirror == null or not is_inside_tree():
		return
	var until := Time.get_ticks_msec() + budget_msecs
	for key: Vector4i in _dirty.keys():
		_dirty.erase(key)
		_upload(key)
		if Time.get_ticks_msec() > until:
			break
	changed.emit()


func _upload(key: Vector4i) -> void:
	var bytes := mirror.shown_bytes(key)
	var chunk: SpatiaDrawnChunk = _drawn.get(key)
	if bytes.is_empty():
		if chunk != null:
			chunk.release()
			_drawn.erase(key)
			_order.erase(key)
		return
	if chunk == null:
		chunk = SpatiaDrawnChunk.new(key, _meshes, _shader.get_rid(), get_world_3d().scenario)
		chunk.set_layers(layers)
		chunk.set_look(point_size, min_confidence)
		chunk.set_shown(is_visible_in_tree())
		chunk.place(world_from_chunk())
		_drawn[key] = chunk
		_order.append(key)
	chunk.upload(bytes, mirror.total_points(key))


## Looks at some chunks a frame in turn: as many points as the pixels they cover deserve.
func _adapt_detail() -> void:
	if _order.is_empty() or mirror == null or mirror.voxel_size_m <= 0.0:
		return
	var view := _camera()
	if view == null:
		return
	var space := world_from_chunk()
	var unit := space.basis.get_scale().x
	var eye := space.affine_inverse() * view.global_position
	var focal := view.get_camera_projection().y.y * view.get_viewport().get_visible_rect().size.y * 0.5
	for i in mini(CHUNKS_A_FRAME, _order.size()):
		if _next >= _order.size():
			_next = 0
			_coarser = clampf(_coarser * sqrt(float(_sum) / maxf(point_budget, 1.0)), 1.0, 64.0)
			_sum = 0
		var key := _order[_next]
		_next += 1
		var chunk: SpatiaDrawnChunk = _drawn[key]
		if detail_pixels > 0.0 or _coarser > 1.0:
			var distance := maxf(eye.distance_to(chunk.centre) - chunk.radius, 0.01) * unit
			var spacing := 4.0 * float(1 << key.x) * unit * focal / distance
			var share := minf(spacing / (maxf(detail_pixels, 0.1) * _coarser), 1.0)
			chunk.show_points(ceili(chunk.points * share * share))
		else:
			chunk.show_points(chunk.points)
		_sum += chunk.drawn


func _camera() -> Camera3D:
	if Engine.is_editor_hint(): # by name: exported games have no such class
		return Engine.get_singleton("EditorInterface").get_editor_viewport_3d(0).get_camera_3d()
	return get_viewport().get_camera_3d()


func _place_all() -> void:
	if not is_inside_tree():
		return
	var space := world_from_chunk()
	for chunk: SpatiaDrawnChunk in _drawn.values():
		chunk.place(space)


func _look_changed() -> void:
	for chunk: SpatiaDrawnChunk in _drawn.values():
		chunk.set_look(point_size, min_confidence)


func _clear() -> void:
	for chunk: SpatiaDrawnChunk in _drawn.values():
		chunk.release()
	_drawn.clear()
	_order.clear()
	_dirty.clear()
	_next = 0
	_sum = 0
	if _meshes != null:
		_meshes.free_all()
	changed.emit()


func _start_over() -> void:
	_clear()
	if not is_inside_tree():
		return
	var quads := sprite == Sprite.QUADS
	if sprite == Sprite.AUTO:
		quads = RenderingServer.get_current_rendering_driver_name() == "d3d12"
	_meshes = SpatiaBlankMeshes.new(6 if quads else 1)
	_shader = load("res://addons/spatia_bridge/memory/%s.gdshader" % ("quads" if quads else "points"))
	if mirror != null:
		for key in mirror.keys():
			_dirty[key] = true
