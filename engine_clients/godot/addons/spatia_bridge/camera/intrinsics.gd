class_name SpatiaIntrinsics
extends RefCounted
## A camera's focal lengths and optical centre in pixels, from what the engine really projects with.


## `{fx, fy, cx, cy, width, height}` of a camera that fills an image of this size; empty if it has no perspective.
## Shifted frustums and either way of keeping the aspect are right by construction: the projection matrix is read.
static func of(camera: Camera3D, size: Vector2i) -> Dictionary:
	var projection := projection_of(camera, size)
	if projection == Projection() or projection.z.w == 0.0:
		return {}
	return {
		"fx": projection.x.x * size.x * 0.5,
		"fy": projection.y.y * size.y * 0.5,
		"cx": size.x * 0.5 * (1.0 - projection.z.x),
		"cy": size.y * 0.5 * (1.0 + projection.z.y),
		"width": size.x,
		"height": size.y,
	}


## The matrix with which the camera would fill an image of this size.
static func projection_of(camera: Camera3D, size: Vector2i) -> Projection:
	var aspect := float(size.x) / float(size.y)
	var flip := camera.keep_aspect == Camera3D.KEEP_WIDTH
	match camera.projection:
		Camera3D.PROJECTION_PERSPECTIVE:
			return Projection.create_perspective(camera.fov, aspect, camera.near, camera.far, flip)
		Camera3D.PROJECTION_FRUSTUM:
			return Projection.create_frustum_aspect(camera.size, aspect, camera.frustum_offset, camera.near, camera.far, flip)
	return Projection()
