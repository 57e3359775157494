"""spatia-bridge: a persistent, editable 3D point memory for generative video, live in game engines.

`import spatia_bridge` is light on purpose: nothing heavier than this file is loaded until it is used.
Start at `spatia_bridge/ARCHITECTURE.md`; the main loop is `spatia_bridge/session/loop.py`.
"""

__version__ = "0.1.0"
