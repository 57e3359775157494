"""Masks that follow what words name through a clip, by SAM 3 alone (Carion et al., 2025), by transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.models.shared import device_memory
from spatia_bridge.perception.learned.loading import from_folder, network, tokenizer
from spatia_bridge.perception.learned.pictures import HALF, at_size, pixel_values
from spatia_bridge.perception.learned.sam2 import forget_past
from spatia_bridge.perception.segment import DynamicSegmenter, SizeCheck, Track, check_words

CARD = "sam3"
TOKENS = 32  # a phrase is padded to so many


class Sam3(DynamicSegmenter):
    """SAM 3 streaming: finds what each word names in every picture and follows it."""

    name = "sam3"
    packages = ("torch", "transformers")

    def __init__(self, weights: str = "", device: str = "") -> None:
        """weights: "" = the catalogue's, "random-tiny", or a folder."""
        self._weights, self._device = weights, device

    def track(self, words: Sequence[str]) -> Track:
        """See DynamicSegmenter. Loads the network (see `loading.network` for what can go wrong)."""
        named = check_words(words)
        model = network(CARD, self._weights, self._device, _load, _make_tiny)
        return _Sam3Track(model, tokenizer(CARD, self._weights, _tiny_tokenizer), named)


class _Sam3Track:
    def __init__(self, model: Any, read: Any, words: tuple[str, ...]) -> None:
        import torch
        from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

        self._model = model
        self._session = Sam3VideoInferenceSession(
            inference_device=model.device, inference_state_device=model.device, video_storage_device=model.device,
            dtype=torch.float32,
        )  # fmt: skip
        for word in words:
            prompt = self._session.add_prompt(word)
            text = read(word, return_tensors="pt", padding="max_length", max_length=TOKENS, truncation=True).to(model.device)
            self._session.prompt_input_ids[prompt] = text.input_ids
            self._session.prompt_attention_masks[prompt] = text.attention_mask
        self._check, self._number = SizeCheck(), 0

    def __call__(self, colour: ColourImage) -> Mask:
        import torch

        self._check(colour)
        side = self._model.config.detector_config.image_size
        with torch.inference_mode(), device_memory("sam3", lambda: "use sam2, or use --device cpu"):
            frame = pixel_values([colour], (side, side), str(self._model.device), mean=HALF, std=HALF)
            found = self._model(self._session, frame=frame[0], frame_idx=self._number)
            hidden = {*found.suppressed_obj_ids, *self._session.hotstart_removed_obj_ids}
            masks = [mask for thing, mask in found.obj_id_to_mask.items() if thing not in hidden]  # (1, h, w) logits
            size = (colour.shape[0], colour.shape[1])
            shown = (at_size(torch.cat(masks), size) > 0).any(dim=0).cpu().numpy() if masks else np.zeros(size, bool)
        forget_past(self._session, self._number, self._model.config.tracker_config)
        self._number += 1
        return np.asarray(shown)


def _load(folder: Path) -> Any:
    from transformers import Sam3VideoModel

    return from_folder(folder, {"sam3_video": Sam3VideoModel})


def _tiny_tokenizer() -> Any:
    """CLIP's, of single letters."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz'-"
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])


def _make_tiny() -> Any:
    from transformers import Sam3VideoConfig, Sam3VideoModel

    grid, wide = 8, 128  # the tracker's memories have 64 channels, and features must have more
    side = 14 * grid
    layers = {"hidden_size": wide, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    vit = {
        "model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "window_size": 4,
        "num_attention_heads": 2, "image_size": side, "global_attn_indexes": [1], "pretrain_image_size": 56,
    }  # fmt: skip
    vision = {
        "model_type": "sam3_vision_model", "backbone_config": vit, "fpn_hidden_size": wide,
        "backbone_feature_sizes": [[4 * grid] * 2, [2 * grid] * 2, [grid] * 2],
    }  # fmt: skip
    text = {
        "model_type": "clip_text_model", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "projection_dim": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": TOKENS, "eos_token_id": 1,
    }  # fmt: skip
    detector = {
        "model_type": "sam3", "vision_config": vision, "text_config": text, "geometry_encoder_config": layers,
        "detr_encoder_config": layers, "detr_decoder_config": {**layers, "num_queries": 4},
        "mask_decoder_config": {"hidden_size": wide, "num_attention_heads": 2},
    }  # fmt: skip
    tracker = {
        "model_type": "sam3_tracker_video", "vision_config": vision, "image_size": side,
        "prompt_encoder_config": {"hidden_size": wide, "image_size": side},
        "mask_decoder_config": {"hidden_size": wide, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
        "memory_attention_hidden_size": wide, "memory_attention_num_layers": 1, "memory_attention_feed_forward_hidden_size": 64,
        "memory_attention_rope_feat_sizes": [grid, grid], "memory_encoder_hidden_size": wide,
        "memory_encoder_output_channels": 64, "mask_downsampler_embed_dim": wide, "memory_fuser_embed_dim": wide,
        "memory_fuser_intermediate_dim": 64,
    }  # fmt: skip
    config = Sam3VideoConfig(
        detector_config=detector, tracker_config=tracker, low_res_mask_size=4 * grid, max_num_objects=3,
        score_threshold_detection=0.05, new_det_thresh=0.05,
    )  # fmt: skip
    return Sam3VideoModel(config)
