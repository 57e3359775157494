@tool
@icon("res://addons/spatia_bridge/icons/region.svg")
class_name SpatiaRegion
extends Node3D
## A box or a ball in your level, to edit the memory inside: place it, size it by its handles in the editor, then remove, lock,
## recolour, move. May be anywhere in the scene; where memory is shown counts, not whose child it is.

enum Shape { BOX, SPHERE }

@export var shape: Shape = Shape.BOX:
	set(value):
		shape = value
		update_gizmos()
## Of the box, before the node's own scale.
@export var size: Vector3 = Vector3.ONE:
	set(value):
		size = value.abs().max(Vector3.ONE * 0.001)
		update_gizmos()
## Of the ball, before the node's own scale.
@export_range(0.001, 100.0, 0.001, "or_greater") var radius: float = 0.5:
	set(value):
		radius = maxf(value, 0.001)
		update_gizmos()


## The region of the protocol, relative to where `memory` is shown.
func message(memory: SpatiaMemory) -> Dictionary:
	var placed := memory.memory_from(global_transform)
	return SpatiaWire.box(placed, size) if shape == Shape.BOX else SpatiaWire.sphere(placed, radius)


## What carries the points inside from here to where `target` is (a copy of this region, moved and turned), relative to memory.
func motion_to(target: Transform3D, memory: SpatiaMemory) -> Transform3D:
	var here := memory.memory_from(global_transform).orthonormalized()
	return memory.memory_from(target).orthonormalized() * here.affine_inverse()
