"""What a scene's structure says about what nobody has seen yet.

views    what is known, from the clip's projections and its references
planes   floor, ceiling and walls in the world's frame
extent   how far each plane goes on: what was seen, what was seen through, what may be carried on
period   the distance at which a plane's texture repeats
atlas    a plane's texture, as seen and as carried on
closing  walls where a room would otherwise have no end
scene    all of it, computed once a clip in the world's frame, so that every frame shows the same place
paint    the planes into a frame's holes
warp     the references into a frame's holes
filling  all of it in order, and what is left smoothly
"""
