"""A UMT5 text encoder of a few thousand random weights, with a tokenizer of single letters, for `--weights random-tiny`."""

import string
from typing import Any

from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

TEXT_WIDTH = 32
_LETTERS = "▁" + string.ascii_letters + string.digits + string.punctuation


def tiny_text_encoder() -> tuple[Any, Any]:
    """Tokenizer and encoder, TEXT_WIDTH wide; the weights are of torch's present random state."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), *((letter, -5.0) for letter in _LETTERS)]
    config = UMT5Config(
        vocab_size=len(vocabulary), d_model=TEXT_WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=4, dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return T5TokenizerFast(vocab=vocabulary, extra_ids=0), UMT5EncoderModel(config)
