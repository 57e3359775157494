class_name SpatiaBlankMeshes
extends RefCounted
## Meshes that hold nothing but a number of vertices: the shader reads the points elsewhere. Chunks of like size share one.

const SMALLEST: int = 64
const LARGEST: int = 64 * 64 * 64
const STEP: float = 1.2

var _meshes: Dictionary[int, RID] = {}
var _vertices_per_point: int = 1


func _init(vertices_per_point: int = 1) -> void:
	_vertices_per_point = vertices_per_point


## The smallest of the shared sizes that holds so many points.
static func size_for(points: int) -> int:
	if points <= SMALLEST:
		return SMALLEST
	var size := ceili(SMALLEST * pow(STEP, ceilf(log(float(points) / SMALLEST) / log(STEP) - 0.001)))
	return clampi(maxi(size, points), SMALLEST, LARGEST)


## A mesh for so many points; its box is a whole chunk in model space.
func mesh(points: int) -> RID:
	var size := size_for(points)
	if not _meshes.has(size):
		_meshes[size] = _make(size)
	return _meshes[size]


## Gives the meshes back; nothing may be drawn with them any more.
func free_all() -> void:
	for rid: RID in _meshes.values():
		RenderingServer.free_rid(rid)
	_meshes.clear()


func _make(points: int) -> RID:
	var vertices := PackedVector3Array()
	vertices.resize(points * _vertices_per_point)
	var arrays := []
	arrays.resize(Mesh.ARRAY_MAX)
	arrays[Mesh.ARRAY_VERTEX] = vertices
	var rid := RenderingServer.mesh_create()
	var primitive := RenderingServer.PRIMITIVE_POINTS if _vertices_per_point == 1 else RenderingServer.PRIMITIVE_TRIANGLES
	RenderingServer.mesh_add_surface_from_arrays(rid, primitive, arrays)
	RenderingServer.mesh_set_custom_aabb(rid, AABB(Vector3.ZERO, Vector3.ONE * 256.0))
	return rid
