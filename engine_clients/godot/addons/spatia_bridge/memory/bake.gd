class_name SpatiaBake
extends RefCounted
## Memory as a mesh resource of your level: no server and no add-on script is needed to show it.
##
## Unlike the live display this goes over all points once; some million points take some seconds.

const POINTS_A_SURFACE: int = 1_000_000


## An [ArrayMesh] of points in the memory node's own space, with a material that draws them as wide as they are.
static func to_mesh(memory: SpatiaMemory) -> ArrayMesh:
	var mesh := ArrayMesh.new()
	var mirror := memory.mirror
	if mirror == null:
		return mesh
	var positions := PackedVector3Array()
	var colours := PackedColorArray()
	var widths := PackedFloat32Array()
	var unit := mirror.client_from_chunk.basis.get_scale().x
	for key in mirror.keys():
		_append(positions, colours, widths, mirror.shown_bytes(key), key, mirror.client_from_chunk, unit)
		if positions.size() >= POINTS_A_SURFACE:
			_add_surface(mesh, positions, colours, widths)
			positions.clear()
			colours.clear()
			widths.clear()
	_add_surface(mesh, positions, colours, widths)
	return mesh


static func _append(
	positions: PackedVector3Array,
	colours: PackedColorArray,
	widths: PackedFloat32Array,
	bytes: PackedByteArray,
	key: Vector4i,
	client_from_chunk: Transform3D,
	unit: float,
) -> void:
	var step := float(1 << key.x)
	var corner := Vector3(key.y, key.z, key.w) * 256.0 + Vector3.ONE * 0.5
	var count := bytes.size() / SpatiaPointMirror.POINT_BYTES
	var from := positions.size()
	positions.resize(from + count)
	colours.resize(from + count)
	widths.resize(from + count)
	for i in count:
		var at := i * SpatiaPointMirror.POINT_BYTES
		positions[from + i] = client_from_chunk * ((corner + Vector3(bytes[at], bytes[at + 1], bytes[at + 2])) * step)
		colours[from + i] = Color8(bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7])
		widths[from + i] = 4.0 * pow(2.0, (bytes[at + 3] - 128.0) / 32.0) * step * unit


static func _add_surface(
	mesh: ArrayMesh, positions: PackedVector3Array, colours: PackedColorArray, widths: PackedFloat32Array
) -> void:
	if positions.is_empty():
		return
	var arrays := []
	arrays.resize(Mesh.ARRAY_MAX)
	arrays[Mesh.ARRAY_VERTEX] = positions
	arrays[Mesh.ARRAY_COLOR] = colours
	arrays[Mesh.ARRAY_TEX_UV] = _pairs(widths)
	mesh.add_surface_from_arrays(Mesh.PRIMITIVE_POINTS, arrays)
	var material := ShaderMaterial.new()
	material.shader = load("res://addons/spatia_bridge/memory/baked.gdshader")
	mesh.surface_set_material(mesh.get_surface_count() - 1, material)


static func _pairs(widths: PackedFloat32Array) -> PackedVector2Array:
	var pairs := PackedVector2Array()
	pairs.resize(widths.size())
	for i in widths.size():
		pairs[i] = Vector2(widths[i], 0.0)
	return pairs
