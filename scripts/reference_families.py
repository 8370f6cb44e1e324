"""Tiny random checkpoints of the families of ViT that people bring, as timm, transformers and torchvision write them, with
what their own code makes of an image (logits), and raw attention, rollout, attribution, AttnLRP at the tokens and the first
LRP at the patches, computed here in double: test data for tests/model/test_all_families.c. Needs torch, timm, transformers,
torchvision; evalh itself needs none of them.

    python3 scripts/reference_families.py tests/model/families [FAMILY..]

The maps follow the specification (read-out weights w over tokens in place of row c; LayerScale folded; average pooling
as R_i = x_i S(R, sum x); two heads as the halves of a residual)."""

import os
import sys
from functools import partial

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference_lrp as lrp
from reference_files import CLASSES, pixels, write_safetensors
from reference_models import AttnLRP, Libra, Plain, share

WIDTH, DEPTH, HEADS, MLP = 16, 3, 2, 24


def randomise(model, seed):
    """Weights that fp16 holds exactly, large enough for attention to differ from uniform."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.15 if p.ndim == 1 or "token" in name or "pos" in name else 1.2 / p[0].numel() ** 0.5
            base = 1.0 if p.ndim == 1 and ("norm" in name or "ln" in name) and name.endswith("weight") else 0.0
            if "gamma" in name or "lambda1" in name or "scale" in name:
                base, scale = 0.6, 0.3
            if "qkv" in name or "query" in name or "key" in name or "q_proj" in name or "in_proj" in name:
                scale *= 2
            p.copy_((base + scale * torch.randn(p.shape, generator=g)).half().to(p.dtype))
    return model.double().eval()


# ---- one ViT in double, from named parts -------------------------------------------------------
class Parts:
    """tokens: [(tensor [k, D])] before the patches; pos for all tokens [L, D]; blocks: dicts of (weight, bias)."""

    def __init__(self, proj, others, pos, blocks, norm, head, readout, eps=1e-6, fc_norm=False, head_dist=None,
                 norm_pre=None, pre=None):
        self.proj, self.others, self.pos, self.blocks, self.norm = proj, others, pos, blocks, norm
        self.head, self.head_dist, self.readout, self.eps, self.fc_norm = head, head_dist, readout, eps, fc_norm
        self.norm_pre, self.pre = norm_pre, pre

    def weights(self, length):
        """Read-out weights over the tokens."""
        w, p = torch.zeros(length, dtype=torch.double), len(self.others)
        if self.readout == "token":
            w[0] = 1
        elif self.readout == "two heads":
            w[:2] = 0.5
        elif self.readout == "mean":
            w[p:] = 1 / (length - p)
        else:  # token and mean
            w[p:] = 0.5 / (length - p)
            w[0] = 0.5
        return w


def gate(rules, h, value):
    """SiLU(h) * value; under other rules than the gradient's SiLU(h) = h sigma(h) and each factor takes a half."""
    if type(rules) is Plain:
        return F.silu(h) * value
    return share(h * torch.sigmoid(h).detach(), 0.5) * share(value, 0.5)


def forward(m, x, keep, rules):
    e = F.conv2d(x, *m.proj, stride=m.proj[0].shape[-1]).flatten(2).transpose(1, 2)
    if len(m.others):
        e = torch.cat((m.others[None].expand(len(e), -1, -1), e), 1)
    x = e + m.pos
    n, length, width = x.shape
    keep["tokens"] = x = x.detach().requires_grad_()
    if m.norm_pre is not None:
        x = rules.norm(x, *m.norm_pre, m.eps)
        rules.found = []  # its bias is inside the first block's input
    for i, b in enumerate(m.blocks):
        p = f"blocks.{i}."
        keep[p + "x0"] = x
        y = keep[p + "attn.qkv.in"] = rules.norm(x, *b["norm1"], m.eps)
        qkv = rules.linear(y, *b["attn.qkv"], "qkv").view(n, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv
        if "q_norm" in b:
            norm = Plain.norm if type(rules) is Plain else Libra.norm  # their biases are not FullGrad+'s
            q, k = norm(rules, q, *b["q_norm"], m.eps), norm(rules, k, *b["k_norm"], m.eps)
        keep[p + "q"], keep[p + "k"], keep[p + "v"] = q, k, v
        a, o = rules.attend(q, k, v, (width // HEADS) ** -0.5)
        keep[p + "probs"] = a
        a.retain_grad()
        o = keep[p + "attn.proj.in"] = o.transpose(1, 2).reshape(n, length, width)
        keep[p + "p"] = rules.linear(o, *b["attn.proj"], "proj")
        x = keep[p + "x1"] = x + keep[p + "p"]
        y = keep[p + "mlp.fc1.in"] = rules.norm(x, *b["norm2"], m.eps)
        h = rules.linear(y, *b["mlp.fc1"], "fc1")
        gated = h.shape[-1] == 2 * b["mlp.fc2"][0].shape[1]
        y = keep[p + "mlp.fc2.in"] = gate(rules, *h.chunk(2, -1)) if gated else rules.gelu(h)
        keep[p + "m"] = rules.linear(y, *b["mlp.fc2"], "fc2")
        x = x + keep[p + "m"]
    keep["x"], p = x, len(m.others)
    if m.fc_norm:
        keep["pooled"] = rules.norm(x[:, p:].mean(1), *m.norm, m.eps)
        return classify(m, keep, rules)
    x = keep["norm"] = rules.norm(x, *m.norm, m.eps)
    if m.readout == "token":
        keep["pooled"] = x[:, 0]
    elif m.readout == "mean":
        keep["pooled"] = x[:, p:].mean(1)
    elif m.readout == "token and mean":
        keep["pooled"] = torch.cat((x[:, 0], x[:, p:].mean(1)), 1)
    else:
        keep["halves"] = rules.linear(x[:, 0], *m.head, "head"), rules.linear(x[:, 1], *m.head_dist, "head")
        return sum(keep["halves"]) / 2
    return classify(m, keep, rules)


def classify(m, keep, rules):
    if m.pre is None:
        return rules.linear(keep["pooled"], *m.head, "head")
    keep["hidden"] = rules.tanh(rules.linear(keep["pooled"], *m.pre, "head"))
    return rules.linear(keep["hidden"], *m.head, "head")


def mean_rule(R, x):
    return x * lrp.ratio(R, x.sum(1))[:, None]


def relevance_on_top(m, keep, onehot, orig):
    """R of the last block's output, [n, L, D]."""
    x, p = (keep["x"] if m.fc_norm else keep["norm"]).detach(), len(m.others)
    R = torch.zeros_like(x)
    if m.readout == "two heads":
        a, b = (h.detach() for h in keep["halves"])
        ra, rb = lrp.add(onehot, a, b, orig)
        R[:, 0] = lrp.linear(ra, x[:, 0], m.head[0], orig)
        R[:, 1] = lrp.linear(rb, x[:, 1], m.head_dist[0], orig)
        return R
    r = onehot
    if m.pre is not None:
        r = lrp.linear(r, keep["hidden"].detach(), m.head[0], orig)
    r = lrp.linear(r, keep["pooled"].detach(), (m.head if m.pre is None else m.pre)[0], orig)
    if m.readout == "token":
        R[:, 0] = r
    else:
        R[:, p:] = mean_rule(r[:, -WIDTH:], x[:, p:])
        if m.readout == "token and mean":
            R[:, 0] = r[:, :WIDTH]
    return R


class Biased(Libra):
    """LibraGrad's rules; keeps every output that a bias was added to."""

    def __init__(self):
        self.found = []

    def took(self, y, b):
        y.retain_grad()
        self.found.append((y, b))
        return y

    def norm(self, x, w, b, eps):
        return self.took(super().norm(x, w, b, eps), b)

    def linear(self, x, w, b, where):
        return self.took(super().linear(x, w, b, where), b)


def libra(m, x, k):
    """FullGrad+ of all tokens; a bias behind the read-out counts at the tokens by their shares of it."""
    keep, rules = {}, Biased()
    logits = forward(m, x, keep, rules)
    inputs = [keep[f"blocks.{i}.x0"] for i in range(DEPTH)]
    for t in inputs:
        t.retain_grad()
    logits.gather(1, k[:, None]).sum().backward()
    total = sum((t * t.grad).sum(-1) for t in inputs).detach()
    behind = [[0], [1]] if m.readout == "two heads" else [None, None]  # the tokens that the heads look at
    for y, b in rules.found:
        took = (b * y.grad).sum(-1)
        if took.ndim == 2:
            total += took
        elif behind[0] is not None:
            total[:, behind.pop(0)] += took[:, None]
        else:
            total += took[:, None] * m.weights(total.shape[1])
    return total


def full_lrp(m, x, keep, weights, R):
    """The first LRP from R on top through all blocks and to the pixels, summed over each patch."""
    for i in reversed(range(DEPTH)):
        R = lrp.block(weights, f"blocks.{i}.", keep, R, HEADS, True)[0]
    patch = m.proj[0].shape[-1]
    e = keep["tokens"][:, len(m.others):]
    R = ((e - m.pos[len(m.others):]) * lrp.ratio(R[:, len(m.others):], e)).detach()
    side = x.shape[-1] // patch
    return F.avg_pool2d(lrp.box(x, R.transpose(1, 2).unflatten(2, (side, side)), m.proj[0], patch), patch).flatten(1) * patch ** 2


def explain(m, x):
    """logits, and the maps of the predicted class, [n, patches]."""
    keep, changed, softly = {}, {}, {}
    logits = forward(m, x, keep, Plain())
    k = logits.argmax(1)
    logits.gather(1, k[:, None]).sum().backward()
    forward(m, x, changed, AttnLRP(0, 0.05)).gather(1, k[:, None]).sum().backward()
    forward(m, x, softly, AttnLRP(0, 0.05, "attn", True)).gather(1, k[:, None]).sum().backward()
    kept = {name: t.detach() for name, t in keep.items() if torch.is_tensor(t)}
    onehot = F.one_hot(k, logits.shape[1]).double()
    R = relevance_on_top(m, keep, onehot, False)
    weights = {f"blocks.{i}.{name}.weight": b[name][0] for i, b in enumerate(m.blocks) for name in b}
    length, p = kept["tokens"].shape[1], len(m.others)
    w = m.weights(length).expand(len(x), length)
    raw = (w[:, None] @ kept[f"blocks.{DEPTH - 1}.probs"].mean(1))[:, 0]
    rows = {"rollout": w.clone(), "attribution": w.clone()}
    for i in reversed(range(1, DEPTH)):
        R, ra = lrp.block(weights, f"blocks.{i}.", kept, R, HEADS, False)
        a = kept[f"blocks.{i}.probs"].mean(1) + torch.eye(length)
        rows["rollout"] = (rows["rollout"][:, None] @ (a / a.sum(-1, keepdim=True)))[:, 0]
        a = (keep[f"blocks.{i}.probs"].grad * ra).clamp(min=0).mean(1)
        rows["attribution"] = rows["attribution"] + (rows["attribution"][:, None] @ a)[:, 0]
    maps = {"raw": raw, **rows, "libra": libra(m, x, k)}
    for name, found in (("attnlrp", changed), ("attnlrp.attn", softly)):
        maps[name] = (found["tokens"] * found["tokens"].grad).sum(-1).detach()
    dot = (keep["tokens"] * keep["tokens"].grad).sum(-1)
    maps = {name: v[:, p:] for name, v in maps.items()}
    maps["full_lrp"] = full_lrp(m, x, kept, weights, relevance_on_top(m, keep, onehot, True))
    return logits.detach(), maps, dot.detach()


# ---- the families ------------------------------------------------------------------------------
def pair(module):
    w = module.weight
    return w, module.bias if module.bias is not None else torch.zeros(len(w), dtype=w.dtype)


def scaled(module, gamma):
    w, b = pair(module)
    return (w, b) if gamma is None else (w * gamma[:, None], b * gamma)


def timm_parts(m, readout):
    fc_norm = not isinstance(m.fc_norm, torch.nn.Identity)
    tokens = [t[0] for t in (m.cls_token, getattr(m, "dist_token", None), m.reg_token) if t is not None]
    others = torch.cat(tokens) if tokens else torch.zeros(0, WIDTH, dtype=torch.double)
    pos = m.pos_embed[0]
    missing = len(others) + m.patch_embed.num_patches - len(pos)
    pos = torch.cat((torch.zeros(missing, WIDTH, dtype=torch.double), pos))
    blocks = [{**({"q_norm": pair(b.attn.q_norm), "k_norm": pair(b.attn.k_norm)} if hasattr(b.attn.q_norm, "weight") else {}),
               "norm1": pair(b.norm1), "attn.qkv": pair(b.attn.qkv), "attn.proj": scaled(b.attn.proj, getattr(b.ls1, "gamma", None)), "norm2": pair(b.norm2),
               "mlp.fc1": pair(b.mlp.fc1), "mlp.fc2": scaled(b.mlp.fc2, getattr(b.ls2, "gamma", None))}
              for b in m.blocks]
    head_dist = pair(m.head_dist) if hasattr(m, "head_dist") else None
    return Parts(pair(m.patch_embed.proj), others, pos, blocks, pair(m.fc_norm if fc_norm else m.norm), pair(m.head),
                 readout, eps=m.blocks[0].norm1.eps, fc_norm=fc_norm, head_dist=head_dist,
                 norm_pre=pair(m.norm_pre) if hasattr(m.norm_pre, "weight") else None)


def timm_model(readout, side=32, patch=8, distilled=False, clip=False, swiglu=False, **more):
    from timm.layers import SwiGLUPacked
    from timm.models.deit import VisionTransformerDistilled
    from timm.models.vision_transformer import VisionTransformer
    kind = VisionTransformerDistilled if distilled else VisionTransformer
    if clip:
        more.update(pre_norm=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-5))
    if swiglu:
        more.update(mlp_layer=SwiGLUPacked, act_layer=torch.nn.SiLU)
    m = kind(img_size=side, patch_size=patch, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
             mlp_ratio=(2 if swiglu else 1) * MLP / WIDTH, num_classes=CLASSES, **more)
    return m, lambda: timm_parts(m, readout), m, side


def mae_probe():
    """A batch norm without weights before the head; its running values are folded into the head here."""
    m, parts, run, side = timm_model("token")
    norm, g = torch.nn.BatchNorm1d(WIDTH, affine=False, eps=1e-6), torch.Generator().manual_seed(99)
    norm.running_mean = (0.5 * torch.randn(WIDTH, generator=g)).half().double()
    norm.running_var = (0.5 + torch.rand(WIDTH, generator=g)).half().double()
    m.head = torch.nn.Sequential(norm, m.head)

    def folded():
        linear, size = m.head[1], torch.sqrt(norm.running_var + norm.eps)
        head, m.head = m.head, torch.nn.Linear(WIDTH, CLASSES)
        m.head.weight.copy_(linear.weight / size)
        m.head.bias.copy_(linear.bias - m.head.weight @ norm.running_mean)
        found, m.head = parts(), head
        return found

    return m, folded, run, side


def hf_parts(inner, head, readout, eps, dist=None):
    e = inner.embeddings
    tokens = [e.cls_token[0]]
    pos = e.position_embeddings[0]
    if getattr(e, "distillation_token", None) is not None:
        tokens.append(e.distillation_token[0])
    if getattr(e, "register_tokens", None) is not None:
        tokens.append(e.register_tokens[0])
        gap = torch.zeros(e.register_tokens.shape[1], WIDTH, dtype=torch.double)
        pos = torch.cat((pos[:1], gap, pos[1:]))
    blocks = []
    state = dict(inner.named_parameters())
    layers = sorted({n.split(".norm1.")[0].split(".layernorm_before.")[0] for n in state
                     if ".norm1.weight" in n or ".layernorm_before.weight" in n}, key=lambda n: int(n.split(".")[-1]))

    def find(prefix, *names):
        for name in names:
            if prefix + "." + name + ".weight" in state:
                w = state[prefix + "." + name + ".weight"]
                b = state.get(prefix + "." + name + ".bias")
                return w, b if b is not None else torch.zeros(len(w), dtype=w.dtype)
        raise KeyError(names)

    for p in layers:
        qkv = [find(p, f"attention.attention.{long}", f"attention.{short}_proj")
               for long, short in (("query", "q"), ("key", "k"), ("value", "v"))]
        g1, g2 = (state.get(f"{p}.layer_scale{i}.lambda1") for i in (1, 2))
        w, b = find(p, "attention.output.dense", "attention.o_proj")
        w2, b2 = find(p, "output.dense", "mlp.fc2")
        blocks.append({"norm1": find(p, "layernorm_before", "norm1"), "norm2": find(p, "layernorm_after", "norm2"),
                       "attn.qkv": (torch.cat([w for w, _ in qkv]), torch.cat([b for _, b in qkv])),
                       "attn.proj": (w, b) if g1 is None else (w * g1[:, None], b * g1),
                       "mlp.fc1": find(p, "intermediate.dense", "mlp.fc1"),
                       "mlp.fc2": (w2, b2) if g2 is None else (w2 * g2[:, None], b2 * g2)})
    return Parts(pair(e.patch_embeddings.projection), torch.cat(tokens), pos, blocks, pair(inner.layernorm), pair(head),
                 readout, eps=eps, head_dist=None if dist is None else pair(dist))


def hf_model(kind, readout, **more):
    import transformers as tf
    config = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=32, patch_size=8,
                  num_labels=CLASSES, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **more)
    names = {"vit": ("ViTConfig", "ViTForImageClassification"),
             "deit": ("DeiTConfig", "DeiTForImageClassificationWithTeacher"),
             "dinov2": ("Dinov2Config", "Dinov2ForImageClassification"),
             "dinov2_reg": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersForImageClassification")}[kind]
    if kind.startswith("dinov2"):
        config["mlp_ratio"] = 2
    else:
        config["intermediate_size"] = MLP
    m = getattr(tf, names[1])(getattr(tf, names[0])(**config))

    def parts():
        inner = getattr(m, {"vit": "vit", "deit": "deit", "dinov2": "dinov2", "dinov2_reg": "dinov2_with_registers"}[kind])
        head = m.cls_classifier if kind == "deit" else m.classifier
        return hf_parts(inner, head, readout, 1e-6 if kind.startswith("dinov2") else 1e-12,
                        m.distillation_classifier if kind == "deit" else None)

    return m, parts, lambda x: m(pixel_values=x).logits, 32


def torchvision_model(**more):
    from torchvision.models.vision_transformer import VisionTransformer
    m = VisionTransformer(image_size=32, patch_size=8, num_layers=DEPTH, num_heads=HEADS, hidden_dim=WIDTH, mlp_dim=MLP,
                          num_classes=CLASSES, **more)

    def parts():
        blocks = [{"norm1": pair(b.ln_1), "norm2": pair(b.ln_2),
                   "attn.qkv": (b.self_attention.in_proj_weight, b.self_attention.in_proj_bias),
                   "attn.proj": pair(b.self_attention.out_proj), "mlp.fc1": pair(b.mlp[0]), "mlp.fc2": pair(b.mlp[3])}
                  for b in m.encoder.layers]
        return Parts(pair(m.conv_proj), m.class_token[0], m.encoder.pos_embedding[0], blocks, pair(m.encoder.ln),
                     pair(m.heads.head), "token", pre=pair(m.heads.pre_logits) if more else None)

    return m, parts, m, 32


FAMILIES = {
    "timm_plain": lambda: timm_model("token"),
    "timm_no_qkv_bias": lambda: timm_model("token", qkv_bias=False),
    "timm_patch14": lambda: timm_model("token", side=42, patch=14),
    "timm_patch32": lambda: timm_model("token", side=96, patch=32),
    "timm_layerscale": lambda: timm_model("token", init_values=0.1),
    "timm_deit3": lambda: timm_model("token", no_embed_class=True, init_values=0.1),
    "timm_distilled": lambda: timm_model("two heads", distilled=True),
    "timm_registers": lambda: timm_model("token", reg_tokens=4, no_embed_class=True),
    "timm_reg_gap": lambda: timm_model("mean", reg_tokens=4, class_token=False, no_embed_class=True, global_pool="avg",
                                       init_values=0.1),
    "timm_gap": lambda: timm_model("mean", class_token=False, global_pool="avg", fc_norm=False, qkv_bias=False),
    "timm_fc_norm": lambda: timm_model("mean", global_pool="avg"),
    "hf_vit": lambda: hf_model("vit", "token"),
    "hf_deit_teacher": lambda: hf_model("deit", "two heads"),
    "hf_dinov2": lambda: hf_model("dinov2", "token and mean"),
    "hf_dinov2_reg": lambda: hf_model("dinov2_reg", "token and mean"),
    "torchvision": torchvision_model,
    "timm_clip": lambda: timm_model("token", clip=True),
    "timm_swiglu": lambda: timm_model("token", swiglu=True, init_values=0.1),
    "timm_qk_norm": lambda: timm_model("token", qk_norm=True),
    "timm_all_gap": lambda: timm_model("mean", clip=True, swiglu=True, qk_norm=True, class_token=False, global_pool="avg",
                                       fc_norm=False),
    "mae_probe": mae_probe,
    "torchvision_pre_logits": lambda: torchvision_model(representation_size=20),
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.set_default_dtype(torch.double)
    for seed, (name, make) in enumerate(FAMILIES.items()):
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        m, parts, run, side = make()
        randomise(m, seed)
        x = pixels(side)
        with torch.no_grad():
            theirs, named = run(x), parts()
        ours, maps, dot = explain(named, x)
        off = float((theirs - ours).abs().max() / theirs.abs().max())
        print(f"{name}: logits here and there differ by {off:.1e} of the largest")
        assert off < 1e-7, name  # fp32 softmax inside transformers
        write_safetensors(f"{folder}/{name}.safetensors", m.state_dict(), True)
        expected = {"logits": theirs, "token_times_gradient": dot, **maps}
        write_safetensors(f"{folder}/{name}.expected.safetensors", expected, False)


main()
