class_name SpatiaFragments
extends RefCounted
## Messages above the transport's limit travel in pieces: `{"fragment": {"id", "part", "parts", "data"}}`, in order.

const MAX_MESSAGE_BYTES: int = 48 << 10
const PIECE_BYTES: int = 47 << 10 ## leaves room for the fragment's own fields
const MAX_JOINED_BYTES: int = 256 << 20

var _next_id: int = 1
var _id: int = -1
var _parts: int = 0
var _pieces: Array[PackedByteArray] = []
var _size: int = 0


## The packets to send for one message's bytes: the bytes themselves if they fit, else fragments.
func split(bytes: PackedByteArray) -> Array[PackedByteArray]:
	if bytes.size() <= MAX_MESSAGE_BYTES:
		return [bytes]
	var id := _next_id
	_next_id += 1
	var parts := ceili(float(bytes.size()) / PIECE_BYTES)
	var packets: Array[PackedByteArray] = []
	for part in parts:
		var fragment := {"id": id, "parts": parts, "data": bytes.slice(part * PIECE_BYTES, (part + 1) * PIECE_BYTES)}
		if part > 0: # default scalars are left out
			fragment["part"] = part
		packets.append(SpatiaMsgpack.encode({"fragment": fragment}))
	return packets


## Takes a fragment. `{"done": true, "bytes": …}` when its message is complete, `{"done": false}` before,
## `{"error": …}` if it continues nothing.
func join(fragment: Dictionary) -> Dictionary:
	var id: int = fragment.get("id", 0)
	var part: int = fragment.get("part", 0)
	var parts: int = fragment.get("parts", 0)
	var data: PackedByteArray = fragment.get("data", PackedByteArray())
	if part == 0:
		_id = id
		_parts = parts
		_pieces.clear()
		_size = 0
	if id != _id or parts != _parts or part != _pieces.size() or part >= parts:
		return {"error": "fragment %d of message %d continues nothing" % [part, id]}
	_size += data.size()
	if _size > MAX_JOINED_BYTES:
		return {"error": "a message in pieces is larger than %d bytes" % MAX_JOINED_BYTES}
	_pieces.append(data)
	if part + 1 < parts:
		return {"done": false}
	var joined := PackedByteArray()
	for piece in _pieces:
		joined.append_array(piece)
	_pieces.clear()
	_id = -1
	return {"done": true, "bytes": joined}
