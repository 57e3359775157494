class_name SpatiaReply
extends RefCounted
## The answer to one request, when it comes: `var result: Dictionary = await bridge.undo().finished`.

## `{"ok": true, "revision": …, "take": …, "job": …}`, or `{"ok": false, "code", "message", "remedy", "details"}`.
signal finished(result: Dictionary)

## The same again, for those who come late; empty before it is there.
var result: Dictionary = {}


## Used by SpatiaBridge only.
func resolve(what: Dictionary) -> void:
	if result.is_empty():
		result = what
		finished.emit(what)


## Used by SpatiaBridge only: fails one frame later, so that there is time to wait for it.
func fail_soon(code: String, message: String, remedy: String) -> SpatiaReply:
	resolve.call_deferred({"ok": false, "code": code, "message": message, "remedy": remedy, "details": {}})
	return self
