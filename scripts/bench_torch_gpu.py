#!/usr/bin/env python3
"""PyTorch's forward rate for the shapes of DeiT-S and Vim-S, random weights and images, bf16: what issue 5 holds
`evalh bench` to, on the same card in the same run.

    bench_torch_gpu.py deit_small|vim_small [--batches 64,128,256] [--seconds 5] [--device cuda|cpu]

DeiT: torch.compile with scaled_dot_product_attention. Vim: eager, the selective scan as a loop over time, as anyone
would write it without a kernel of their own. The last line is "images/s RATE at batch N". Medians over repeats, timed
with events.
"""
import argparse
import time

import torch
from torch import nn
from torch.nn import functional as F


class DeitBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        n, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(n, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        x = x + self.proj(y)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class VimLayer(nn.Module):
    """Residual stream, RMSNorm, both directions of the mixer (SPEC 2.2)."""

    def __init__(self, width, state=16, taps=4):
        super().__init__()
        self.inner, self.state, self.rank = 2 * width, state, -(-width // 16)
        self.norm = nn.Parameter(torch.ones(width))
        self.in_proj = nn.Linear(width, 2 * self.inner, bias=False)
        self.out_proj = nn.Linear(self.inner, width, bias=False)
        self.dirs = nn.ModuleList()
        for _ in range(2):
            d = nn.Module()
            d.conv = nn.Conv1d(self.inner, self.inner, taps, groups=self.inner, padding=taps - 1)
            d.x_proj = nn.Linear(self.inner, self.rank + 2 * state, bias=False)
            d.dt_proj = nn.Linear(self.rank, self.inner)
            d.a_log = nn.Parameter(torch.log(torch.arange(1.0, state + 1)).repeat(self.inner, 1))
            d.skip = nn.Parameter(torch.ones(self.inner))
            self.dirs.append(d)

    def direction(self, d, x, z):
        length = x.shape[1]
        u = F.silu(d.conv(x.transpose(1, 2))[..., :length].transpose(1, 2))
        delta, b, c = d.x_proj(u).split([self.rank, self.state, self.state], dim=-1)
        delta = F.softplus(d.dt_proj(delta))
        a = -torch.exp(d.a_log)
        s = torch.zeros(x.shape[0], self.inner, self.state, device=x.device, dtype=x.dtype)
        out = []
        for t in range(length):
            s = torch.exp(delta[:, t, :, None] * a) * s
            s = s + (delta[:, t] * u[:, t])[:, :, None] * b[:, t, None, :]
            out.append((s * c[:, t, None, :]).sum(-1))
        return (torch.stack(out, 1) + d.skip * u) * F.silu(z)

    def forward(self, r):
        y = r * torch.rsqrt(r.float().pow(2).mean(-1, keepdim=True) + 1e-5).to(r.dtype) * self.norm
        x, z = self.in_proj(y).chunk(2, dim=-1)
        y = self.direction(self.dirs[0], x, z)
        y = y + self.direction(self.dirs[1], x.flip(1), z.flip(1)).flip(1)
        return r + self.out_proj(y / 2)


class Model(nn.Module):
    def __init__(self, layers, width, cls_at, patches=196, patch=16, classes=1000):
        super().__init__()
        self.cls_at = cls_at
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(torch.randn(1, patches + 1, width) * 0.02)
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        x = self.patch(images).flatten(2).transpose(1, 2)
        cls = self.cls.expand(len(x), -1, -1)
        x = torch.cat([x[:, :self.cls_at], cls, x[:, self.cls_at:]], 1) + self.pos
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, self.cls_at])


def make(name):
    width = 384
    if name == "deit_small":
        return Model([DeitBlock(width, 6) for _ in range(12)], width, 0)
    return Model([VimLayer(width) for _ in range(24)], width, 98)


def measure(model, images, seconds):
    """Median seconds of a call."""
    on_gpu = images.device.type == "cuda"
    times, end = [], None
    with torch.inference_mode():
        for _ in range(3):
            model(images)
        if on_gpu:
            torch.cuda.synchronize()
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times) < 5:
            start = time.monotonic()
            model(images)
            if on_gpu:
                torch.cuda.synchronize()
            times.append(time.monotonic() - start)
    return sorted(times)[len(times) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", choices=["deit_small", "vim_small"])
    parser.add_argument("--batches", default="64,128,256")
    parser.add_argument("--seconds", type=float, default=4, help="of measuring, for each batch")
    parser.add_argument("--device", default="cuda")
    a = parser.parse_args()
    torch.manual_seed(1)
    model = make(a.model).eval().to(a.device, torch.bfloat16)
    run = torch.compile(model) if a.model == "deit_small" and a.device == "cuda" else model
    best = (0, 0)
    name = torch.cuda.get_device_name() if a.device == "cuda" else a.device
    print(f"{a.model}: PyTorch {torch.__version__}, {name}")
    for batch in map(int, a.batches.split(",")):
        try:
            images = torch.randn(batch, 3, 224, 224, device=a.device, dtype=torch.bfloat16)
            rate = batch / measure(run, images, a.seconds)
        except torch.OutOfMemoryError:
            print(f"batch {batch}: out of memory")
            continue
        print(f"batch {batch}: {rate:.0f} images/s")
        best = max(best, (rate, batch))
    print(f"images/s {best[0]:.1f} at batch {best[1]}")


if __name__ == "__main__":
    main()
