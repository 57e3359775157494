"""Renders walks through the levels of Freedoom, a free game in Doom's format: colour from its engine, exact depth by our own rays.

    wad         files of lumps           level      lines, sectors, heights
    pose        map axes to the world    raycast    exact depth of the static level
    walk        a path, checked for collisions     engine    colour, sprites and poses from `vizdoom` (optional)
    record      all of it, frame by frame          __main__  the command that renders the sample again
"""
