@icon("res://addons/spatia_bridge/icons/camera.svg")
class_name SpatiaCapture
extends RefCounted
## What a camera of your level sees, as a seed: colour as the player sees it, and the true depth of every pixel.
##
## Colour and depth are rendered twice from one place in viewports of their own: depth by a shader that reads the depth buffer and
## writes metres as bytes, under an environment without tone mapping, so that what the level looks like does not disturb it.
## Memory's own points are left out. Glass and other transparent things have colour but no depth, as in every depth buffer.

const MARK_LAYER: int = 1 << 18 ## layer 19: with it off and memory's off, a capturing camera is told from the level's own
const MEMORY_LAYER: int = 1 << 19
const LEVEL_LAYERS: int = (1 << 20) - 1 ## those beyond are the editor's own: grid and gizmos
const NOTHING: float = 3.4e38 ## depths from here on: no surface, backdrop


## Views of the protocol, for [method SpatiaBridge.seed_views]; one for each placement (world space) of the camera. Without a
## rendering driver (`--headless`) there is nothing to see, and the result is empty.
static func views(bridge: SpatiaBridge, camera: Camera3D, placements: Array[Transform3D], size: Vector2i) -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for placement in placements:
		var seen: Dictionary = await look(camera, placement, size)
		if seen.is_empty():
			return []
		found.append(view_message(seen, bridge.memory.global_transform if bridge.memory != null else Transform3D.IDENTITY))
	return found


## One view from where the camera is.
static func view(bridge: SpatiaBridge, camera: Camera3D, size: Vector2i) -> Array[Dictionary]:
	return await views(bridge, camera, [camera.get_camera_transform()] as Array[Transform3D], size)


## Placements for a sweep of a room: all round from each of some places, `steps` looks each.
static func sweep(places: Array[Vector3], steps: int = 6) -> Array[Transform3D]:
	var found: Array[Transform3D] = []
	for place in places:
		for i in steps:
			found.append(Transform3D(Basis(Vector3.UP, TAU * i / steps), place))
	return found


## `{colour: Image (RGBA8), depth: PackedFloat32Array (units along the axis, beyond NOTHING = no surface), intrinsics, placement}`.
static func look(camera: Camera3D, placement: Transform3D, size: Vector2i) -> Dictionary:
	if DisplayServer.get_name() == "headless" or not camera.is_inside_tree():
		return {}
	var world := camera.get_viewport().find_world_3d()
	var mask := camera.cull_mask & LEVEL_LAYERS & ~MEMORY_LAYER & ~MARK_LAYER
	var colour := _viewport(camera, placement, size, world, mask)
	var depth := _depth_viewport(camera, placement, size, world, mask, false)
	var ramp := _depth_viewport(camera, placement, Vector2i(256, 1), world, mask, true)
	var viewports: Array[SubViewport] = [colour, depth, ramp]
	for viewport in viewports:
		camera.get_tree().root.add_child(viewport)
	await RenderingServer.frame_post_draw
	var images: Array[Image] = []
	for viewport in viewports:
		images.append(viewport.get_texture().get_image())
		viewport.queue_free()
		if images[-1] == null:
			return {}
		images[-1].convert(Image.FORMAT_RGBA8)
	if not _is_ramp(images[2].get_data()):
		push_error("SpatiaCapture: this renderer changes what a shader writes; depth cannot be read")
		return {}
	var colour_image := images[0]
	var depth_image := images[1]
	return {
		"colour": colour_image,
		"depth": _decode(depth_image.get_data()),
		"intrinsics": SpatiaIntrinsics.of(camera, size),
		"placement": placement,
	}


## A view of the protocol, relative to where memory is.
static func view_message(seen: Dictionary, memory: Transform3D) -> Dictionary:
	var intrinsics: Dictionary = seen["intrinsics"]
	var width: int = intrinsics["width"]
	var height: int = intrinsics["height"]
	var placed: Transform3D = (memory.affine_inverse() * (seen["placement"] as Transform3D)).orthonormalized()
	var colour: Image = seen["colour"]
	var depth: PackedFloat32Array = seen["depth"]
	return {
		"camera": SpatiaCameraRig.camera_message(placed, intrinsics, Time.get_ticks_msec() / 1000.0),
		"colour": {"format": "IMAGE_FORMAT_PNG", "width": width, "height": height, "data": colour.save_png_to_buffer()},
		"depth": SpatiaWire.raw("IMAGE_FORMAT_RAW", width, height, depth.to_byte_array()),
		"depth_convention": "DEPTH_CONVENTION_PLANAR",
		"metres_per_unit": 1.0 / memory.basis.get_scale().x,
	}


static func _depth_viewport(
	camera: Camera3D, placement: Transform3D, size: Vector2i, world: World3D, mask: int, ramp: bool
) -> SubViewport:
	var viewport := _viewport(camera, placement, size, world, mask | MARK_LAYER)
	if ramp:
		viewport.world_3d = World3D.new() # neither reader may see the other
	var twin: Camera3D = viewport.get_child(0)
	twin.environment = _plain_environment()
	twin.attributes = null
	twin.add_child(_reader(twin, ramp))
	return viewport


static func _viewport(camera: Camera3D, placement: Transform3D, size: Vector2i, world: World3D, mask: int) -> SubViewport:
	var viewport := SubViewport.new()
	viewport.size = size
	viewport.world_3d = world
	viewport.render_target_update_mode = SubViewport.UPDATE_ALWAYS
	viewport.msaa_3d = Viewport.MSAA_DISABLED
	viewport.screen_space_aa = Viewport.SCREEN_SPACE_AA_DISABLED
	viewport.use_taa = false
	viewport.use_debanding = false
	viewport.scaling_3d_scale = 1.0
	var twin := Camera3D.new()
	twin.projection = camera.projection
	twin.keep_aspect = camera.keep_aspect
	twin.fov = camera.fov
	twin.size = camera.size
	twin.frustum_offset = camera.frustum_offset
	twin.near = camera.near
	twin.far = camera.far
	twin.environment = camera.environment
	twin.attributes = camera.attributes
	twin.cull_mask = mask
	twin.transform = placement
	twin.current = true
	viewport.add_child(twin)
	return viewport


## No tone mapping, no effect, nothing that would change a byte.
static func _plain_environment() -> Environment:
	var plain := Environment.new()
	plain.background_mode = Environment.BG_COLOR
	plain.background_color = Color.BLACK
	plain.tonemap_mode = Environment.TONE_MAPPER_LINEAR
	plain.tonemap_exposure = 1.0
	plain.tonemap_white = 1.0
	return plain


static func _reader(camera: Camera3D, ramp: bool) -> MeshInstance3D:
	var material := ShaderMaterial.new()
	material.shader = load("res://addons/spatia_bridge/capture/linear_depth.gdshader")
	material.set_shader_parameter("only_layers", camera.cull_mask)
	material.set_shader_parameter("ramp", ramp)
	material.render_priority = Material.RENDER_PRIORITY_MAX
	var arrays := []
	arrays.resize(Mesh.ARRAY_MAX)
	arrays[Mesh.ARRAY_VERTEX] = PackedVector3Array([Vector3(-1, -1, 0), Vector3(3, -1, 0), Vector3(-1, 3, 0)])
	var triangle := ArrayMesh.new()
	triangle.add_surface_from_arrays(Mesh.PRIMITIVE_TRIANGLES, arrays)
	var reader := MeshInstance3D.new()
	reader.mesh = triangle
	reader.material_override = material
	reader.layers = MARK_LAYER
	reader.cast_shadow = GeometryInstance3D.SHADOW_CASTING_SETTING_OFF
	reader.custom_aabb = AABB(Vector3.ONE * -1e5, Vector3.ONE * 2e5)
	return reader


## Did every byte from 0 to 255 arrive as itself?
static func _is_ramp(bytes: PackedByteArray) -> bool:
	for i in 256:
		if bytes[4 * i] != i or bytes[4 * i + 1] != i or bytes[4 * i + 2] != i:
			return false
	return true


## The floats in the picture without a loop: r, g, b of a pixel are a float's upper bytes, and the alpha before it, always 255,
## is its lowest one.
static func _decode(bytes: PackedByteArray) -> PackedFloat32Array:
	var shifted := PackedByteArray([255])
	shifted.append_array(bytes)
	shifted.resize(bytes.size())
	return shifted.to_float32_array()
