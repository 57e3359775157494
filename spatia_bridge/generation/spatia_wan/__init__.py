"""`spatia_wan`: the paper's network (Spatia, arXiv 2512.15716) over diffusers' Wan 2.2 transformer.

settings     what a clip is made with; sizes and frame counts
positions    rotary positions of references and target
network      main branch and control branch
lora         the main branch's LoRA
names        the released checkpoints' names, and ours
weights      models from files, or tiny random ones
conditions   a request as latents
sampling     UniPC with guidance
training     the paper's two stages
generator    the Generator
"""
