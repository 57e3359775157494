"""Boxes around what words name: Grounding DINO (Liu et al., ECCV 2024), by transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage
from spatia_bridge.perception.learned.loading import from_folder, network, tokenizer
from spatia_bridge.perception.learned.pictures import pixel_values
from spatia_bridge.perception.segment import DEFAULT_WORDS, MOVING

CARD = "grounding-dino"
SHORT_SIDE, LONG_SIDE = 800, 1333  # as it was trained
MIN_SCORE = 0.35
CLS, SEP, FULL_STOP, QUESTION = 101, 102, 1012, 1029  # BERT's; between them the network sees one thing's words only

Boxes = npt.NDArray[np.float32]


class Grounding:
    """A detector of what words name. Safe to call from several threads."""

    def __init__(self, weights: str = "", device: str = "") -> None:
        """weights: "" = the catalogue's, "random-tiny", or a folder."""
        self._weights, self._device = weights, device

    def boxes(self, colour: ColourImage, words: Sequence[str]) -> Boxes:
        """float32 (N, 4): left, top, right, bottom in pixels, within the picture, the surest first."""
        model = network(CARD, self._weights, self._device, _load, _make_tiny)
        read = tokenizer(CARD, self._weights, _tiny_tokenizer)
        import torch

        height, width = colour.shape[:2]
        text = read(" ".join(f"{word}." for word in words), return_tensors="pt").to(model.device)
        with torch.inference_mode():
            found = model(pixel_values=pixel_values([colour], _size(model, height, width), str(model.device)), **text)
            scores, best = found.logits[0].sigmoid().max(dim=-1).values.sort(descending=True, stable=True)
            chosen = found.pred_boxes[0][best[scores > MIN_SCORE]].float().cpu().numpy()
        centre, half = chosen[:, :2], chosen[:, 2:] / 2
        corners = np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, 1)
        return np.asarray(corners * (width, height, width, height), np.float32)


def _size(model: Any, height: int, width: int) -> tuple[int, int]:
    """(h, w): the short side as it was trained unless the long one becomes too long."""
    scale = min(SHORT_SIDE / min(height, width), LONG_SIDE / max(height, width))
    if model.config.d_model < 256:  # tiny: as small as the picture
        scale = 1.0
    return max(int(height * scale), 1), max(int(width * scale), 1)


def _load(folder: Path) -> Any:
    from transformers import GroundingDinoForObjectDetection

    return from_folder(folder, {"grounding-dino": GroundingDinoForObjectDetection})


def _tiny_words() -> list[str]:
    return sorted({*MOVING, *DEFAULT_WORDS})


def _tiny_tokenizer() -> Any:
    """BERT's, special tokens at its places, that knows MOVING alone."""
    from transformers import BertTokenizer

    vocabulary = [f"[unused{n}]" for n in range(QUESTION + 1)]
    vocabulary[0], vocabulary[100], vocabulary[103] = "[PAD]", "[UNK]", "[MASK]"
    vocabulary[CLS], vocabulary[SEP], vocabulary[FULL_STOP], vocabulary[QUESTION] = "[CLS]", "[SEP]", ".", "?"
    vocabulary += _tiny_words()
    return BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)})


def _make_tiny() -> Any:
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    backbone = SwinConfig(
        window_size=4, image_size=56, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[2, 2, 2, 2],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    text = {
        "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 64, "vocab_size": QUESTION + 1 + len(_tiny_words()),
    }  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=backbone.to_dict(), text_config=text, d_model=32, num_queries=2, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2, max_text_len=64,
    )  # fmt: skip
    return GroundingDinoForObjectDetection(config)
