"""Tiny random checkpoints of the families of Vim (its constructor's switches that change the forward pass, and Mamba-Reg),
with logits, gradients and maps computed here in double from the specification: test data for tests/model/
test_all_families.c. The published code needs CUDA kernels; what it computes was written again from its facts. Needs torch.

    python3 scripts/reference_vim_families.py tests/model/families"""

import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reference_files import CLASSES, pixels, write_safetensors

WIDTH, INNER, STATES, TAPS, RANK, DEPTH, SIDE, PATCH, EPS = 16, 32, 4, 4, 2, 3, 32, 8, 1e-5
PATCHES = (SIDE // PATCH) ** 2


def random_state(seed, others, pos_rows, **switches):
    g = torch.Generator().manual_seed(1000 + seed)

    def draw(*shape, scale=None, base=0.0):
        scale = 1.2 / (torch.Size(shape[1:]).numel() or 1) ** 0.5 if scale is None else scale
        return (base + scale * torch.randn(*shape, generator=g)).half().double()

    w = {name: draw(1, count, WIDTH, scale=0.3) for name, count in others.items()}
    w["pos_embed"] = draw(1, pos_rows, WIDTH, scale=0.3)
    w["patch_embed.proj.weight"] = draw(WIDTH, 3, PATCH, PATCH)
    w["patch_embed.proj.bias"] = draw(WIDTH, scale=0.1)
    for i in range(DEPTH):
        p = f"layers.{i}."
        w[p + "norm.weight"] = draw(WIDTH, scale=0.2, base=1.0)
        if switches.get("layer_norm"):
            w[p + "norm.bias"] = draw(WIDTH, scale=0.2)
        w[p + "mixer.in_proj.weight"] = draw(2 * INNER, WIDTH)
        w[p + "mixer.out_proj.weight"] = draw(WIDTH, INNER)
        if switches.get("bias"):
            w[p + "mixer.in_proj.bias"] = draw(2 * INNER, scale=0.3)
            w[p + "mixer.out_proj.bias"] = draw(WIDTH, scale=0.3)
        if switches.get("gamma"):
            w[p + "mixer.gamma"] = draw(WIDTH, scale=0.3, base=0.8)
        for b in ("",) if switches.get("directions") in ("one", "v1") else ("", "_b"):
            w[p + f"mixer.conv1d{b}.weight"] = draw(INNER, 1, TAPS, scale=0.5)
            w[p + f"mixer.conv1d{b}.bias"] = draw(INNER, scale=0.2)
            w[p + f"mixer.x_proj{b}.weight"] = draw(RANK + 2 * STATES, INNER)
            w[p + f"mixer.dt_proj{b}.weight"] = draw(INNER, RANK, scale=0.6)
            w[p + f"mixer.dt_proj{b}.bias"] = draw(INNER, scale=0.5, base=-1.0)
            w[p + f"mixer.A{b}_log"] = draw(INNER, STATES, scale=0.3, base=0.2)
            w[p + f"mixer.D{b}"] = draw(INNER, scale=0.3, base=1.0)
        if switches.get("directions") == "v1":
            w[p + "mixer.A_b_log"] = draw(INNER, STATES, scale=0.3, base=0.2)
    w["norm_f.weight"] = draw(WIDTH, scale=0.2, base=1.0)
    if switches.get("layer_norm"):
        w["norm_f.bias"] = draw(WIDTH, scale=0.2)
    if switches.get("rope"):
        g2 = SIDE // PATCH
        angle = 10000 ** (-4 * torch.arange(WIDTH // 4) / WIDTH) * 14 / g2
        place = torch.arange(g2)[:, None] * angle  # [g, D/4]
        place = place.repeat_interleave(2, 1)
        both = torch.cat((place[:, None].expand(-1, g2, -1), place[None].expand(g2, -1, -1)), -1).flatten(0, 1)
        w["rope.freqs_cos"], w["rope.freqs_sin"] = both.cos().half().double(), both.sin().half().double()
    seen = WIDTH
    if switches.get("neck"):
        seen = others["cls_token"] * switches["neck"]
        w["neck.weight"] = draw(switches["neck"], WIDTH)
        w["norm_neck.weight"] = draw(seen, scale=0.2, base=1.0)
    elif others.get("cls_token", 1) > 1:
        seen = others["cls_token"] * WIDTH
    if others.get("cls_token", 1) > 1:
        w["pos_embed_cls"] = draw(1, others["cls_token"], WIDTH, scale=0.3)
    w["head.weight"], w["head.bias"] = draw(CLASSES, seen), draw(CLASSES, scale=0.1)
    return w


class Rules:
    """lrp: MambaLRP's changed backward rules."""

    def __init__(self, lrp=False):
        self.lrp = lrp

    def norm(self, x, weight, bias=None):
        if bias is not None:
            x = x - x.mean(-1, keepdim=True)
            size = torch.sqrt((x * x).mean(-1, keepdim=True) + EPS)
            return x / (size.detach() if self.lrp else size) * weight + bias
        size = torch.sqrt((x * x).mean(-1, keepdim=True) + EPS)
        return x / (size.detach() if self.lrp else size) * weight

    def silu(self, x):
        if not self.lrp:
            return F.silu(x)
        near = x + 1e-6 * torch.where(x < 0, -1.0, 1.0).to(x.dtype)
        return near * (F.silu(x) / near).detach()

    def product(self, a, b):
        y = a * b
        return y / 2 + (y / 2).detach() if self.lrp else y


class Vim:
    def __init__(self, weights, layout, undivided=False):
        """layout: for each token the index of its patch, or -1 - k for the other token k."""
        self.w, self.layout, self.undivided = weights, layout, undivided
        self.at = sorted((-1 - p, t) for t, p in enumerate(layout) if p < 0)
        self.at = [t for _, t in self.at]

    def others(self):
        w = self.w
        names = [n for n in ("cls_token", "cls_token_head", "cls_token_tail") if n in w]
        return torch.cat([w[n][0] for n in names]) if names else torch.zeros(0, WIDTH, dtype=torch.double)

    def positions(self):
        w = self.w
        if "pos_embed_cls" not in w:
            return w["pos_embed"][0]
        return torch.stack([w["pos_embed"][0][p] if p >= 0 else w["pos_embed_cls"][0][-1 - p] for p in self.layout])

    def readout(self):
        r = torch.zeros(len(self.layout), dtype=torch.double)
        r[self.at if self.at else slice(None)] = 1 / (len(self.at) or len(self.layout))
        return r

    def tokens(self, x):
        patches = F.conv2d(x, self.w["patch_embed.proj.weight"], self.w["patch_embed.proj.bias"], stride=PATCH)
        patches, others = patches.flatten(2).transpose(1, 2), self.others()
        rows = [patches[:, p] if p >= 0 else others[-1 - p].expand(len(x), -1) for p in self.layout]
        return torch.stack(rows, 1) + self.positions()

    def direction(self, m, b, x, rules, turned=False):
        """(y [B, L, E], alpha [B, E, L, L], cumulated steps, parts) for x in this direction's order; `turned`: it is
        convolved in the other one, by the first direction's weights, which the scan shares but for A (v1)."""
        w = {**self.w, m + "A_log": self.w[m + "A_b_log"]} if turned else self.w
        x = x.flip(1) if turned else x
        p = F.conv1d(F.pad(x.transpose(1, 2), (TAPS - 1, 0)), w[m + f"conv1d{b}.weight"], w[m + f"conv1d{b}.bias"],
                     groups=INNER).transpose(1, 2)
        p = p.flip(1) if turned else p
        u = rules.silu(p)
        d, B, C = (u @ w[m + f"x_proj{b}.weight"].t()).split([RANK, STATES, STATES], -1)
        step = F.softplus(d @ w[m + f"dt_proj{b}.weight"].t() + w[m + f"dt_proj{b}.bias"])
        A, total = -torch.exp(w[m + f"A{b}_log"]), step.cumsum(1)

        def alpha(minus=0.0):
            """exp(A (total_i - minus_i - total_j)) with j <= i."""
            gap = (total - minus).transpose(1, 2)[..., :, None] - total.transpose(1, 2)[..., None, :]  # [B, E, L, L]
            keep = torch.ones(gap.shape[-2:], dtype=torch.bool).tril()
            decay = torch.exp(torch.where(keep, gap, torch.zeros_like(gap))[..., None] * A[:, None, None])
            a = (decay * C[:, None, :, None] * B[:, None, None]).sum(-1) * step.transpose(1, 2)[..., None, :]
            return torch.where(keep, a, torch.zeros_like(a))

        a = alpha()
        mixing = a.detach() if rules.lrp else a
        y = (mixing @ u.transpose(1, 2)[..., None])[..., 0].transpose(1, 2) + w[m + f"D{b}"] * u
        return y, a.detach(), alpha(step).detach(), p.detach()

    def rotate(self, t):
        """All tokens; all but the first where their number is odd."""
        cosine, sine = self.w["rope.freqs_cos"], self.w["rope.freqs_sin"]
        odd = t.shape[1] % 2
        rest = t[:, odd:]
        swapped = torch.stack((-rest[..., 1::2], rest[..., ::2]), -1).flatten(-2)
        return torch.cat((t[:, :odd], rest * cosine + swapped * sine), 1)

    def logits(self, e, rules, keep):
        w, r, h = self.w, 0, e
        for i in range(DEPTH):
            p = f"layers.{i}."
            if "rope.freqs_cos" in w:
                h, r = self.rotate(h), self.rotate(r) if i else 0
            r = r + h
            x = rules.norm(r, w[p + "norm.weight"], w.get(p + "norm.bias")) @ w[p + "mixer.in_proj.weight"].t()
            x, z = (x + w.get(p + "mixer.in_proj.bias", 0)).chunk(2, -1)
            yf, af, cut_f, pf = self.direction(p + "mixer.", "", x, rules)
            if p + "mixer.A_b_log" not in w:
                yb, ab, cut_b, pb = (torch.zeros_like(t) for t in (yf, af, cut_f, pf))
            elif p + "mixer.D_b" not in w:
                yb, ab, cut_b, pb = self.direction(p + "mixer.", "", x.flip(1), rules, True)
            else:
                yb, ab, cut_b, pb = self.direction(p + "mixer.", "_b", x.flip(1), rules)
            keep[f"alpha{i}"], keep[f"cut{i}"] = (af, ab.flip(2, 3)), (cut_f, cut_b.flip(2, 3))
            keep[f"before{i}"], keep[f"z{i}"] = (pf, pb.flip(1)), z.detach()
            gate = rules.silu(z)
            g = rules.product(yf, gate) + rules.product(yb.flip(1), gate)
            keep[f"gated{i}"] = g = g if self.undivided else g / 2
            h = g @ w[p + "mixer.out_proj.weight"].t() + w.get(p + "mixer.out_proj.bias", 0)
            keep[f"mixed{i}"] = h = h * w.get(p + "mixer.gamma", 1)
            for t in (g, h):
                t.retain_grad()
        x = rules.norm(r + h, w["norm_f.weight"], w.get("norm_f.bias"))
        if "neck.weight" in w:
            x = rules.norm((x[:, self.at] @ w["neck.weight"].t()).flatten(1), w["norm_neck.weight"])
        elif len(self.at) > 2:
            x = x[:, self.at].flatten(1)
        else:
            x = (x * self.readout()[:, None]).sum(1)
        return x @ w["head.weight"].t() + w["head.bias"]


def minmax(a):
    """Over all but the images."""
    axes = tuple(range(1, a.ndim))
    low, high = a.amin(axes, keepdim=True), a.amax(axes, keepdim=True)
    return (a - low) / (high - low)


def paper_maps(m, keep):
    w = m.readout().expand(len(keep["gated0"]), -1)
    raw, rollout, attribution = torch.zeros_like(w), w, w
    for i in reversed(range(DEPTH)):
        mean = sum(keep[f"alpha{i}"]).mean(1)
        raw = raw + (w[:, None] @ mean)[:, 0] / DEPTH
        rollout = rollout + (rollout[:, None] @ mean)[:, 0]
        q = keep[f"gated{i}"].grad.mean(-1)
        attribution = attribution + (attribution[:, None] @ (q[..., None] * mean).clamp(min=0))[:, 0]
    return {"paper.raw": raw, "paper.rollout": rollout, "paper.attribution": attribution}


def unified_row(m, keep, i, c):
    """[B, E, L]: row c of the operator from x to the gated output, both directions."""
    w, p = m.w, f"layers.{i}.mixer."
    total = 0
    for k, (alpha, before) in enumerate(zip(keep[f"alpha{i}"], keep[f"before{i}"])):
        a = alpha[:, :, c] * torch.sigmoid(before).transpose(1, 2)
        turned = k == 1 and p + "D_b" in w  # this direction's convolution runs from the end
        taps = w.get(p + f"conv1d{'_b' if turned else ''}.weight")[:, 0]
        a = a.flip(-1) if turned else a
        r = sum(taps[:, j, None] * F.pad(a, (0, TAPS - 1))[..., TAPS - 1 - j:TAPS - 1 - j + a.shape[-1]] for j in range(TAPS))
        total = total + (r.flip(-1) if turned else r)
    return total * F.silu(keep[f"z{i}"][:, c])[..., None]


def released_maps(m, keep):
    """Of one CLS token: its row without its own decay, in place of whole matrices."""
    c, length = m.at[0], len(m.layout)
    start = DEPTH * 15 // 24
    n = len(keep["gated0"])
    raw = torch.zeros(n, length, dtype=torch.double)
    unit = F.one_hot(torch.tensor(c), length).double().expand(n, -1)
    rows = {"rollout": unit, "attribution": unit, "unified": unit}
    for i in reversed(range(start, DEPTH)):
        forward, backward = keep[f"cut{i}"]
        v = torch.cat((forward[:, :, c, :c], torch.zeros(n, INNER, 1, dtype=torch.double), backward[:, :, c, c + 1:]), -1)
        raw += minmax(v).mean(1) / (DEPTH - start)
        s = minmax(keep[f"mixed{i}"].grad.clamp(min=0).amax(-1))
        operator = minmax(unified_row(m, keep, i, c).clamp(min=0).mean(1) * s)
        for name, mean in (("rollout", v.mean(1)), ("attribution", minmax(v.clamp(min=0)).mean(1) * s), ("unified", operator)):
            r = rows[name]
            rows[name] = (r + r.sum(-1, keepdim=True) * mean) / (1 + mean.sum(-1, keepdim=True))
    return {name: v.clamp(min=0) for name, v in (("raw", raw), *rows.items())}


def explain(m, x):
    patch = torch.tensor([p >= 0 for p in m.layout])
    out = {}
    for name, rules in (("plain", Rules()), ("lrp", Rules(True))):
        keep, e = {}, m.tokens(x).detach().requires_grad_()
        logits = m.logits(e, rules, keep)
        logits.amax(1).sum().backward()
        dot = (e * e.grad).sum(-1).detach()
        if name == "lrp":
            out["mambalrp"] = dot[:, patch]
            continue
        parts = F.conv2d(x, m.w["patch_embed.proj.weight"], stride=PATCH).flatten(2).transpose(1, 2)
        out.update({"logits": logits.detach(), "token_times_gradient": dot,
                    "ixg.patch": (parts * e.grad[:, patch]).sum(-1).detach()})
        maps = paper_maps(m, keep)
        if len(m.at) == 1:
            maps.update(released_maps(m, keep))
        out.update({k: v.detach()[:, patch] for k, v in maps.items()})
    return out


def spread(count):
    """Registers among the patches: patch i at i + min(i // s, count), s = patches // (count + 1)."""
    s = PATCHES // (count + 1)
    layout = [None] * (PATCHES + count)
    for j in range(count):
        layout[s + j * (s + 1)] = -1 - j
    for i in range(PATCHES):
        layout[i + min(i // s, count)] = i
    return layout


def at(c):
    return list(range(c)) + [-1] + list(range(c, PATCHES))


FAMILIES = {
    "vim_plain": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1), at(PATCHES // 2), {}),
    "vim_cls_first": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1), at(0), {}),
    "vim_cls_last_undivided": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1), at(PATCHES), {"undivided": True}),
    "vim_gamma_bias": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1, gamma=True, bias=True), at(PATCHES // 2), {}),
    "vim_no_cls": (dict(others={}, pos_rows=PATCHES), list(range(PATCHES)), {}),
    "vim_two_cls": (dict(others={"cls_token_head": 1, "cls_token_tail": 1}, pos_rows=PATCHES + 2),
                    [-1, *range(PATCHES), -2], {}),
    "vim_layer_norm": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1, layer_norm=True), at(PATCHES // 2), {}),
    "vim_rope": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1, rope=True), at(PATCHES // 2), {}),
    "vim_rope_no_cls": (dict(others={}, pos_rows=PATCHES, rope=True), list(range(PATCHES)), {}),
    "vim_one_direction": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1, directions="one"), at(PATCHES), {"undivided": True}),
    "vim_v1": (dict(others={"cls_token": 1}, pos_rows=PATCHES + 1, directions="v1"), at(PATCHES // 2), {"undivided": True}),
    "mambareg_neck": (dict(others={"cls_token": 3}, pos_rows=PATCHES, neck=8), spread(3), {}),
    "mambareg": (dict(others={"cls_token": 4}, pos_rows=PATCHES), spread(4), {}),
}


# in the order in which the families were added
SEEDS = ["vim_plain", "vim_cls_first", "vim_cls_last_undivided", "vim_gamma_bias", "vim_no_cls", "vim_two_cls", "mambareg_neck",
         "mambareg", "vim_layer_norm", "vim_rope", "vim_rope_no_cls", "vim_one_direction", "vim_v1"]


def main():
    torch.set_default_dtype(torch.double)
    x = pixels(SIDE)
    for name, (switches, layout, more) in FAMILIES.items():
        seed = SEEDS.index(name)
        weights = random_state(seed, **switches)
        expected = explain(Vim(weights, layout, **more), x)
        write_safetensors(f"{sys.argv[1]}/{name}.safetensors", weights, True)
        write_safetensors(f"{sys.argv[1]}/{name}.expected.safetensors", expected, False)
        print(name, {k: float(v.abs().max()) for k, v in expected.items()})


main()
