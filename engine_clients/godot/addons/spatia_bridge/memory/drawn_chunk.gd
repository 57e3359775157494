class_name SpatiaDrawnChunk
extends RefCounted
## One chunk on the graphics card: its records as a texture, drawn by an instance of a blank mesh. No loop over points.

const TEXELS_A_ROW: int = 256
const ROW_BYTES: int = TEXELS_A_ROW * 4

## Points there, and of these how many are drawn.
var points: int = 0
var drawn: int = 0
## Centre in chunk space and half the diagonal, for the level of detail.
var centre: Vector3
var radius: float

var _placed: Transform3D
var _instance: RID
var _material: RID
var _texture: RID
var _rows: int = 0
var _total: int = 0
var _meshes: SpatiaBlankMeshes


func _init(key: Vector4i, meshes: SpatiaBlankMeshes, shader: RID, scenario: RID) -> void:
	var step := float(1 << key.x)
	var corner := Vector3(key.y, key.z, key.w) * 256.0 * step
	_placed = Transform3D(Basis.from_scale(Vector3.ONE * step), corner)
	centre = corner + Vector3.ONE * 128.0 * step
	radius = 128.0 * sqrt(3.0) * step
	_meshes = meshes
	_material = RenderingServer.material_create()
	RenderingServer.material_set_shader(_material, shader)
	_instance = RenderingServer.instance_create()
	RenderingServer.instance_set_scenario(_instance, scenario)
	RenderingServer.instance_geometry_set_cast_shadows_setting(_instance, RenderingServer.SHADOW_CASTING_SETTING_OFF)
	RenderingServer.instance_geometry_set_material_override(_instance, _material)


## Shows these packed bytes; `total` points are to come in all.
func upload(bytes: PackedByteArray, total: int) -> void:
	points = bytes.size() / 8
	_total = maxi(total, points)
	var rows := maxi(ceili(float(bytes.size()) / ROW_BYTES), 1)
	var padded := bytes
	if padded.size() != rows * ROW_BYTES:
		padded = bytes.duplicate()
		padded.resize(rows * ROW_BYTES)
	var image := Image.create_from_data(TEXELS_A_ROW, rows, false, Image.FORMAT_RGBA8, padded)
	if _texture.is_valid() and rows == _rows:
		RenderingServer.texture_2d_update(_texture, image, 0)
	else:
		var old := _texture
		_texture = RenderingServer.texture_2d_create(image)
		_rows = rows
		RenderingServer.material_set_param(_material, "records", _texture)
		if old.is_valid():
			RenderingServer.free_rid(old)
	drawn = -1
	show_points(points)


## Draws only the first so many points, each that much wider.
func show_points(count: int) -> void:
	var size := mini(SpatiaBlankMeshes.size_for(count), points)
	if size == drawn:
		return
	drawn = size
	RenderingServer.instance_set_base(_instance, _meshes.mesh(size))
	RenderingServer.material_set_param(_material, "record_count", size)
	RenderingServer.material_set_param(_material, "spread", sqrt(float(_total) / maxf(size, 1.0)))


func place(world_from_chunk: Transform3D) -> void:
	RenderingServer.instance_set_transform(_instance, world_from_chunk * _placed)


func set_shown(shown: bool) -> void:
	RenderingServer.instance_set_visible(_instance, shown)


func set_layers(layers: int) -> void:
	RenderingServer.instance_set_layer_mask(_instance, layers)


func set_scenario(scenario: RID) -> void:
	RenderingServer.instance_set_scenario(_instance, scenario)


func set_look(size_scale: float, min_confidence: float) -> void:
	RenderingServer.material_set_param(_material, "size_scale", size_scale)
	RenderingServer.material_set_param(_material, "min_confidence", min_confidence)


## Takes it off the graphics card.
func release() -> void:
	for rid: RID in [_instance, _material, _texture]:
		if rid.is_valid():
			RenderingServer.free_rid(rid)
	_instance = RID()
	_material = RID()
	_texture = RID()
