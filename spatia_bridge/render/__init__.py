"""Projection: a snapshot seen along cameras. A plain NumPy twin states the maths, the CPU renderer is the fast path."""
