"""Sessions on disk: a folder each, with a SQLite journal and frame files. What was acknowledged outlives crash and power loss."""

from spatia_bridge.store.clips import ClipKind, ClipState, TakeInfo
from spatia_bridge.store.library import SessionInfo, SessionLibrary
from spatia_bridge.store.session_store import Garbage, SessionStore

__all__ = ["ClipKind", "ClipState", "Garbage", "SessionInfo", "SessionLibrary", "SessionStore", "TakeInfo"]
