class_name SpatiaLink
extends RefCounted
## One WebSocket to the bridge: whole messages (Dictionaries) in and out. Knows nothing of what they mean.

## The socket is open; say hello.
signal opened
## A whole message came.
signal received(message: Dictionary)
## It is over, whoever ended it.
signal closed(reason: String)

const SUBPROTOCOL: String = "spatia.v1.msgpack"
const BUFFER_BYTES: int = 4 << 20
const SEND_AHEAD_BYTES: int = 512 << 10 ## what is handed to the socket before the rest waits here
const CONNECT_TIMEOUT_SECS: float = 10.0

var _socket: WebSocketPeer
var _fragments: SpatiaFragments
var _outbox: Array[PackedByteArray] = []
var _open: bool = false
var _began_msecs: int = 0
var _failure: String = ""


## Begins to connect; ends what was before without a word.
func open(url: String) -> Error:
	_drop()
	_socket = WebSocketPeer.new()
	_socket.supported_protocols = PackedStringArray([SUBPROTOCOL])
	_socket.inbound_buffer_size = BUFFER_BYTES
	_socket.outbound_buffer_size = BUFFER_BYTES
	_socket.max_queued_packets = 4096
	_fragments = SpatiaFragments.new()
	_began_msecs = Time.get_ticks_msec()
	_failure = ""
	var error := _socket.connect_to_url(url)
	if error != OK:
		_socket = null
	return error


## True between `opened` and `closed`.
func is_open() -> bool:
	return _open


## Queues a message; it leaves in later polls.
func send(message: Dictionary) -> void:
	if _socket != null:
		_outbox.append_array(_fragments.split(SpatiaMsgpack.encode(message)))


## Bytes that have not left this process yet.
func waiting_bytes() -> int:
	var total := 0 if _socket == null else _socket.get_current_outbound_buffered_amount()
	for packet in _outbox:
		total += packet.size()
	return total


## Moves what can move; call every frame. Reads messages for so long; what is left waits for the next frame.
func poll(budget_msecs: int = 6) -> void:
	if _socket == null:
		return
	_socket.poll()
	var state := _socket.get_ready_state()
	if state == WebSocketPeer.STATE_CONNECTING and Time.get_ticks_msec() - _began_msecs > CONNECT_TIMEOUT_SECS * 1000:
		_end("no answer in %d s" % int(CONNECT_TIMEOUT_SECS))
		return
	if state == WebSocketPeer.STATE_OPEN and not _open:
		_open = true
		opened.emit()
	_read(budget_msecs)
	if _socket == null: # a listener closed it
		return
	_write()
	if state == WebSocketPeer.STATE_CLOSED and _socket.get_available_packet_count() == 0:
		var code := _socket.get_close_code()
		var why := _socket.get_close_reason()
		_end(why if not why.is_empty() else ("nobody answers there" if not _open else "the connection broke (%d)" % code))


## Leaves: tells the server and forgets what was not sent.
func close() -> void:
	if _socket != null:
		_socket.close(1000, "")
		_socket.poll()
		_end("closed here")


func _read(budget_msecs: int) -> void:
	var until := Time.get_ticks_msec() + budget_msecs
	while _socket != null and _socket.get_available_packet_count() > 0:
		var decoded := SpatiaMsgpack.decode(_socket.get_packet())
		if decoded["ok"] and decoded["value"] is Dictionary and decoded["value"].has("fragment"):
			var joined := _fragments.join(decoded["value"]["fragment"])
			if joined.has("error"):
				decoded = {"ok": false, "error": joined["error"]}
			elif not joined["done"]:
				continue
			else:
				decoded = SpatiaMsgpack.decode(joined["bytes"])
		if not decoded["ok"] or not decoded["value"] is Dictionary:
			_end("a message could not be read: %s" % decoded.get("error", "it is no map"))
			return
		received.emit(decoded["value"])
		if Time.get_ticks_msec() > until:
			return


func _write() -> void:
	var sent := 0
	while sent < _outbox.size() and _open and _socket.get_current_outbound_buffered_amount() < SEND_AHEAD_BYTES:
		if _socket.send(_outbox[sent]) != OK:
			break
		sent += 1
	if sent > 0:
		_outbox = _outbox.slice(sent)
		_socket.poll()


func _drop() -> void:
	_socket = null
	_outbox.clear()
	_open = false


func _end(reason: String) -> void:
	_drop()
	closed.emit(reason)
