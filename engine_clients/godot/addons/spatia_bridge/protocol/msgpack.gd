class_name SpatiaMsgpack
extends RefCounted
## Variants to msgpack bytes and back.
##
## Knows what the bridge's messages are made of: nil, bool, int, float, String, PackedByteArray (bin), Array and Dictionary.
## Packed arrays of numbers are written as arrays. Floats are written as 64 bit. Timestamps and extension types are not
## part of the protocol and are refused.

const MAX_DEPTH: int = 32

var _bytes: PackedByteArray
var _at: int = 0
var _error: String = ""


## The bytes of a value; empty if it holds something that cannot be written (which is also reported).
static func encode(value: Variant) -> PackedByteArray:
	var out := StreamPeerBuffer.new()
	out.big_endian = true
	if not _write(out, value, 0):
		push_error("SpatiaMsgpack: %s cannot be written" % type_string(typeof(value)))
		return PackedByteArray()
	return out.data_array


## The value of some bytes: `{"ok": true, "value": …}`, or `{"ok": false, "error": …}`. Never fails loudly: bytes come
## from outside.
static func decode(bytes: PackedByteArray) -> Dictionary:
	var reader := SpatiaMsgpack.new()
	reader._bytes = bytes
	var value: Variant = reader._read(0)
	if reader._error.is_empty() and reader._at != bytes.size():
		reader._error = "%d bytes are left over" % (bytes.size() - reader._at)
	if not reader._error.is_empty():
		return {"ok": false, "error": reader._error}
	return {"ok": true, "value": value}


static func _write(out: StreamPeerBuffer, value: Variant, depth: int) -> bool:
	if depth > MAX_DEPTH:
		return false
	match typeof(value):
		TYPE_NIL:
			out.put_u8(0xC0)
		TYPE_BOOL:
			out.put_u8(0xC3 if value else 0xC2)
		TYPE_INT:
			_write_int(out, value)
		TYPE_FLOAT:
			out.put_u8(0xCB)
			out.put_double(value)
		TYPE_STRING, TYPE_STRING_NAME:
			var text := str(value).to_utf8_buffer()
			_write_head(out, text.size(), 0xA0, 32, 0xD9)
			out.put_data(text)
		TYPE_PACKED_BYTE_ARRAY:
			var data: PackedByteArray = value
			_write_head(out, data.size(), 0, 0, 0xC4)
			out.put_data(data)
		TYPE_ARRAY, TYPE_PACKED_FLOAT64_ARRAY, TYPE_PACKED_FLOAT32_ARRAY, TYPE_PACKED_INT64_ARRAY, TYPE_PACKED_INT32_ARRAY, TYPE_PACKED_STRING_ARRAY:
			_write_head(out, len(value), 0x90, 16, 0xDB)
			for item: Variant in value:
				if not _write(out, item, depth + 1):
					return false
		TYPE_DICTIONARY:
			var map: Dictionary = value
			_write_head(out, map.size(), 0x80, 16, 0xDD)
			for key: Variant in map:
				if not _write(out, key, depth + 1) or not _write(out, map[key], depth + 1):
					return false
		_:
			return false
	return true


## A length: in the first byte if it is below `short`, else by 8 (strings and bin only), 16 or 32 bits; `wide` is the code
## of the 8 bit form, the next two are the 16 and 32 bit ones (arrays and maps have no 8 bit form).
static func _write_head(out: StreamPeerBuffer, size: int, fixed: int, short: int, wide: int) -> void:
	if size < short:
		out.put_u8(fixed | size)
	elif size < 0x100 and wide in [0xC4, 0xD9]:
		out.put_u8(wide)
		out.put_u8(size)
	elif size < 0x10000:
		out.put_u8(wide + 1)
		out.put_u16(size)
	else:
		out.put_u8(wide + 2)
		out.put_u32(size)


static func _write_int(out: StreamPeerBuffer, value: int) -> void:
	if value >= 0:
		if value < 0x80:
			out.put_u8(value)
		elif value < 0x100:
			out.put_u8(0xCC)
			out.put_u8(value)
		elif value < 0x10000:
			out.put_u8(0xCD)
			out.put_u16(value)
		elif value < 0x100000000:
			out.put_u8(0xCE)
			out.put_u32(value)
		else:
			out.put_u8(0xCF)
			out.put_u64(value)
	elif value >= -32:
		out.put_u8(value & 0xFF)
	elif value >= -0x80:
		out.put_u8(0xD0)
		out.put_8(value)
	elif value >= -0x8000:
		out.put_u8(0xD1)
		out.put_16(value)
	elif value >= -0x80000000:
		out.put_u8(0xD2)
		out.put_32(value)
	else:
		out.put_u8(0xD3)
		out.put_64(value)


func _fail(what: String) -> Variant:
	if _error.is_empty():
		_error = "%s at byte %d" % [what, _at]
	return null


## An unsigned big-endian number of `width` bytes; those of 8 bytes beyond 2^63 - 1 come out negative.
func _number(width: int) -> int:
	if _at + width > _bytes.size():
		_fail("the end comes too early")
		return 0
	var value: int = 0
	for i in width:
		value = (value << 8) | _bytes[_at + i]
	_at += width
	return value


func _signed(width: int) -> int:
	var value := _number(width)
	var sign_bit: int = 1 << (width * 8 - 1)
	return value if width == 8 or value < sign_bit else value - (sign_bit << 1)


func _slice(size: int) -> PackedByteArray:
	if size > _bytes.size() - _at:
		_fail("%d bytes are announced, fewer are there" % size)
		return PackedByteArray()
	_at += size
	return _bytes.slice(_at - size, _at)


func _read(depth: int) -> Variant:
	if depth > MAX_DEPTH:
		return _fail("too deep")
	var code := _number(1)
	if not _error.is_empty():
		return null
	if code < 0x80:
		return code
	if code < 0x90:
		return _read_map(code & 0x0F, depth)
	if code < 0xA0:
		return _read_array(code & 0x0F, depth)
	if code < 0xC0:
		return _slice(code & 0x1F).get_string_from_utf8()
	if code >= 0xE0:
		return code - 0x100
	match code:
		0xC0:
			return null
		0xC2:
			return false
		0xC3:
			return true
		0xC4, 0xC5, 0xC6:
			return _slice(_number(1 << (code - 0xC4)))
		0xCA:
			var single := _slice(4)
			single.reverse()
			return single.decode_float(0) if single.size() == 4 else 0.0
		0xCB:
			var double := _slice(8)
			double.reverse()
			return double.decode_double(0) if double.size() == 8 else 0.0
		0xCC, 0xCD, 0xCE, 0xCF:
			return _number(1 << (code - 0xCC))
		0xD0, 0xD1, 0xD2, 0xD3:
			return _signed(1 << (code - 0xD0))
		0xD9, 0xDA, 0xDB:
			return _slice(_number(1 << (code - 0xD9))).get_string_from_utf8()
		0xDC, 0xDD:
			return _read_array(_number(2 << (code - 0xDC)), depth)
		0xDE, 0xDF:
			return _read_map(_number(2 << (code - 0xDE)), depth)
	return _fail("0x%02X is no type of this protocol" % code)


func _read_array(size: int, depth: int) -> Variant:
	if size > _bytes.size() - _at:
		return _fail("an array of %d is longer than the message" % size)
	var found: Array = []
	for i in size:
		found.append(_read(depth + 1))
		if not _error.is_empty():
			return null
	return found


func _read_map(size: int, depth: int) -> Variant:
	if size > _bytes.size() - _at:
		return _fail("a map of %d is longer than the message" % size)
	var found: Dictionary = {}
	for i in size:
		var key: Variant = _read(depth + 1)
		var value: Variant = _read(depth + 1)
		if not _error.is_empty():
			return null
		found[key] = value
	return found
