"""Depth and masks by published networks. Nothing here imports torch before a network is used.

loading               weights of the catalogue or a folder, or the real classes at tiny random sizes
pictures              colour images as a network wants them, its maps back at the image's size
standing              gravity and the camera's height, which no network of ours tells, from lines and depth
transformers_depth    Depth Anything V2, metric, one picture at a time
depth_anything_3      several views under given cameras
map_anything          the same, by MapAnything
grounding             boxes from words (Grounding DINO)
sam2, sam3            masks that follow what was found through a clip
"""
