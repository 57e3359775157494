"""Masks that follow what words name through a clip: boxes by Grounding DINO, masks by SAM 2 (Ravi et al., 2024)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.models.shared import device_memory
from spatia_bridge.perception.learned.grounding import Grounding
from spatia_bridge.perception.learned.loading import RANDOM_TINY, from_folder, network
from spatia_bridge.perception.learned.pictures import at_size, pixel_values
from spatia_bridge.perception.segment import DynamicSegmenter, SizeCheck, Track, check_words

if TYPE_CHECKING:
    from torch import Tensor

CARD = "sam2.1-small"
DETECT_EVERY = 8  # pictures: what enters a clip is found within so many
MAX_THINGS = 16  # followed at a time; each costs a pass of the mask decoder and its memory a picture
KNOWN_SHARE = 0.3  # of a box that masks fill: then what it holds is followed already
BOX_CORNERS = ((2, 3),)  # the prompt encoder's labels for the corners of a box


class Sam2(DynamicSegmenter):
    """SAM 2.1 streaming: a picture in, its mask out; its memory of a clip is bounded."""

    name = "sam2"
    packages = ("torch", "transformers")

    def __init__(self, weights: str = "", device: str = "", boxes: str = "") -> None:
        """
        Args:
            weights: of SAM 2: "" = the catalogue's, "random-tiny", or a folder.
            boxes: of Grounding DINO, likewise; random-tiny goes with random-tiny.
        """
        self._weights, self._device = weights, device
        self._grounding = Grounding(RANDOM_TINY if weights == RANDOM_TINY else boxes, device)

    def track(self, words: Sequence[str]) -> Track:
        """See DynamicSegmenter. Loads the networks (see `loading.network` for what can go wrong)."""
        return _Sam2Track(network(CARD, self._weights, self._device, _load, _make_tiny), self._grounding, check_words(words))


class _Sam2Track:
    def __init__(self, model: Any, grounding: Grounding, words: tuple[str, ...]) -> None:
        import torch
        from transformers import Sam2VideoInferenceSession

        self._model, self._grounding, self._words = model, grounding, words
        self._session = Sam2VideoInferenceSession(
            inference_device=model.device, inference_state_device=model.device, video_storage_device=model.device,
            dtype=torch.float32,
        )  # fmt: skip
        self._check, self._number = SizeCheck(), 0

    def __call__(self, colour: ColourImage) -> Mask:
        self._check(colour)
        side, size = self._model.config.image_size, colour.shape[:2]
        with device_memory("sam2", lambda: "segment smaller clips, or use --device cpu"):
            frame = pixel_values([colour], (side, side), str(self._model.device))
            mask = self._followed(frame, size)
            if self._number % DETECT_EVERY == 0 and self._add(self._grounding.boxes(colour, self._words), mask, side):
                mask = self._followed(frame, size)
        forget_past(self._session, self._number, self._model.config)
        self._number += 1
        return mask

    def _followed(self, frame: "Tensor", size: tuple[int, ...]) -> Mask:
        """bool (H, W): all that is followed, in this frame."""
        if not self._session.get_obj_num():
            return np.zeros(size, bool)
        found = self._model(self._session, frame=frame, frame_idx=self._number).pred_masks  # (things, 1, h, w) logits
        return np.asarray((at_size(found[:, 0], (size[0], size[1])) > 0).any(dim=0).cpu().numpy())

    def _add(self, boxes: np.ndarray[Any, np.dtype[np.float32]], mask: Mask, side: int) -> bool:
        """Follow what boxes (N, 4) in pixels hold and masks do not; whether there is any."""
        import torch

        new = []
        for box in boxes[: MAX_THINGS - self._session.get_obj_num()]:
            left, top, right, bottom = np.rint(box).astype(int)
            inside = mask[top:bottom, left:right]
            if not inside.size or inside.mean() >= KNOWN_SHARE:
                continue
            thing = self._session.get_obj_num()
            corners = torch.from_numpy(box.reshape(1, 1, 2, 2) * side / np.array(mask.shape[::-1], np.float32))
            labels = torch.tensor([BOX_CORNERS], dtype=torch.int32)
            place = self._session.obj_id_to_idx(thing)
            self._session.add_point_inputs(place, self._number, {"point_coords": corners, "point_labels": labels})
            new.append(thing)
        self._session.obj_with_new_inputs = new
        return bool(new)


def forget_past(session: Any, number: int, config: Any) -> None:
    """Drop what the tracker will not look at again: pictures, and outputs beyond its memories and object pointers."""
    if session.processed_frames:  # none before there is something to follow
        session.processed_frames.pop(number - 1, None)
    oldest = number - max(config.num_maskmem, config.max_object_pointers_in_encoder)
    for outputs in session.output_dict_per_obj.values():
        outputs["non_cond_frame_outputs"].pop(oldest, None)


def _load(folder: Path) -> Any:
    from transformers import Sam2VideoModel

    return from_folder(folder, {"sam2_video": Sam2VideoModel})


def _make_tiny() -> Any:
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

    side, wide, grid = 128, 128, 8  # the tracker's memories have 64 channels, and features must have more
    backbone = Sam2HieraDetConfig(
        hidden_size=16, image_size=[side, side], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[16, 32, 64, 128],
        num_attention_heads_per_stage=[1, 1, 1, 1], window_size_per_stage=[8, 4, 4, 4], global_attention_blocks=[3],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[128, 64, 32, 16], fpn_hidden_size=wide,
        backbone_feature_sizes=[[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
    )  # fmt: skip
    config = Sam2VideoConfig(
        vision_config=vision, image_size=side, prompt_encoder_config={"hidden_size": wide, "image_size": side},
        mask_decoder_config={"hidden_size": wide, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
        memory_attention_hidden_size=wide, memory_attention_num_layers=1, memory_attention_feed_forward_hidden_size=64,
        memory_attention_rope_feat_sizes=[grid, grid], memory_encoder_hidden_size=wide, memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=wide, memory_fuser_embed_dim=wide, memory_fuser_intermediate_dim=64,
    )  # fmt: skip
    model = Sam2VideoModel(config)
    model.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(4.0)  # what is followed is in view: masks are not all empty
    return model
