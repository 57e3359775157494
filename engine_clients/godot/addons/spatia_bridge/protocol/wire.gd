class_name SpatiaWire
extends RefCounted
## Godot's values as parts of messages and back. No axes are changed here: the server speaks Godot's.


static func vector(value: Vector3) -> Dictionary:
	return {"x": value.x, "y": value.y, "z": value.z}


static func to_vector(map: Dictionary) -> Vector3:
	return Vector3(map.get("x", 0.0), map.get("y", 0.0), map.get("z", 0.0))


static func quaternion(value: Quaternion) -> Dictionary:
	return {"x": value.x, "y": value.y, "z": value.z, "w": value.w}


static func to_quaternion(map: Dictionary) -> Quaternion:
	var found := Quaternion(map.get("x", 0.0), map.get("y", 0.0), map.get("z", 0.0), map.get("w", 0.0))
	return found.normalized() if found.length_squared() > 0.0 else Quaternion.IDENTITY


## Place and turn; scale is left out.
static func pose(value: Transform3D) -> Dictionary:
	return {"position": vector(value.origin), "rotation": quaternion(value.basis.orthonormalized().get_rotation_quaternion())}


static func to_pose(map: Dictionary) -> Transform3D:
	return Transform3D(Basis(to_quaternion(map.get("rotation", {}))), to_vector(map.get("position", {})))


## A box's region: `placed` is its centre, turn and scale relative to the memory, `size` its full extent before that scale.
static func box(placed: Transform3D, size: Vector3) -> Dictionary:
	var half := size * 0.5 * placed.basis.get_scale().abs()
	return {"box": {"pose": pose(placed), "half_size": vector(half)}}


## A sphere's region; an uneven scale counts as its largest part.
static func sphere(placed: Transform3D, radius: float) -> Dictionary:
	var scale := placed.basis.get_scale().abs()
	return {"sphere": {"centre": vector(placed.origin), "radius": radius * maxf(scale.x, maxf(scale.y, scale.z))}}


## The picture in an image message; null if it is none that can be shown.
static func to_image(map: Dictionary) -> Image:
	var data: PackedByteArray = map.get("data", PackedByteArray())
	var width: int = map.get("width", 0)
	var height: int = map.get("height", 0)
	var image := Image.new()
	var ok := false
	match map.get("format", ""):
		"IMAGE_FORMAT_JPEG":
			ok = image.load_jpg_from_buffer(data) == OK
		"IMAGE_FORMAT_PNG":
			ok = image.load_png_from_buffer(data) == OK
		"IMAGE_FORMAT_RAW":
			if width > 0 and height > 0 and data.size() == width * height * 3:
				image = Image.create_from_data(width, height, false, Image.FORMAT_RGB8, data)
				ok = true
		"IMAGE_FORMAT_RAW_RGBA8":
			if width > 0 and height > 0 and data.size() == width * height * 4:
				image = Image.create_from_data(width, height, false, Image.FORMAT_RGBA8, data)
				ok = true
	return image if ok else null


## An image message of raw bytes.
static func raw(format: String, width: int, height: int, data: PackedByteArray) -> Dictionary:
	return {"format": format, "width": width, "height": height, "data": data}


## Twelve numbers, a row-major 3×4 affine.
static func to_affine(numbers: Array) -> Transform3D:
	if numbers.size() != 12:
		return Transform3D.IDENTITY
	var n: Array = numbers
	return Transform3D(Vector3(n[0], n[4], n[8]), Vector3(n[1], n[5], n[9]), Vector3(n[2], n[6], n[10]), Vector3(n[3], n[7], n[11]))
