"""The network once more, in NumPy and double precision, from the published equations and under the released names.

Wan (arXiv 2503.20314): blocks of self-attention with RMS-normalised queries and keys and rotary positions, cross-attention, and a
feed-forward of tanh-GELU, each but the cross-attention modulated by time. Spatia: control blocks beside them.
"""

import numpy as np

EPS = 1e-6


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPS)


def rms_norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS) * weight


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + np.exp(-x))


def turns(head_dim, references, frames, height, width):
    """Complex (tokens, head_dim / 2), token by token."""
    side = head_dim // 3 // 2 * 2
    axes = [10_000.0 ** (-np.arange(0, d, 2) / d) for d in (head_dim - 2 * side, side, side)]
    rows = []
    for time in range(-references, frames):
        for row in range(height):
            for column in range(width):
                place = (time, row + height if time < 0 else row, column)
                rows.append(np.concatenate([np.exp(1j * at * axis) for at, axis in zip(place, axes, strict=True)]))
    return np.array(rows)


def rotated(x, turn):
    """x (N, heads, d), its channels in pairs as complex numbers."""
    pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * turn[:, None]
    return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


def attention(p, name, x, context, heads, turn=None):
    q = rms_norm(linear(p, f"{name}.q", x), p[f"{name}.norm_q.weight"]).reshape(len(x), heads, -1)
    k = rms_norm(linear(p, f"{name}.k", context), p[f"{name}.norm_k.weight"]).reshape(len(context), heads, -1)
    v = linear(p, f"{name}.v", context).reshape(len(context), heads, -1)
    if turn is not None:
        q, k = rotated(q, turn), rotated(k, turn)
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return linear(p, f"{name}.o", np.einsum("hqk,khd->qhd", weights, v).reshape(len(x), -1))


def block(p, x, text, modulation, turn, heads):
    """x (N, D), text (L, D), modulation (N, 6, D): shift, scale and gate of attention, then of the feed-forward."""
    shift, scale, gate, shift_ffn, scale_ffn, gate_ffn = (p["modulation"] + modulation).transpose(1, 0, 2)
    y = layer_norm(x) * (1 + scale) + shift
    x = x + gate * attention(p, "self_attn", y, y, heads, turn)
    x = x + attention(p, "cross_attn", layer_norm(x) * p["norm3.weight"] + p["norm3.bias"], text, heads)
    y = layer_norm(x) * (1 + scale_ffn) + shift_ffn
    return x + gate_ffn * linear(p, "ffn.2", gelu(linear(p, "ffn.0", y)))


def patches(p, name, latents):
    """Tokens (N, D) of (C, F, H, W), 1 × 2 × 2 at a time."""
    c, f, h, w = latents.shape
    cut = latents.reshape(c, f, h // 2, 2, w // 2, 2).transpose(1, 2, 4, 0, 3, 5).reshape(f * h * w // 4, -1)
    return cut @ p[f"{name}.weight"].reshape(len(p[f"{name}.weight"]), -1).T + p[f"{name}.bias"]


def part(p, prefix):
    return {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}


def velocity(main, control, latents, sinusoids, text, conditions, references, layers, every, heads):
    """(C, F, H, W).

    Args:
        main, control: parameters by the released names.
        sinusoids: (F, freq_dim), of the frames' timesteps.
        text: (L, text_dim). conditions: (2C, F − references, H, W).
    """
    c, f, h, w = latents.shape
    a_frame = h * w // 4
    time = linear(main, "time_embedding.2", silu(linear(main, "time_embedding.0", sinusoids)))
    modulation = linear(main, "time_projection.1", silu(time)).reshape(f, 6, -1).repeat(a_frame, 0)
    time = time.repeat(a_frame, 0)
    text = linear(main, "text_embedding.2", gelu(linear(main, "text_embedding.0", text)))
    x = patches(main, "patch_embedding", latents)
    turn = turns(x.shape[1] // heads, references, f - references, h // 2, w // 2)
    begin = references * a_frame
    hints = {}
    state = patches(control, "vace_patch_embedding", conditions)
    for n in range(0, layers, every):
        p = part(control, f"vace_blocks.{n // every}.")
        if n == 0:
            state = linear(p, "before_proj", state) + x[begin:]
        state = block(p, state, text, modulation[begin:], turn[begin:], heads)
        hints[n] = linear(p, "after_proj", state)
    for n in range(layers):
        x = block(part(main, f"blocks.{n}."), x, text, modulation, turn, heads)
        if n in hints:
            x[begin:] += hints[n]
    shift, scale = (main["head.modulation"] + time[:, None]).transpose(1, 0, 2)
    out = linear(main, "head.head", layer_norm(x) * (1 + scale) + shift)
    return out.reshape(f, h // 2, w // 2, 1, 2, 2, c).transpose(6, 0, 3, 1, 4, 2, 5).reshape(c, f, h, w)
