"""The demo models in PyTorch: a small Vim (SPEC 2.2, official key names) and a small ViT (SPEC
2.3, timm's), with the conv and the scan of Vim in C (demo_scan.c); and .safetensors files."""

import ctypes
import json
import math
import os
import struct
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PATCH = 8


# ---- the two C operations ----------------------------------------------------------------------
class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("images", "tokens", "channels", "states", "taps", "reverse")]


def build_scan():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo_scan.c")
    folder = tempfile.mkdtemp(prefix="demo_scan.")
    library = os.path.join(folder, "demo_scan.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O3", "-march=native", "-ffast-math", "-fopenmp",
                    "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    return ctypes.CDLL(library)


_library = None


def call(name, shape, *arrays):
    """All arrays are contiguous float32; the library is built at the first use."""
    global _library
    if _library is None:
        _library = build_scan()
    for a in arrays:
        assert a.dtype == torch.float32 and a.is_contiguous()
    getattr(_library, name)(ctypes.byref(shape), *(ctypes.c_void_p(a.data_ptr()) for a in arrays))


class ConvSiLU(torch.autograd.Function):
    """x [B,L,E], w [K,E], bias [E] -> u [B,L,E]"""

    @staticmethod
    def forward(ctx, x, w, bias, reverse):
        ctx.shape = Shape(*x.shape, 0, w.shape[0], reverse)
        ctx.save_for_backward(x, w, bias)
        u = torch.empty_like(x)
        call("demo_conv_forward", ctx.shape, x, w, bias, u)
        return u

    @staticmethod
    def backward(ctx, du):
        x, w, bias = ctx.saved_tensors
        dx, dw, dbias = torch.zeros_like(x), torch.zeros_like(w), torch.zeros_like(bias)
        call("demo_conv_backward", ctx.shape, x, w, bias, du.contiguous(), dx, dw, dbias)
        return dx, dw, dbias, None


class Scan(torch.autograd.Function):
    """u, d [B,L,E], bias [E], A [N,E], B, C [B,L,N], D [E] -> y [B,L,E]; the step is
    softplus(d + bias)."""

    @staticmethod
    def forward(ctx, u, d, bias, A, B, C, D, reverse):
        ctx.shape = Shape(*u.shape, A.shape[0], 0, reverse)
        ctx.save_for_backward(u, d, bias, A, B, C, D)
        y = torch.empty_like(u)
        call("demo_scan_forward", ctx.shape, u, d, bias, A, B, C, D, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        u, d, bias, A, B, C, D = ctx.saved_tensors
        du, dd, dB, dC = (torch.empty_like(t) for t in (u, d, B, C))
        dA, dD = torch.zeros_like(A), torch.zeros_like(D)
        call("demo_scan_backward", ctx.shape, u, d, bias, A, B, C, D, dy.contiguous(), du, dd, dA, dB, dC, dD)
        return du, dd, dd.sum((0, 1)), dA, dB, dC, dD, None


def conv_silu_plain(x, w, bias, reverse):
    x = x.flip(1) if reverse else x
    u = F.silu(F.conv1d(F.pad(x.transpose(1, 2), (w.shape[0] - 1, 0)), w.t()[:, None], bias, groups=x.shape[2]))
    return u.transpose(1, 2).flip(1) if reverse else u.transpose(1, 2)


def scan_plain(u, d, bias, A, B, C, D, reverse):
    """What the C scan does, told by PyTorch alone (slow)."""
    step, state, out = F.softplus(d + bias), 0, [None] * u.shape[1]
    for t in reversed(range(u.shape[1])) if reverse else range(u.shape[1]):
        decay = torch.exp(step[:, t, None] * A)
        state = decay * state + (step[:, t] * u[:, t])[:, None] * B[:, t, :, None]
        out[t] = (C[:, t, :, None] * state).sum(1) + D * u[:, t]
    return torch.stack(out, 1)


def check_scan():
    """Holds the C operations, forward and backward, to PyTorch's autograd."""
    torch.manual_seed(0)
    b, length, e, n, k = 3, 11, 20, 5, 4
    for reverse in (0, 1):
        conv = [torch.randn(b, length, e), torch.randn(k, e), torch.randn(e)]
        scan = [torch.randn(b, length, e), torch.randn(b, length, e), torch.randn(e), -torch.rand(n, e) * 3,
                torch.randn(b, length, n), torch.randn(b, length, n), torch.randn(e)]
        for name, fast, plain, args in (("conv", ConvSiLU.apply, conv_silu_plain, conv),
                                        ("scan", Scan.apply, scan_plain, scan)):
            args = [a.requires_grad_() for a in args]
            y, want = fast(*args, reverse), plain(*args, reverse)
            seed = torch.randn_like(y)
            pairs = zip([y, *torch.autograd.grad(y, args, seed)], [want, *torch.autograd.grad(want, args, seed)])
            worst = max(((a - w).abs().max() / w.abs().max()).item() for a, w in pairs)
            print(f"{name} reverse={reverse}: largest error {worst:.1e} of the largest value")
            if not worst < 2e-5:
                raise SystemExit(f"demo_scan.c: {name} differs from PyTorch")


# ---- Vim ---------------------------------------------------------------------------------------
class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Mixer(nn.Module):
    def __init__(self, dim, states, taps, layers):
        super().__init__()
        inner, rank = 2 * dim, math.ceil(dim / 16)
        self.rank, self.states = rank, states
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        self.out_proj = nn.Linear(inner, dim, bias=False)
        nn.init.trunc_normal_(self.out_proj.weight, std=0.02 / math.sqrt(layers) * 2)
        for b in ("", "_b"):
            setattr(self, "conv1d" + b, nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1))
            setattr(self, "x_proj" + b, nn.Linear(inner, rank + 2 * states, bias=False))
            dt = nn.Linear(rank, inner)
            nn.init.uniform_(dt.weight, -rank ** -0.5, rank ** -0.5)
            step = torch.exp(torch.rand(inner) * math.log(100.0) + math.log(1e-3))
            dt.bias.data = step + torch.log(-torch.expm1(-step))  # softplus's inverse
            setattr(self, "dt_proj" + b, dt)
            log = torch.log(torch.arange(1, states + 1, dtype=torch.float32)).repeat(inner, 1)
            setattr(self, "A" + b + "_log", nn.Parameter(log))
            setattr(self, "D" + b, nn.Parameter(torch.ones(inner)))

    def direction(self, x, b):
        conv, x_proj, dt = (getattr(self, n + b) for n in ("conv1d", "x_proj", "dt_proj"))
        reverse = int(b != "")
        u = ConvSiLU.apply(x, conv.weight[:, 0].t().contiguous(), conv.bias, reverse)
        d, B, C = x_proj(u).split([self.rank, self.states, self.states], -1)
        d = F.linear(d, dt.weight).float().contiguous()
        A = -torch.exp(getattr(self, "A" + b + "_log")).t().contiguous()
        return Scan.apply(u, d, dt.bias, A, B.float().contiguous(), C.float().contiguous(),
                          getattr(self, "D" + b), reverse)

    def forward(self, x):
        x, z = self.in_proj(x).float().chunk(2, -1)
        x = x.contiguous()
        return self.out_proj((self.direction(x, "") + self.direction(x, "_b")) * F.silu(z) * 0.5)


class VimBlock(nn.Module):
    def __init__(self, dim, states, taps, layers):
        super().__init__()
        self.norm = RMSNorm(dim)
        self.mixer = Mixer(dim, states, taps, layers)


class PatchEmbed(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)

    def forward(self, x):  # the same as the conv, as one matmul
        b, c, s, _ = x.shape
        g = s // PATCH
        x = x.reshape(b, c, g, PATCH, g, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(b, g * g, c * PATCH * PATCH)
        return F.linear(x, self.proj.weight.flatten(1), self.proj.bias)


def positions(grid, dim, cls_at):
    """A start for pos_embed [1, L, dim]: sines and cosines of both coordinates, which small models
    take much less time to learn from than from noise; 0 for CLS."""
    rates = 2.0 ** -torch.arange(0, 5, 5 / (dim // 4))[:dim // 4]
    angle = torch.arange(grid)[:, None] * rates * math.pi / 2
    one = torch.cat((angle.sin(), angle.cos()), 1)  # [grid, dim / 2]
    both = torch.cat((one[:, None].expand(-1, grid, -1), one[None].expand(grid, -1, -1)), 2).reshape(grid * grid, -1)
    return torch.cat((both[:cls_at], torch.zeros(1, dim), both[cls_at:]))[None]


class Vim(nn.Module):
    def __init__(self, size, classes=10, dim=96, layers=6, states=8, taps=4):
        super().__init__()
        grid = size // PATCH
        self.cls_at = grid * grid // 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(positions(grid, dim, self.cls_at))
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(VimBlock(dim, states, taps, layers) for _ in range(layers))
        self.norm_f = RMSNorm(dim)
        self.head = nn.Linear(dim, classes)
        for p in (self.cls_token, self.head.weight):
            nn.init.trunc_normal_(p, std=0.02)

    def tokens(self, x):
        """All tokens after the last norm; the CLS token last."""
        t, c = self.patch_embed(x).float(), self.cls_at
        cls = self.cls_token.expand(len(t), -1, -1)
        r = torch.cat((t[:, :c], cls, t[:, c:]), 1) + self.pos_embed
        for layer in self.layers:  # SPEC 2.2's residual stream with h already added
            r = r + layer.mixer(layer.norm(r))
        t = self.norm_f(r)
        return torch.cat((t[:, :c], t[:, c + 1:], t[:, c:c + 1]), 1)

    def forward(self, x):
        return self.head(self.tokens(x)[:, -1]).float()


# ---- ViT ---------------------------------------------------------------------------------------
class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, length, dim = x.shape
        q, k, v = self.qkv(x).view(b, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-1, -2) * (dim // self.heads) ** -0.5).float().softmax(-1)
        return self.proj((a.to(v.dtype) @ v).transpose(1, 2).reshape(b, length, dim))


class Mlp(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class ViTBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, 1e-6), nn.LayerNorm(dim, 1e-6)
        self.attn, self.mlp = Attention(dim, heads), Mlp(dim)

    def forward(self, x):
        x = x + self.attn(self.norm1(x)).float()
        return x + self.mlp(self.norm2(x)).float()


class ViT(nn.Module):
    def __init__(self, size, classes=10, dim=96, layers=6, heads=3):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(positions(size // PATCH, dim, 0))
        self.patch_embed = PatchEmbed(dim)
        self.blocks = nn.ModuleList(ViTBlock(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim, 1e-6)
        self.head = nn.Linear(dim, classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.04)
                nn.init.zeros_(m.bias)
        for block in self.blocks:  # at the start, tokens look at those like them
            q, k, _ = block.attn.qkv.weight.data.chunk(3)
            q *= 2
            k.copy_(q)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def tokens(self, x):
        t = self.patch_embed(x).float()
        r = torch.cat((self.cls_token.expand(len(t), -1, -1), t), 1) + self.pos_embed
        for block in self.blocks:
            r = block(r)
        t = self.norm(r)
        return torch.cat((t[:, 1:], t[:, :1]), 1)

    def forward(self, x):
        return self.head(self.tokens(x)[:, -1]).float()


# ---- .safetensors ------------------------------------------------------------------------------
def save_safetensors(path, state, metadata):
    """fp16, tensors in order of name."""
    header, offset, blobs = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name in sorted(state):
        blob = state[name].detach().cpu().numpy().astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(state[name].shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    os.replace(path + ".part", path)


def load_safetensors(path):
    """(tensors as float32, metadata) of a file that save_safetensors wrote."""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata, body, state = header.pop("__metadata__", {}), data[8 + size:], {}
    for name, entry in header.items():
        if entry["dtype"] != "F16":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, expected F16")
        begin, end = entry["data_offsets"]
        state[name] = torch.from_numpy(np.frombuffer(body[begin:end], "<f2").astype(np.float32).reshape(entry["shape"]))
    return state, metadata
