@tool
extends RefCounted
## What the dock remembers from one run of the editor to the next: in the project's `.godot` folder, which is not
## committed, since there may be a token among it.

const SECTION: String = "spatia_bridge"
const DEFAULTS: Dictionary = {
	"url": "ws://127.0.0.1:50052",
	"session": "my-level",
	"token": "",
	"prompt": "",
	"clips": 1,
	"width": 320,
	"height": 180,
	"auto_accept": false,
	"stream_camera": true,
}


static func read(key: String) -> Variant:
	return EditorInterface.get_editor_settings().get_project_metadata(SECTION, key, DEFAULTS[key])


static func write(key: String, value: Variant) -> void:
	EditorInterface.get_editor_settings().set_project_metadata(SECTION, key, value)
