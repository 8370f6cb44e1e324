"""The LRP baselines of Transformer-Explainability (Chefer et al., CVPR 2021) in PyTorch, for reference_methods.py:
relevance from a one-hot at the logits down through a ViT's blocks. `orig` is their ViT_orig_LRP (a denominator for each
sign in linear layers, residuals not rescaled); without it, the rules of SPEC 5.4, which golden numbers hold."""

import torch
import torch.nn.functional as F


def ratio(a, b):
    """Their safe_divide."""
    safe = b.clamp(min=1e-9) + b.clamp(max=1e-9)
    safe = torch.where(safe == 0, torch.full_like(safe, 1e-9), safe)
    return torch.where(b == 0, torch.zeros_like(a), a / safe)


def linear(R, x, w, orig):
    xp, xn, wp, wn = x.clamp(min=0), x.clamp(max=0), w.clamp(min=0), w.clamp(max=0)
    if orig:
        return xp * (ratio(R, xp @ wp.t()) @ wp) + xn * (ratio(R, xn @ wn.t()) @ wn)
    q = ratio(R, xp @ wp.t() + xn @ wn.t())
    return xp * (q @ wp) + xn * (q @ wn)


def add(R, a, b, orig):
    q = ratio(R, a + b)
    ra, rb = a * q, b * q
    if orig:
        return ra, rb
    axes = tuple(range(1, a.ndim))
    sa, sb, total = (t.sum(axes, keepdim=True) for t in (ra, rb, R))
    both = sa.abs() + sb.abs()
    return ra * ratio(sa.abs() / both * total, sa), rb * ratio(sb.abs() / both * total, sb)


def twice(x, r1, r2):
    return x * (ratio(r1, x) + ratio(r2, x))


def block(w, p, b, R, heads, orig):
    """(relevance of the block's input, of its attention map)"""
    n, length, dim = R.shape
    R, rm = add(R, b[p + "x1"], b[p + "m"], orig)
    rm = linear(rm, b[p + "mlp.fc2.in"], w[p + "mlp.fc2.weight"], orig)
    if len(w[p + "mlp.fc1.weight"]) == 2 * rm.shape[-1]:  # a gated MLP's factors take a half each
        rm = torch.cat((rm, rm), -1) / 2
    rm = linear(rm, b[p + "mlp.fc1.in"], w[p + "mlp.fc1.weight"], orig)
    R, rp = add(twice(b[p + "x1"], R, rm), b[p + "x0"], b[p + "p"], orig)
    o = b[p + "attn.proj.in"]
    q = ratio(linear(rp, o, w[p + "attn.proj.weight"], orig), o).view(n, length, heads, -1).transpose(1, 2)
    a, v = b[p + "probs"], b[p + "v"]
    ra, rv = a * (q @ v.transpose(2, 3)) / 2, v * (a.transpose(2, 3) @ q) / 2
    q = ratio(ra, b[p + "q"] @ b[p + "k"].transpose(2, 3))
    rq, rk = b[p + "q"] * (q @ b[p + "k"]) / 2, b[p + "k"] * (q.transpose(2, 3) @ b[p + "q"]) / 2
    r = torch.stack((rq, rk, rv)).permute(1, 3, 0, 2, 4).reshape(n, length, 3 * dim)
    return twice(b[p + "x0"], R, linear(r, b[p + "attn.qkv.in"], w[p + "attn.qkv.weight"], orig)), ra


def relevance(model, kept, k, lowest, orig):
    """(relevance of the tokens below block `lowest`, [relevance of the attention maps from there up]); kept: a
    forward pass's tensors, k [B] classes."""
    w, kept = model.w, {name: t.detach() for name, t in kept.items() if torch.is_tensor(t)}
    R = torch.zeros_like(kept["norm"])
    onehot = F.one_hot(k, model.classes).double()
    R[:, 0] = linear(onehot, kept["norm"][:, 0], w["head.weight"], orig)
    maps = []
    for i in reversed(range(lowest, model.depth)):
        R, ra = block(w, f"blocks.{i}.", kept, R, model.heads, orig)
        maps.insert(0, ra)
    return R, maps


def pixels(model, x, e, R):
    """z^B at the pixels: [B, S, S] from relevance R of the tokens e."""
    R = ((e - model.w["pos_embed"]) * ratio(R, e))[:, 1:]
    r = R.transpose(1, 2).reshape(len(R), model.width, model.grid, model.grid)
    return box(x, r, model.w["patch_embed.proj.weight"], model.stride)


def box(x, r, w, stride):
    """The same from the patches' relevance r [B, D, g, g], through their projection w."""
    wp, wn = w.clamp(min=0), w.clamp(max=0)
    low, high = (f(x.flatten(1), 1)[:, None, None, None].expand_as(x) for f in (torch.amin, torch.amax))

    def conv(t, k):
        return F.conv2d(t, k, stride=stride)

    def back(t, k):
        return F.conv_transpose2d(t, k, stride=stride)

    s = r / (conv(x, w) - conv(low, wp) - conv(high, wn) + 1e-9)
    return (x * back(s, w) - low * back(s, wp) - high * back(s, wn)).sum(1)
