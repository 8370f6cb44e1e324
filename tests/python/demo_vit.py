"""The demo's ViT as a worker: a forward pass in PyTorch, from the checkpoint's tensors alone, and
two methods written in Python. For demo_vit.sh, which holds it to the native model.

    python3 demo_vit.py FILE.safetensors [SECONDS]

SECONDS names a file that gets the time spent in predictions and in explanations, without the calls before
a run's clock starts: of each with a black image, with which a worker looks at its model, and of the image
of which all pixels are removed.
"""

import json
import struct
import sys
import time

import evalh
import numpy as np
import torch
import torch.nn.functional as F

HEADS = 3


def load(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        body = f.read()
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F16", entry
        begin, end = entry["data_offsets"]
        values = np.frombuffer(body[begin:end], "<f2").astype(np.float32)
        found[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return found


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-6)


def forward(w, images, keep=None):
    """Logits. `keep`: a list that gets the attention [n, heads, L, L] of every block."""
    patch = w["patch_embed.proj.weight"]
    x = F.conv2d(images, patch, w["patch_embed.proj.bias"], stride=patch.shape[2])
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x], 1) + w["pos_embed"]
    n, length, width = x.shape
    for i in range(1 + max(int(k.split(".")[1]) for k in w if k.startswith("blocks."))):
        b = f"blocks.{i}."
        qkv = linear(w, b + "attn.qkv", norm(w, b + "norm1", x))
        q, k, v = qkv.view(n, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(2, 3) * (width // HEADS) ** -0.5).softmax(-1)
        if keep is not None:
            keep.append(attention)
        heads = (attention @ v).transpose(1, 2).reshape(n, length, width)
        x = x + linear(w, b + "attn.proj", heads)
        hidden = F.gelu(linear(w, b + "mlp.fc1", norm(w, b + "norm2", x)))
        x = x + linear(w, b + "mlp.fc2", hidden)
    return linear(w, "head", norm(w, "norm", x)[:, 0])


def main():
    w = load(sys.argv[1])
    grid = round((w["pos_embed"].shape[1] - 1) ** 0.5)
    size = grid * w["patch_embed.proj.weight"].shape[2]
    before = 4  # predict, both methods, and the image without pixels
    spent = []

    def timed(function):
        def run(*arguments):
            began = time.perf_counter()
            with torch.no_grad():
                answer = function(*arguments)
            spent.append(time.perf_counter() - began)
            return answer

        return run

    def raw(images, classes):
        kept = []
        forward(w, torch.from_numpy(images), kept)
        return kept[-1].mean(1)[:, 0, 1:].reshape(-1, grid, grid)

    def rollout(images, classes):
        kept = []
        forward(w, torch.from_numpy(images), kept)
        eye = torch.eye(kept[0].shape[-1])
        product = eye
        for attention in kept[1:]:
            step = attention.mean(1) + eye
            product = (step / step.sum(-1, keepdim=True)) @ product
        return product[:, 0, 1:].reshape(-1, grid, grid)

    evalh.serve(
        timed(lambda images: forward(w, torch.from_numpy(images))),
        methods={
            "raw": evalh.Method(timed(raw), grid, class_agnostic=True),
            "rollout": evalh.Method(timed(rollout), grid, class_agnostic=True),
        },
        name="demo_vit",
        fingerprint=evalh.fingerprint(sys.argv[1], __file__),
        size=size,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        batch=32,
        grid=grid,
    )
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as f:
            f.write(f"{sum(spent[before:])}\n")


main()
