"""Checkpoints and pictures that the reference_*_families.py scripts have in common."""

import json
import struct

import numpy as np
import torch

CLASSES, IMAGES = 7, 2
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def write_safetensors(path, tensors, half):
    header, body = {}, b""
    for name, t in tensors.items():
        a = t.detach().cpu().numpy()
        a = a if a.dtype.kind in "iu" else a.astype(np.float16 if half else np.float32)
        kind = {"float16": "F16", "float32": "F32", "int64": "I64"}[a.dtype.name]
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(body), len(body) + a.nbytes]}
        body += np.ascontiguousarray(a).tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def picture(side, state):
    """[side, side, 3] bytes of splitmix64, as the tests make them; returns the next state."""
    out = np.empty(side * side * 3, np.uint8)
    mask = (1 << 64) - 1
    for i in range(out.size):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        out[i] = (z ^ z >> 31) & 0xFF
    return out.reshape(side, side, 3), state


def pixels(side):
    state, images = 3, []
    for _ in range(IMAGES):
        rgb, state = picture(side, state)
        x = (rgb.astype(np.float32) / np.float32(255)).astype(np.float64)
        images.append(((x - MEAN.astype(np.float32)) / STD.astype(np.float32)).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(images))
