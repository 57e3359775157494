extends Camera3D
## Flies: W A S D, Q and E for down and up, the right mouse button to look round.

@export var metres_per_sec: float = 2.5

var _turn: Vector2


func _unhandled_input(event: InputEvent) -> void:
	var motion := event as InputEventMouseMotion
	if motion != null and motion.button_mask & MOUSE_BUTTON_MASK_RIGHT:
		_turn.x -= motion.relative.x * 0.004
		_turn.y = clampf(_turn.y - motion.relative.y * 0.004, -1.5, 1.5)
		basis = Basis.from_euler(Vector3(_turn.y, _turn.x, 0.0))


func _process(delta: float) -> void:
	var way := Vector3(
		float(Input.is_physical_key_pressed(KEY_D)) - float(Input.is_physical_key_pressed(KEY_A)),
		float(Input.is_physical_key_pressed(KEY_E)) - float(Input.is_physical_key_pressed(KEY_Q)),
		float(Input.is_physical_key_pressed(KEY_S)) - float(Input.is_physical_key_pressed(KEY_W)),
	)
	if way != Vector3.ZERO:
		translate_object_local(way.normalized() * metres_per_sec * delta)
