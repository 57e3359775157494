"""`tiny`: a small RGB-D video diffusion model with the paper's conditioning, trained on walks through Freedoom's levels.

It draws no pixels: over the holes that the structure filled it draws how the fill is off, and what moves.

vocabulary   the words of a prompt that it knows
conditions   pictures as the network sees them; rays
cells        what it draws, and frames of that
network      the U-Net
flow         rectified flow from noise that hangs in the world
projector    points of earlier frames splatted into new cameras, on any device: memory's stand-in for training
data         clips to train on, made from walks
pool         the slow part of making them, done once: `python -m spatia_bridge.generation.tiny.pool`
train        the trainer: `python -m spatia_bridge.generation.tiny.train`
weights      weight files
clip         one clip for a request
generator    the Generator
"""
