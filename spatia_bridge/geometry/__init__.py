"""Frames, cameras and keys. No I/O, NumPy only."""
