#!/usr/bin/env python3
"""Would cuDNN win where the engine uses cuBLASLt and a kernel of its own? The two operations of a DeiT-S that it
offers, bf16, through PyTorch, on the same card in the same run:

    bench_cudnn_gpu.py BATCH [--attention MS] [--device cuda|cpu]

Patch embedding: cuDNN's convolution (the better of both memory layouts) beside cuBLASLt's product over patches laid
out in rows, which is how the engine has them. Attention: cuDNN's fused attention beside MS, what the engine's own
kernel takes for a layer of this batch (`evalh bench`). The last line says where cuDNN wins.
"""
import argparse
import statistics
import time

import torch
from torch.nn import functional as F

WIDTH, HEADS, TOKENS, PATCH, SIDE = 384, 6, 197, 16, 224


def milliseconds(call, device, rounds=30, calls=10):
    """Median of a call, `calls` of them between two events."""
    for _ in range(5):
        call()
    if device == "cpu":
        times = []
        for _ in range(3):
            start = time.monotonic()
            call()
            times.append((time.monotonic() - start) * 1e3)
        return statistics.median(times)
    times = []
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / calls)
    return statistics.median(times)


def patch_embedding(batch, device, kind):
    weight = torch.randn(WIDTH, 3, PATCH, PATCH, device=device, dtype=kind)
    bias = torch.randn(WIDTH, device=device, dtype=kind)
    images = torch.randn(batch, 3, SIDE, SIDE, device=device, dtype=kind)
    rows = torch.randn(batch * (SIDE // PATCH) ** 2, 3 * PATCH * PATCH, device=device, dtype=kind)
    convolutions = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x, w = images.to(memory_format=layout), weight.to(memory_format=layout)
        convolutions.append(milliseconds(lambda: F.conv2d(x, w, bias, stride=PATCH), device))
    flat = weight.flatten(1)
    return min(convolutions), milliseconds(lambda: F.linear(rows, flat, bias), device)


def attention(batch, device, kind):
    """cuDNN's, on q, k, v as one product leaves them; None where it has none for these sizes."""
    if device == "cpu":
        return None
    from torch.nn.attention import SDPBackend, sdpa_kernel
    qkv = torch.randn(batch, TOKENS, 3, HEADS, WIDTH // HEADS, device=device, dtype=kind)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    try:
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return milliseconds(lambda: F.scaled_dot_product_attention(q, k, v), device)
    except RuntimeError as e:
        print(f"attention: cuDNN refuses: {str(e).splitlines()[0]}")
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("batch", type=int)
    parser.add_argument("--attention", type=float, help="milliseconds of the engine's own, a layer")
    parser.add_argument("--device", default="cuda")
    a = parser.parse_args()
    kind = torch.bfloat16 if a.device == "cuda" else torch.float32
    torch.backends.cudnn.benchmark = True
    wins, loses = [], []
    with torch.inference_mode():
        conv, product = patch_embedding(a.batch, a.device, kind)
        pairs = [("patch embedding", conv, product)]
        fused = attention(a.batch, a.device, kind)
        if fused is not None and a.attention is not None:
            pairs.append(("attention", fused, a.attention))
    for name, cudnn, ours in pairs:
        (wins if cudnn < ours else loses).append(f"{name} {cudnn:.3f} against {ours:.3f} ms")
    print(f"cuDNN wins: {'; '.join(wins) or 'nowhere'}; loses: {'; '.join(loses) or 'nowhere'}")


if __name__ == "__main__":
    main()
