"""Wan's text encoder: UMT5's states of a prompt, as the transformer's cross-attention takes them."""

import threading
from collections import OrderedDict

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, UMT5EncoderModel

LENGTH = 512  # tokens; longer prompts are cut, shorter ones filled up with zeros (Wan, arXiv 2503.20314)
KEPT = 8


class Text:
    """A tokenizer and a UMT5 encoder, and the states of the last prompts. Safe across threads.

    Where the work is done on another device than the CPU, the encoder is there only while it reads: it is as large as the
    transformer, and prompts are few.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, encoder: UMT5EncoderModel, device: str) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder.eval()
        self._device = device
        self._lock = threading.Lock()
        self._states: OrderedDict[str, Tensor] = OrderedDict()

    def states(self, prompt: str) -> Tensor:
        """float (1, 512, width) on the device; zero after the prompt's end."""
        prompt = " ".join(prompt.split())
        with self._lock:
            if prompt not in self._states:
                self._states[prompt] = self._encode(prompt)
            self._states.move_to_end(prompt)
            while len(self._states) > KEPT:
                self._states.popitem(last=False)
            return self._states[prompt]

    @torch.no_grad()
    def _encode(self, prompt: str) -> Tensor:
        tokens = self._tokenizer(
            [prompt],
            padding="max_length",
            max_length=LENGTH,
            truncation=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        mask = tokens.attention_mask.to(self._device)
        encoder = self._encoder.to(self._device)
        try:
            states = encoder(tokens.input_ids.to(self._device), mask).last_hidden_state
        finally:
            self._encoder.to("cpu")
        return states * mask[..., None]  # type: ignore[no-any-return]
