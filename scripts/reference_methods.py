#!/usr/bin/env python3
"""Every explanation method that evalh took from other papers, once more in PyTorch and in double, from the published
formulas; shares no code with evalh. Writes the maps that tests hold evalh to:

    reference_methods.py --golden shared/golden --demo model/demo --out tests/model/methods.h5

The file: MODEL/IMAGE/CLASS/CASE, a case being a method under some settings (attributes `method`, `settings`). A map is
[g*g]; of a pixel map every `stride`-th value is kept (attribute), with its largest |value| and its sum beside them."""

import argparse
import os

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import reference_lrp as lrp
from reference_models import MEAN, STD, AttnLRP, Libra, Model, Plain, normalised, read_weights

SEED = 20240229  # of the draws, with the image's position + 1 as its hash
DEFAULTS = {"score": "logit", "level": "token", "channels": "sum", "backward": "true", "target": "norm", "steps": 50,
            "samples": 0, "baseline": "mean", "noise": 0.15, "variant": "mean", "softmax": "cp", "gamma_conv": 0.25,
            "gamma_linear": 0.05, "gamma_attention": "no", "influence": "jacobian"}


# ---- draws: splitmix64, keyed by (seed, hash, sample), then by position ------------------------
def splitmix(state, index):
    """Output `index` (0, 1, ..) of the splitmix64 stream that starts at `state`; arrays of uint64."""
    with np.errstate(over="ignore"):
        z = np.uint64(state) + (np.asarray(index, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def stream(seed, image_hash, sample):
    state = splitmix(seed, 0)
    for part in (image_hash, sample):
        state = splitmix(state ^ np.uint64(part), 0)
    return state


def uniforms(state, index):
    return (splitmix(state, index) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def normals(state, count):
    """Value v from outputs 2v + 2, 2v + 3 (Box and Muller); 0 and 1 belong to the sample as a whole."""
    v = np.arange(count, dtype=np.uint64) * np.uint64(2) + np.uint64(2)
    u, w = 1 - uniforms(state, v), uniforms(state, v + np.uint64(1))
    return torch.from_numpy(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * w))


# ---- what methods share ------------------------------------------------------------------------
class Decision:
    """A model, an image and the class k [1] to explain."""

    def __init__(self, model, rgb, k, image_hash, references):
        self.model, self.k, self.hash = model, k, image_hash
        self.x = normalised(rgb)[None]
        self.references = [normalised(r) for r in references]

    def score(self, logits, s):
        f = logits if s["score"] == "logit" else logits.softmax(-1)
        return f[:, self.k]

    def value(self, x, s):
        with torch.no_grad():
            return self.score(self.model.logits(self.model.tokens(x)), s)

    def run(self, x, s, rules):
        """Forward pass: (f [B], tokens e, kept tensors), all in one graph with x."""
        kept, e = {}, self.model.tokens(x, rules)
        if not e.requires_grad:
            e.requires_grad_()
        f = self.score(self.model.logits(e, rules, kept), s)
        return f, e, kept


def rules_of(s):
    return Libra() if s["backward"] == "libra" else Plain()


def grads(f, tensors):
    return [g.detach() for g in torch.autograd.grad(f.sum(), tensors)]


def over_channels(v, s):
    """[.., 3, S, S] -> [.., S, S]"""
    return {"sum": v.sum(-3), "abs": v.abs().sum(-3), "max": v.abs().amax(-3)}[s["channels"]]


def patch_sums(model, pixel_map):
    """[S, S] -> [g*g], over each patch's window"""
    one = torch.ones(1, 1, model.patch, model.patch, dtype=torch.double)
    return F.conv2d(pixel_map[None, None], one, stride=model.stride).flatten()


def times_input(decision, difference, e, gx, ge, s):
    """A map linear in the gradient, at the level asked for. difference, gx [3, S, S]; e, ge [L, D]."""
    model = decision.model
    if s["level"] == "token":
        return model.drop((e * ge).sum(-1))
    if s["level"] == "patch" and s["channels"] == "sum":
        w = model.w["patch_embed.proj.weight"]
        t = F.conv2d(difference[None], w, stride=model.stride).flatten(2).transpose(1, 2)[0]
        return (t * model.drop(ge.t()).t()).sum(-1)
    pixels = over_channels(difference * gx, s)
    return pixels if s["level"] == "pixel" else patch_sums(model, pixels)


# ---- methods: (map, {identity: [difference, value]}) -------------------------------------------
def ixg(decision, s):
    x = decision.x.clone().requires_grad_()
    f, e, _ = decision.run(x, s, rules_of(s))
    gx, ge = grads(f, [x, e])
    return times_input(decision, decision.x[0], e[0].detach(), gx[0], ge[0], s), {}


def genatt(decision, s):
    model = decision.model
    f, _, kept = decision.run(decision.x, s, rules_of(s))
    probs = [kept[f"blocks.{i}.probs"] for i in range(model.depth)]
    R = torch.eye(model.tokens_count, dtype=torch.double)
    for a, g in zip(probs, grads(f, probs)):
        R = R + (a.detach() * g)[0].clamp(min=0).mean(0) @ R
    return model.drop(R[0]), {}


def attn_gradcam(decision, s):
    f, _, kept = decision.run(decision.x, s, Plain())
    a = kept[f"blocks.{decision.model.depth - 1}.probs"]
    g, a = grads(f, [a])[0][0, :, 0, 1:], a.detach()[0, :, 0, 1:]
    return (g.mean(1, keepdim=True) * a).mean(0).clamp(min=0), {}


def cam_target(decision, s):
    """(a [L, D], its gradient) of the layer that CAM looks at."""
    model = decision.model
    f, _, kept = decision.run(decision.x, s, rules_of(s))
    last = model.depth - 1
    a = kept[f"blocks.{last}.norm1"] if not model.vim else kept[f"xhat{last}" if s["target"] == "norm" else f"h{last - 1}"]
    return a.detach()[0], grads(f, [a])[0][0]


def gradcam(decision, s):
    a, g = cam_target(decision, s)
    weights = decision.model.drop(g.t()).mean(-1)
    return decision.model.drop((a * weights).sum(-1)).clamp(min=0), {}


def hirescam(decision, s):
    a, g = cam_target(decision, s)
    return decision.model.drop((a * g).sum(-1)).clamp(min=0), {}


def baseline_of(s):
    black = -(MEAN.float().double() / STD.float().double())
    return black if s["baseline"] == "black" else torch.zeros(3, 1, 1, dtype=torch.double)


def mean_gradient(decision, s, inputs, weights):
    """(Σ w_i ∂f/∂x_i, Σ w_i ∂f/∂e_i) over inputs [n, 3, S, S] in small batches."""
    total_x = total_e = 0
    for at in range(0, len(inputs), decision.chunk):
        x = inputs[at:at + decision.chunk].clone().requires_grad_()
        f, e, _ = decision.run(x, s, Plain())
        gx, ge = grads((f * weights[at:at + decision.chunk]).sum(), [x, e])
        total_x, total_e = total_x + gx.sum(0), total_e + ge.sum(0)
    return total_x, total_e


def ig(decision, s):
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(s["steps"]))
    x, base = decision.x[0], baseline_of(s).expand_as(decision.x[0])
    path = base + ((1 + nodes) / 2)[:, None, None, None] * (x - base)
    gx, ge = mean_gradient(decision, s, path, weights / 2)
    e = decision.model.tokens(torch.stack([x, base]))
    gap = ((x - base) * gx).sum() - (decision.value(decision.x, s) - decision.value(base[None], s))[0]
    made = times_input(decision, x - base, e[0] - e[1], gx, ge, s)
    return made, {"completeness": [float(gap), float(decision.value(decision.x, s) - decision.value(base[None], s))]}


def libra(decision, s):
    model, w = decision.model, decision.model.w
    f, e, kept = decision.run(decision.x, s, Libra())
    inputs = [f"blocks.{i}.x0" for i in range(model.depth)]
    biased = [f"blocks.{i}.{part}" for i in range(model.depth)
              for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")] + ["norm"]
    found = grads(f, [kept[n] for n in inputs + biased + ["head"]])
    streams = [(kept[n].detach() * g)[0].sum(-1) for n, g in zip(inputs, found)]
    bias = sum((w[n + ".bias"] * g)[0].sum(-1) for n, g in zip(biased, found[model.depth:]))
    bias[model.cls_at] += (w["head.bias"] * found[-1][0]).sum()
    gap = (streams[0] + bias).sum() - f.sum().detach()
    return model.drop(sum(streams) + bias), {"completeness": [float(gap), float(f)]}


def partial_lrp(decision, s):
    kept = decision.run(decision.x, s, Plain())[2]
    maps = lrp.relevance(decision.model, kept, torch.tensor([decision.k]), decision.model.depth - 1, True)[1]
    return maps[0][0].clamp(min=0).mean(0)[0, 1:], {}


def full_lrp(decision, s):
    _, e, kept = decision.run(decision.x, s, Plain())
    R = lrp.relevance(decision.model, kept, torch.tensor([decision.k]), 0, True)[0]
    return lrp.pixels(decision.model, decision.x, e.detach(), R)[0], {}


def smoothgrad(decision, s):
    x, total, n = decision.x[0], 0, s["samples"] or 50
    sigma = s["noise"] * (x.max() - x.min())
    for i in range(n):
        noisy = x + sigma * normals(stream(SEED, decision.hash, i), x.numel()).view_as(x)
        gx = mean_gradient(decision, s, noisy[None], torch.ones(1, dtype=torch.double))[0]
        total = total + (gx if s["variant"] == "mean" else gx * gx) / n
    pixels = over_channels(total, s)
    return pixels if s["level"] == "pixel" else patch_sums(decision.model, pixels), {}


def expected_gradients(decision, s):
    x, total, n = decision.x[0], 0, s["samples"] or 50
    sigma = s["noise"] * (x.max() - x.min())
    for i in range(n):
        state = stream(SEED, decision.hash, i)
        u, drawn = uniforms(state, [0, 1])
        base = decision.references[int(drawn * len(decision.references))]
        noisy = x + sigma * normals(state, x.numel()).view_as(x) if s["noise"] else x
        gx, ge = mean_gradient(decision, s, (u * noisy + (1 - u) * base)[None], torch.ones(1, dtype=torch.double))
        e = decision.model.tokens(torch.stack([noisy, base]))
        total = total + times_input(decision, noisy - base, e[0] - e[1], gx, ge, s) / n
    return total, {}


def attnlrp(decision, s):
    x = decision.x.clone().requires_grad_()
    rules = AttnLRP(s["gamma_conv"] if s["level"] == "pixel" else 0, s["gamma_linear"], s["softmax"],
                    s["gamma_attention"] == "yes")
    f, e, _ = decision.run(x, s, rules)
    gx, ge = grads(f, [x, e])
    return times_input(decision, decision.x[0], e[0].detach(), gx[0], ge[0], s), {}


def minmax(a, eps):
    return torch.zeros_like(a) if a.max() - a.min() < 1e-8 else (a - a.min()) / (a.max() - a.min() + eps)


def xvmamba(decision, s):
    model, kept = decision.model, {}
    with torch.no_grad():
        model.logits(model.tokens(decision.x), Plain(), kept)
    layers = []
    for i in range(model.depth):
        both = [influence(part, s["influence"]) for part in kept[f"layers.{i}.mixer.scan"]]
        layers.append(minmax(model.drop((both[0] + both[1].flip(0)) / 2), 1e-8))
    a = torch.stack(layers).mean(0)
    return (a - a.min()) / (a.max() - a.min()), {}


def influence(part, kind):
    """[L] of one direction in its own order."""
    _, step, B, C, A, _ = (t[0] if t.ndim == 3 else t for t in part)
    decay, push = torch.exp(step[..., None] * A), step[..., None] * B[:, None]  # [L, E, N]
    if kind == "gramian":
        return ((C * C)[:, None] * push * push / (-torch.expm1(2 * step[..., None] * A) + 1e-8)).sum(-1).mean(-1)
    q, out = torch.zeros_like(decay[0]), []
    for t in reversed(range(len(step))):
        q = C[t].abs() + (decay[t + 1] * q if t + 1 < len(step) else 0)
        out.insert(0, (push[t].abs() * q).sum(-1).mean())
    return torch.stack(out)


METHODS = {m.__name__: m for m in (genatt, gradcam, hirescam, ixg, attn_gradcam, ig, libra, partial_lrp, smoothgrad,
                                   attnlrp, full_lrp, xvmamba, expected_gradients)}
VIT_ONLY = ("genatt", "attn_gradcam", "libra", "partial_lrp", "attnlrp", "full_lrp")

# ---- cases -------------------------------------------------------------------------------------
# "method key=value ..": what is settled otherwise than by DEFAULTS; `small` ones for the micro models alone.
CASES = [
    "genatt", "genatt score=softmax", "genatt backward=libra", "gradcam", "gradcam score=softmax",
    "gradcam target=mixer", "gradcam backward=libra", "hirescam", "hirescam target=mixer", "hirescam backward=libra",
    "ixg level=token", "ixg level=patch", "ixg level=pixel", "ixg level=token score=softmax",
    "ixg level=token backward=libra", "attn_gradcam", "attn_gradcam score=softmax", "ig level=patch", "libra",
    "partial_lrp", "smoothgrad level=pixel channels=abs samples=3", "attnlrp level=pixel", "attnlrp level=token",
    "full_lrp level=pixel", "xvmamba", "xvmamba influence=gramian",
    "expected_gradients level=patch samples=3 noise=0"]
SMALL = [
    "ixg level=pixel channels=abs", "ixg level=pixel channels=max", "ixg level=patch channels=abs", "ig level=pixel",
    "ig level=patch baseline=black", "ig level=pixel steps=10 channels=abs", "ig level=patch score=softmax steps=20",
    "libra score=softmax", "smoothgrad level=patch channels=abs samples=3", "smoothgrad level=pixel channels=sum samples=2",
    "smoothgrad level=pixel channels=max variant=squared samples=3 noise=0.3", "attnlrp level=token softmax=attn",
    "attnlrp level=token gamma_attention=yes", "attnlrp level=token gamma_linear=0",
    "attnlrp level=pixel gamma_linear=0.1 gamma_conv=100", "attnlrp level=token score=softmax",
    "expected_gradients level=pixel samples=3 noise=0.1", "expected_gradients level=patch samples=2 noise=0.2 channels=abs"]


def parse(case):
    name, *pairs = case.split()
    s = dict(DEFAULTS)
    for key, value in (p.split("=") for p in pairs):
        s[key] = type(DEFAULTS[key])(value)
    return name, s


def defined(case, vim):
    name, _ = parse(case)
    return not (vim and (name in VIT_ONLY or "libra" in case)) and (vim or name != "xvmamba" and "mixer" not in case)


def stored(found):
    """[largest |value|, sum, values]; of a pixel map every 7th value, of a large one every 61st."""
    flat = found.detach().flatten()
    step = 1 if found.ndim == 1 else 7 if len(flat) < 10000 else 61
    return np.concatenate(([float(flat.abs().max()), float(flat.sum())], flat[::step].numpy())).astype("f4")


def write(out, model, name, images, labels, cases):
    """All cases of a model's images; labels: {class choice: class or None for the predicted one}."""
    for at, (image, rgb) in enumerate(images):
        with torch.no_grad():
            logits = model.logits(model.tokens(normalised(rgb)[None]))[0]
        out[f"{name}/{image}/logits"] = logits.numpy().astype("f4")
        for choice, label in labels.items():
            k = int(logits.argmax()) if label is None else label
            decision = Decision(model, rgb, k, at + 1, [r for _, r in images])
            decision.chunk = 10 if model.image_size < 100 else 2
            for case in (c for c in cases if defined(c, model.vim)):
                method, s = parse(case)
                found, identity = METHODS[method](decision, s)
                out[f"{name}/{image}/{choice}/{case}"] = stored(found)
                for what, (gap, value) in identity.items():
                    print(f"{name}/{image}/{choice}/{case}: {what} off by {abs(gap / value):.1e} of {value:.3g}", flush=True)
        print(f"{name}/{image}: done", flush=True)


def golden(out, folder):
    from PIL import Image
    with h5py.File(os.path.join(folder, "models.h5")) as f:
        for name in f:
            path = os.path.join(folder, name + ".pth")
            path = path if os.path.exists(path) else os.path.join(folder, name + ".safetensors")
            side = int(f[name].attrs["image_size"])
            model = Model(read_weights(path), side, int(f[name].attrs["heads"]))
            images, large = [], side > 100
            for image in list(f[name])[:1 if large else 2]:
                with Image.open(os.path.join(folder, "images", image)) as picture:
                    rgb = np.asarray(picture.convert("RGB").resize((side, side), Image.BILINEAR))
                from reference_check import check
                check(model, normalised(rgb)[None], f[name][image], f"{name}/{image}")
                images.append((image, rgb))
            labels = {"predicted": None} if large else {"predicted": None, "target": 3}
            write(out, model, name, images, labels, CASES if large else CASES + SMALL)


def made_picture(number, side):
    """[S, S, 3]: blocks of 8 x 8 pixels of one colour each, and noise of 5 bits; tests make it again in C."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    block = splitmix(number, (y // 8 * (side // 8) + x // 8) * 3 + c) & np.uint64(255)
    noise = splitmix(number + 1000, (y * side + x) * 3 + c) & np.uint64(31)
    return (block - block // np.uint64(8) + noise).astype(np.uint8)


def demo(out, folder):
    for name, heads in (("vim_demo", 0), ("vit_demo", 3)):
        model = Model(read_weights(os.path.join(folder, name + ".safetensors")), 64, heads)
        images = [(f"made{i}", made_picture(i, 64)) for i in range(2)]
        write(out, model, name, images, {"predicted": None, "target": 5}, CASES + SMALL)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", help="folder of the golden models")
    p.add_argument("--demo", help="folder of the demo models")
    p.add_argument("--out", required=True)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    with h5py.File(a.out, "w", libver=("earliest", "v110")) as out:
        out.attrs["seed"] = SEED
        if a.demo:
            demo(out, a.demo)
        if a.golden:
            golden(out, a.golden)


if __name__ == "__main__":
    main()
