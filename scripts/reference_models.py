"""Vim and ViT in PyTorch, in double, from a checkpoint's tensors alone, for reference_methods.py: forward passes that
keep what explanations ask for, under backward rules that a method chooses. Shares no code with evalh."""

import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.double)[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.double)[:, None, None]


# ---- files -------------------------------------------------------------------------------------
def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    header.pop("__metadata__", None)
    kinds = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
    return {name: torch.from_numpy(np.frombuffer(body[e["data_offsets"][0]:e["data_offsets"][1]], kinds[e["dtype"]])
                                   .astype(np.float64).reshape(e["shape"])) for name, e in header.items()}


def read_weights(path):
    """{name: double tensor} of a .safetensors or .pth file."""
    if path.endswith(".safetensors"):
        return read_safetensors(path)
    state = torch.load(path, map_location="cpu")  # a trusted file: our own
    for wrapper in ("model", "state_dict", "model_ema"):
        if isinstance(state, dict) and wrapper in state and not torch.is_tensor(state[wrapper]):
            state = state[wrapper]
            break
    return {k[7:] if k.startswith("module.") else k: v.double().contiguous() for k, v in state.items()}


def normalised(rgb):
    """[S, S, 3] uint8 -> [3, S, S]; x = rgb / 255 rounded to float, as patchify has it."""
    x = torch.from_numpy((rgb.astype(np.float32) / np.float32(255)).transpose(2, 0, 1).copy()).double()
    return (x - MEAN.float().double()) / STD.float().double()


# ---- rules of the backward pass ----------------------------------------------------------------
class Plain:
    """The true gradient."""

    def norm(self, x, w, b, eps):
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + eps) * w + b

    def gelu(self, h):
        return h * 0.5 * (1 + torch.erf(h / 2 ** 0.5))

    def tanh(self, h):
        return torch.tanh(h)

    def attend(self, q, k, v, scale):
        probs = (q @ k.transpose(-1, -2) * scale).softmax(-1)
        return probs, probs @ v

    def linear(self, x, w, b, where):
        return x @ w.t() + b

    def patches(self, x, w, b, stride):
        return F.conv2d(x, w, b, stride=stride).flatten(2).transpose(1, 2)


class Libra(Plain):
    """LibraGrad: only the numerator of LayerNorm, the h of GELU = h Phi(h), and V carry gradient."""

    def norm(self, x, w, b, eps):
        deviation = torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + eps).detach()
        return (x - x.mean(-1, keepdim=True)) / deviation * w + b

    def gelu(self, h):
        return h * (0.5 * (1 + torch.erf(h / 2 ** 0.5))).detach()

    def tanh(self, h):
        return h * (torch.tanh(h) / h).detach()

    def attend(self, q, k, v, scale):
        probs = (q @ k.transpose(-1, -2) * scale).softmax(-1).detach().requires_grad_()
        return probs, probs @ v


class GammaRule(torch.autograd.Function):
    """y = x Wᵀ + b; the gradient of AttnLRP's gamma rule. x [.., in], W [out, in]."""

    @staticmethod
    def forward(ctx, x, w, b, gamma):
        y = x @ w.t() + b
        ctx.save_for_backward(x, w, b, y)
        ctx.gamma = gamma
        return y

    @staticmethod
    def backward(ctx, g):
        x, w, b, y = ctx.saved_tensors
        wp, wn, xp, xn = w.clamp(min=0), w.clamp(max=0), x.clamp(min=0), x.clamp(max=0)
        up = y + ctx.gamma * (xp @ wp.t() + xn @ wn.t() + b.clamp(min=0))
        down = y + ctx.gamma * (xp @ wn.t() + xn @ wp.t() + b.clamp(max=0))
        d = torch.where(y > 0, up, down)
        s = torch.where(y == 0, torch.zeros_like(y), g * y / (d + torch.where(d < 0, -1e-6, 1e-6).to(d.dtype)))
        sp, sn = torch.where(y > 0, s, torch.zeros_like(s)), torch.where(y < 0, s, torch.zeros_like(s))
        more = torch.where(x > 0, sp @ wp + sn @ wn, sp @ wn + sn @ wp)
        return s @ w + ctx.gamma * more, None, None, None


class AttnLRP(Libra):
    """`softmax`: "cp" passes through V alone, "attn" is the paper's."""

    def __init__(self, gamma_conv, gamma_linear, softmax="cp", gamma_attention=False):
        self.gamma_conv, self.softmax = gamma_conv, softmax
        self.gamma = {"fc1": gamma_linear, "fc2": gamma_linear, "head": gamma_linear}
        if gamma_attention:
            self.gamma.update(qkv=gamma_linear, proj=gamma_linear)

    def attend(self, q, k, v, scale):
        if self.softmax == "cp":
            return Libra.attend(self, q, k, v, scale)
        q, k, v = (share(t, part) for t, part in ((q, 0.25), (k, 0.25), (v, 0.5)))
        return Plain.attend(self, q, k, v, scale)

    def linear(self, x, w, b, where):
        gamma = self.gamma.get(where, 0)
        return GammaRule.apply(x, w, b, gamma) if gamma else super().linear(x, w, b, where)

    def patches(self, x, w, b, stride):
        if not self.gamma_conv:
            return super().patches(x, w, b, stride)
        columns = F.unfold(x, w.shape[2], stride=stride).transpose(1, 2)
        return GammaRule.apply(columns, w.flatten(1), b, self.gamma_conv)


def share(t, part):
    """t, with `part` of its gradient."""
    return t * part + (t * (1 - part)).detach()


# ---- models ------------------------------------------------------------------------------------
class Model:
    """`keep` of a forward pass is a dict that gets the tensors which methods ask for, by name."""

    def __init__(self, weights, image_size, heads=0):
        self.w, self.image_size, self.heads = weights, image_size, heads
        self.patch = weights["patch_embed.proj.weight"].shape[2]
        self.tokens_count, self.width = weights["pos_embed"].shape[1:]
        self.grid = int((self.tokens_count - 1) ** 0.5)
        self.stride = (image_size - self.patch) // (self.grid - 1)
        self.vim = "layers.0.mixer.A_log" in weights
        self.depth = 1 + max(int(k.split(".")[1]) for k in weights if k.startswith(("layers.", "blocks.")))
        self.classes = len(weights["head.bias"])
        self.cls_at = (self.tokens_count - 1) // 2 if self.vim else 0

    def tokens(self, x, rules=Plain()):
        """[B, 3, S, S] -> [B, L, D]"""
        t = rules.patches(x, self.w["patch_embed.proj.weight"], self.w["patch_embed.proj.bias"], self.stride)
        c = self.cls_at
        return torch.cat((t[:, :c], self.w["cls_token"].expand(len(t), -1, -1), t[:, c:]), 1) + self.w["pos_embed"]

    def drop(self, v):
        """[.., L] without CLS."""
        return torch.cat((v[..., :self.cls_at], v[..., self.cls_at + 1:]), -1)

    def logits(self, tokens, rules=Plain(), keep=None):
        return (self.vim_logits if self.vim else self.vit_logits)(tokens, rules, {} if keep is None else keep)

    def vit_logits(self, r, rules, keep):
        w, (n, length, dim) = self.w, r.shape
        for i in range(self.depth):
            p = f"blocks.{i}."

            def linear(name, v):
                keep[f"{p}{name}.in"] = v
                keep[p + name] = y = rules.linear(v, w[p + name + ".weight"], w[p + name + ".bias"],
                                                  name.split(".")[1])
                return y

            keep[p + "x0"] = r
            keep[p + "norm1"] = x = rules.norm(r, w[p + "norm1.weight"], w[p + "norm1.bias"], 1e-6)
            q, k, v = linear("attn.qkv", x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            probs, o = rules.attend(q, k, v, (dim // self.heads) ** -0.5)
            keep.update({p + "q": q, p + "k": k, p + "v": v, p + "probs": probs})
            keep[p + "p"] = o = linear("attn.proj", o.transpose(1, 2).reshape(n, length, dim))
            keep[p + "x1"] = r = r + o
            keep[p + "norm2"] = x = rules.norm(r, w[p + "norm2.weight"], w[p + "norm2.bias"], 1e-6)
            h = linear("mlp.fc1", x)
            keep[p + "m"] = m = linear("mlp.fc2", rules.gelu(h))
            r = r + m
        keep["norm"] = x = rules.norm(r, w["norm.weight"], w["norm.bias"], 1e-6)
        keep["head"] = y = rules.linear(x[:, 0], w["head.weight"], w["head.bias"], "head")
        return y

    def vim_logits(self, h, rules, keep):
        w, r = self.w, 0
        for i in range(self.depth):
            m = f"layers.{i}.mixer."
            r = r + h
            keep[f"xhat{i}"] = x = rms(r, w[f"layers.{i}.norm.weight"])
            x, z = (x @ w[m + "in_proj.weight"].t()).chunk(2, -1)
            y = self.scan_both(m, x, keep)
            keep[f"h{i}"] = h = (y * F.silu(z) / 2) @ w[m + "out_proj.weight"].t()
        return rms(r + h, w["norm_f.weight"])[:, self.cls_at] @ w["head.weight"].t() + w["head.bias"]

    def scan_both(self, m, x, keep):
        """Sum of both directions' y [B, L, E], the directions side by side in one loop over tokens."""
        w, parts = self.w, []
        for b, v in (("", x), ("_b", x.flip(1))):
            taps = w[m + f"conv1d{b}.weight"]
            p = F.conv1d(F.pad(v.transpose(1, 2), (taps.shape[-1] - 1, 0)), taps, w[m + f"conv1d{b}.bias"],
                         groups=len(taps)).transpose(1, 2)
            u = F.silu(p)
            states, rank = w[m + f"A{b}_log"].shape[1], w[m + f"dt_proj{b}.weight"].shape[1]
            d, B, C = (u @ w[m + f"x_proj{b}.weight"].t()).split([rank, states, states], -1)
            step = F.softplus(d @ w[m + f"dt_proj{b}.weight"].t() + w[m + f"dt_proj{b}.bias"])
            parts.append((u, step, B, C, -torch.exp(w[m + f"A{b}_log"]), w[m + f"D{b}"]))
        keep[m + "scan"] = [tuple(t.detach() for t in part) for part in parts]
        u, step, B, C, A, D = (torch.stack([a, b]) for a, b in zip(*parts))  # [2, ..]
        decay = torch.exp(step[..., None] * A[:, None, None])  # [2, B, L, E, N]
        push = (step * u)[..., None] * B[..., None, :]
        s, states = 0, []
        for decay_t, push_t in zip(decay.unbind(2), push.unbind(2)):
            s = decay_t * s + push_t
            states.append(s)
        y = (torch.stack(states, 2) @ C[..., None])[..., 0] + D[:, None, None] * u
        return y[0] + y[1].flip(1)


def rms(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * weight
