"""Chunks and frames to bytes and back. Pure functions: no I/O, and whatever the bytes, only CodecError comes out."""
