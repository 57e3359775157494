@tool
extends EditorPlugin
## The editor's part of the add-on.
