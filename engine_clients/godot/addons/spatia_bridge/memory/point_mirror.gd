class_name SpatiaPointMirror
extends RefCounted
## What this client holds of memory: chunks assembled from parts, checked by hash, and the revision they add up to.
##
## A chunk's key is Vector4i(level, x, y, z). Pure bookkeeping: no scene, no socket.

## What there is to see of a chunk changed; ask `shown_bytes`. Empty bytes: it is gone.
signal chunk_changed(key: Vector4i)
## Everything is gone.
signal cleared
## Where chunk space lies in the client's changed.
signal space_changed

const POINT_BYTES: int = 8
const MAX_PART_BYTES: int = 64 << 10

## A chunk of which parts are still to come.
class Begun:
	var packed_hash: PackedByteArray
	var total_points: int
	var data: PackedByteArray

## From chunk space to the client's, and the size of a voxel of level 0 in metres (0: the scene is empty).
var client_from_chunk: Transform3D = Transform3D.IDENTITY
var voxel_size_m: float = 0.0
## The revision of the last `synced`, -1 before the first, and its digest.
var synced_revision: int = -1
var synced_digest: PackedByteArray = PackedByteArray()
## Nothing came since `synced`: the chunks are exactly that revision.
var clean: bool = false

var _chunks: Dictionary[Vector4i, PackedByteArray] = {}
var _hashes: Dictionary[Vector4i, PackedByteArray] = {}
var _begun: Dictionary[Vector4i, Begun] = {}
var _before: Dictionary[Vector4i, PackedByteArray] = {} ## what `synced` had where something changed since; empty = nothing
var _digest: PackedInt64Array = PackedInt64Array([0, 0, 0, 0])
var _points: int = 0


## Keys of all chunks of which there is something to see.
func keys() -> Array[Vector4i]:
	var found: Array[Vector4i] = []
	found.append_array(_chunks.keys())
	found.append_array(_begun.keys())
	return found


## The packed bytes of a chunk, of one under way what has come.
func shown_bytes(key: Vector4i) -> PackedByteArray:
	if _begun.has(key):
		return _begun[key].data
	return _chunks.get(key, PackedByteArray())


## Points in the chunk when it is complete.
func total_points(key: Vector4i) -> int:
	if _begun.has(key):
		return _begun[key].total_points
	return _chunks.get(key, PackedByteArray()).size() / POINT_BYTES


## Points in all complete chunks.
func points() -> int:
	return _points


## Complete chunks.
func chunks() -> int:
	return _chunks.size()


## The XOR over the complete chunks that a revision's digest is, 32 bytes.
func digest() -> PackedByteArray:
	return _digest.to_byte_array()


## What to say in the next hello; empty if nothing was ever complete. Goes back to the last synced revision.
func resume() -> Dictionary:
	if synced_revision < 0:
		return {}
	for key: Vector4i in _begun.keys():
		_begun.erase(key)
		chunk_changed.emit(key)
	for key: Vector4i in _before.keys():
		_put(key, _before[key])
		chunk_changed.emit(key)
	_before.clear()
	clean = true
	var said := {"digest": synced_digest}
	if synced_revision > 0:
		said["revision"] = synced_revision
	return said


## Holds nothing from here on.
func forget() -> void:
	_chunks.clear()
	_hashes.clear()
	_begun.clear()
	_before.clear()
	_digest = PackedInt64Array([0, 0, 0, 0])
	_points = 0
	synced_revision = -1
	synced_digest = PackedByteArray()
	clean = false
	cleared.emit()


## Takes a `space`.
func apply_space(space: Dictionary) -> void:
	client_from_chunk = SpatiaWire.to_affine(space.get("client_from_chunk", []))
	voxel_size_m = space.get("voxel_size_m", 0.0)
	space_changed.emit()


## Takes a `chunk_part`; what is wrong with it, or "".
func apply_part(part: Dictionary) -> String:
	var key := _key(part.get("index", {}))
	var total: int = part.get("total_points", 0)
	var first: int = part.get("first", 0)
	var size: int = part.get("raw_size", 0)
	if size != int(part.get("count", 0)) * POINT_BYTES or size > MAX_PART_BYTES:
		return "a chunk part of %d points has %d bytes" % [part.get("count", 0), size]
	var raw := _decompress(part.get("compression", ""), part.get("data", PackedByteArray()), size)
	if raw.size() != size:
		return "a chunk part has %d bytes, %d were announced" % [raw.size(), size]
	var packed_hash: PackedByteArray = part.get("packed_hash", PackedByteArray())
	clean = false
	if first == 0:
		_put(key, PackedByteArray())
		var begun := Begun.new()
		begun.packed_hash = packed_hash
		begun.total_points = total
		_begun[key] = begun
	var under_way: Begun = _begun.get(key)
	if (
		under_way == null
		or under_way.packed_hash != packed_hash
		or under_way.total_points != total
		or under_way.data.size() != first * POINT_BYTES
	):
		return "a part of chunk %s from point %d on continues nothing" % [key, first]
	under_way.data.append_array(raw)
	if under_way.data.size() >= total * POINT_BYTES:
		_begun.erase(key)
		if _sha256(under_way.data) != packed_hash:
			return "chunk %s is not what its hash says" % key
		_put(key, under_way.data, packed_hash)
	chunk_changed.emit(key)
	return ""


## Takes a `chunks_removed`.
func apply_removed(removed: Dictionary) -> void:
	clean = false
	for index: Dictionary in removed.get("indexes", []):
		var key := _key(index)
		_begun.erase(key)
		_put(key, PackedByteArray())
		chunk_changed.emit(key)


## Takes a `synced`; what is wrong with it, or "".
func apply_synced(synced: Dictionary) -> String:
	var stated: PackedByteArray = synced.get("digest", PackedByteArray())
	if not _begun.is_empty() or stated != digest():
		return "revision %d has another digest here" % synced.get("revision", 0)
	synced_revision = synced.get("revision", 0)
	synced_digest = stated
	clean = true
	_before.clear()
	return ""


func _put(key: Vector4i, data: PackedByteArray, packed_hash: PackedByteArray = PackedByteArray()) -> void:
	var old: PackedByteArray = _chunks.get(key, PackedByteArray())
	if not _before.has(key):
		_before[key] = old
	if not old.is_empty():
		_fold(key, _hashes[key])
		_points -= old.size() / POINT_BYTES
		_chunks.erase(key)
		_hashes.erase(key)
	if not data.is_empty():
		var hashed := packed_hash if not packed_hash.is_empty() else _sha256(data)
		_fold(key, hashed)
		_points += data.size() / POINT_BYTES
		_chunks[key] = data
		_hashes[key] = hashed


## XORs a chunk in or out of the digest.
func _fold(key: Vector4i, packed_hash: PackedByteArray) -> void:
	var index := PackedInt32Array([key.x, key.y, key.z, key.w]).to_byte_array()
	index.append_array(packed_hash)
	var own := _sha256(index).to_int64_array()
	for i in 4:
		_digest[i] ^= own[i]


static func _key(index: Dictionary) -> Vector4i:
	return Vector4i(index.get("level", 0), index.get("x", 0), index.get("y", 0), index.get("z", 0))


static func _sha256(data: PackedByteArray) -> PackedByteArray:
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA256)
	if not data.is_empty():
		hashing.update(data)
	return hashing.finish()


static func _decompress(compression: String, data: PackedByteArray, size: int) -> PackedByteArray:
	match compression:
		"COMPRESSION_ZSTD":
			return data.decompress(size, FileAccess.COMPRESSION_ZSTD)
		"COMPRESSION_GZIP":
			return data.decompress(size, FileAccess.COMPRESSION_GZIP)
	return data
