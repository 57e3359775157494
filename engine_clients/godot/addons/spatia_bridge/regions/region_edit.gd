@tool
extends RefCounted
## One edit of memory as a step of the editor's undo. The server's own undo takes back the newest change, whoever made it, so this
## one only undoes what is still the newest.

## For whoever shows notes to the designer.
signal said(text: String)

var _bridge: SpatiaBridge
var _edit: Dictionary
var _name: String
var _made_revision: int = -1


static func create(bridge: SpatiaBridge, edit: Dictionary, name: String) -> RefCounted:
	var made := new()
	made._bridge = bridge
	made._edit = edit
	made._name = name
	return made


## Does it as a step of `undo_redo`, in the history of the scene that `context` is in.
func commit(undo_redo: Object, context: Object) -> void:
	undo_redo.create_action(_name, UndoRedo.MERGE_DISABLE, context)
	undo_redo.add_do_reference(self)
	undo_redo.add_do_method(self, &"apply")
	undo_redo.add_undo_method(self, &"revert")
	undo_redo.commit_action()


## Sends the edit.
func apply() -> void:
	if not is_instance_valid(_bridge):
		said.emit("%s: the bridge is gone" % _name)
		return
	var result: Dictionary = await _bridge.request({"edit": _edit}).finished
	_made_revision = result.get("revision", -1)
	said.emit("%s: revision %d" % [_name, _made_revision] if result["ok"] else "%s: %s; %s" % [_name, result["message"], result["remedy"]])


## Takes it back if nothing came after it.
func revert() -> void:
	if not is_instance_valid(_bridge) or _made_revision < 0:
		said.emit("%s was not done" % _name)
	elif int(_bridge.revision.get("number", 0)) != _made_revision:
		said.emit("memory has changed since; the dock's Undo takes back the newest change")
	else:
		var result: Dictionary = await _bridge.undo().finished
		said.emit("%s: taken back" % _name if result["ok"] else "%s; %s" % [result["message"], result["remedy"]])
	_made_revision = -1
