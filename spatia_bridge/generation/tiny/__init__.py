"""`tiny`: a small RGB-D video diffusion model with the paper's conditioning, trained on walks through Freedoom's levels.

vocabulary   the words of a prompt that it knows
projector    points of earlier frames splatted into new cameras, on any device
conditions   pictures as the network sees them, holes filled structure first; rays
network      the U-Net
flow         rectified flow from the fill to the frames
data         clips to train on, made from walks
train        the trainer, `python -m spatia_bridge.generation.tiny.train`
weights      weight files
generator    the Generator
"""
