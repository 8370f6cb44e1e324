"""Holds reference_models.py and reference_lrp.py to the golden numbers before anything is made of them: logits, and the
maps of the protocol `released` that rest on the same activations, gradients and relevance."""

import torch

import reference_lrp as lrp
from reference_models import Plain


def minmax(a):
    return (a - a.min()) / (a.max() - a.min()) if a.max() > a.min() else torch.zeros_like(a)


def roll(steps, at, normalise):
    """Row `at` of the product of I + K, later on the left."""
    R = torch.eye(len(steps[0]), dtype=torch.double)
    for K in steps:
        M = torch.eye(len(K), dtype=torch.double) + K
        R = (M / M.sum(-1, keepdim=True) if normalise else M) @ R
    return R[at]


def vit_maps(model, x, k):
    kept, e = {}, model.tokens(x).requires_grad_()
    f = model.logits(e, Plain(), kept)[0, k]
    probs = [kept[f"blocks.{i}.probs"] for i in range(model.depth)]
    grads = torch.autograd.grad(f, probs)
    relevance = lrp.relevance(model, kept, torch.tensor([k]), 0, False)[1]
    mean = [a.detach()[0].mean(0) for a in probs]
    weighted = [(g * r)[0].clamp(min=0).mean(0) for g, r in zip(grads, relevance)]
    return {"raw": mean[-1][0, 1:], "rollout": roll(mean[1:], 0, True)[1:], "attr": roll(weighted[1:], 0, False)[1:]}


def cls_row(part, c):
    """[E, c]: SPEC 4's row c before column c, without the CLS token's own decay; the direction's own order."""
    _, step, B, C, A, _ = (t[0] if t.ndim == 3 else t for t in part)
    sums = step[:c].cumsum(0)
    decay = torch.exp((sums[-1] - sums)[..., None] * A)
    return ((decay * B[:c, None] * C[c]).sum(-1) * step[:c]).t()


def vim_maps(model, x, k):
    kept, e = {}, model.tokens(x).requires_grad_()
    f = model.logits(e, Plain(), kept)[0, k]
    grads = torch.autograd.grad(f, [kept[f"h{i}"] for i in range(model.depth)])
    raw, plain, weighted, c = [], [], [], model.cls_at
    for i in range(model.depth * 15 // 24, model.depth):
        forward, backward = kept[f"layers.{i}.mixer.scan"]
        back = cls_row(backward, model.tokens_count - 1 - c).flip(-1)
        row = torch.cat((cls_row(forward, c), torch.zeros_like(back[:, :1]), back), -1)
        focus = minmax(grads[i][0].clamp(min=0).amax(-1))
        raw.append(minmax(row).mean(0))
        plain.append(row.mean(0).expand(len(e[0]), -1))
        weighted.append((minmax(row.clamp(min=0)).mean(0) * focus).expand(len(e[0]), -1))
    maps = {"raw": sum(raw) / len(raw), "rollout": roll(plain, c, True), "attr": roll(weighted, c, True)}
    return {name: model.drop(m).clamp(min=0) for name, m in maps.items()}


def check(model, x, group, name):
    """Raises SystemExit where the golden numbers of one image do not come back."""
    with torch.no_grad():
        logits = model.logits(model.tokens(x))[0]
    k, worst = int(logits.argmax()), {}

    def error(what, ours, path, allowed):
        want = torch.from_numpy(group[path][:]).double()
        worst[what] = float((ours - want).abs().max() / want.abs().max())
        if not worst[what] <= allowed:
            raise SystemExit(f"{name}: {path} is off by {worst[what]:.1e} of the largest value")

    error("logits", logits, "logits", 1e-12)
    for method, found in (vim_maps if model.vim else vit_maps)(model, x, k).items():
        error(method, found, f"predicted/{method}", 1e-7)
    print(f"{name}: golden numbers come back:", ", ".join(f"{w} {e:.0e}" for w, e in worst.items()), flush=True)
