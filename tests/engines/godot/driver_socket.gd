@tool
extends Node
## Lets a test outside drive what is in here: length-prefixed msgpack requests come over a loopback socket, one at a time; each is a
## method `do_…` of `target`.

## The line is gone: the test is over.
signal ended

var target: Object

var _peer := StreamPeerTCP.new()
var _busy: bool = false
var _over: bool = false


func open(port: int) -> void:
	_peer.big_endian = true
	_peer.connect_to_host("127.0.0.1", port)


func _process(_delta: float) -> void:
	_peer.poll()
	match _peer.get_status():
		StreamPeerTCP.STATUS_CONNECTED:
			if not _busy and _peer.get_available_bytes() >= 4:
				_busy = true
				await _serve()
				_busy = false
		StreamPeerTCP.STATUS_NONE, StreamPeerTCP.STATUS_ERROR:
			if not _over:
				_over = true
				ended.emit()


func _serve() -> void:
	var size := _peer.get_u32()
	var got: Array = _peer.get_data(size)
	var request: Dictionary = SpatiaMsgpack.decode(got[1])["value"]
	var value: Variant = await target.callv("do_" + str(request["do"]), request.get("args", []))
	var answer := SpatiaMsgpack.encode(value)
	_peer.put_u32(answer.size())
	_peer.put_data(answer)
