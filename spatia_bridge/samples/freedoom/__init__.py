"""Renders walks through levels of Freedoom, a free game in Doom's format: colour from its engine, exact depth by our own rays.

wad       files of lumps
level     lines, sectors and heights of a map
pose      the map's axes to the world's
raycast   exact depth of the static level
walk      a closed path, checked for collisions
tour      a path of any length, planned by the program
engine    colour, sprites and poses from `vizdoom`, which is optional
coarse    the engine's own 8-bit depth: a check, and a judge of bars and gaps
record    all of it together, frame by frame
training  walks to train on, as small files
sample    the walk that ships with the package, and `__main__` the command that renders it again
"""
