"""SPEC 2, 4 and 5 (protocol `released`) told once more in PyTorch, in double and from the
checkpoint's tensors alone: forward passes that keep what explanations need, and the maps. Shares no code with
evalh, nor with the training; check_demo.py holds evalh's results to it."""

import torch
import torch.nn.functional as F


def minmax(a):
    """Per image, over everything else; 0 where constant."""
    flat = a.flatten(1)
    low, high = flat.min(1)[0], flat.max(1)[0]
    shape = [-1] + [1] * (a.ndim - 1)
    span = (high - low).view(shape)
    return torch.where(span > 0, (a - low.view(shape)) / torch.where(span > 0, span, torch.ones_like(span)),
                       torch.zeros_like(a))


def patches(w, x):
    t = F.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=w["patch_embed.proj.weight"].shape[2])
    return t.flatten(2).transpose(1, 2)


def depth(w, prefix):
    return 1 + max(int(k.split(".")[1]) for k in w if k.startswith(prefix))


# ---- Vim ---------------------------------------------------------------------------------------
def as_is(v):
    return v


def fixed(v):
    return v.detach()


def rms(x, weight, hold=as_is):
    return x / hold(torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5)) * weight


def silu(x, hold):
    """`hold` is `fixed` for MambaLRP's rule (SPEC 5.5): x~ times the constant SiLU(x) / x~."""
    if hold is as_is:
        return F.silu(x)
    near = x + torch.where(x < 0, -1e-6, 1e-6).to(x.dtype)
    return near * hold(F.silu(x) / near)


def vim_direction(w, m, b, x, states, hold=as_is):
    """One direction's y (before the gate); step, B, C, A for its hidden attention, and the conv's
    output before SiLU. Tokens in the direction's own order. `hold` takes what MambaLRP detaches."""
    taps = w[m + f"conv1d{b}.weight"]
    k = taps.shape[-1]
    p = F.conv1d(F.pad(x.transpose(1, 2), (k - 1, 0)), taps, w[m + f"conv1d{b}.bias"], groups=len(taps)).transpose(1, 2)
    u = silu(p, hold)
    rank = w[m + f"dt_proj{b}.weight"].shape[1]
    d, B, C = (u @ w[m + f"x_proj{b}.weight"].t()).split([rank, states, states], -1)
    step = F.softplus(d @ w[m + f"dt_proj{b}.weight"].t() + w[m + f"dt_proj{b}.bias"])
    A = -torch.exp(w[m + f"A{b}_log"])
    s, y = torch.zeros(len(x), *A.shape, dtype=x.dtype), []
    for t in range(x.shape[1]):
        s = hold(torch.exp(step[:, t, :, None] * A)) * s + hold(step[:, t, :, None] * B[:, t, None]) * u[:, t, :, None]
        y.append((s * hold(C[:, t, None])).sum(-1) + w[m + f"D{b}"] * u[:, t])
    return torch.stack(y, 1), (step, B, C, A, p)


def row_before(kept, c):
    """[B, E, c]: row c of hidden attention (SPEC 4), columns before c, without c's own decay
    (SPEC 5.1)."""
    step, B, C, A, _ = (t.detach() for t in kept)
    sums = step[:, :c].cumsum(1)
    span = sums[:, -1:] - sums  # of steps j+1 .. c-1
    decay = torch.exp(span[..., None] * A)
    return ((decay * B[:, :c, None] * C[:, c, None, None]).sum(-1) * step[:, :c]).transpose(1, 2)


def unified_row(kept, c, taps):
    """[B, E, c + 1]: row c of the operator from x to y (SPEC 5.3): hidden attention, complete, times
    sigma(p), then through the transposed conv."""
    step, B, C, A, p = (t.detach()[:, :c + 1] if t.ndim > 2 else t.detach() for t in kept)
    sums = step.cumsum(1)
    decay = torch.exp((sums[:, -1:] - sums)[..., None] * A)  # of steps j+1 .. c
    a = ((decay * B[:, :, None] * C[:, c, None, None]).sum(-1) * step * torch.sigmoid(p)).transpose(1, 2)
    k = taps.shape[-1]
    a = F.pad(a, (0, k - 1))  # columns beyond c are 0
    return sum(taps[:, 0, i, None] * a[..., k - 1 - i:k - 1 - i + c + 1] for i in range(k))


def vim_tokens(w, x):
    t = patches(w, x)
    c = t.shape[1] // 2
    return torch.cat((t[:, :c], w["cls_token"].expand(len(t), -1, -1), t[:, c:]), 1) + w["pos_embed"], c


def vim_forward(w, x, keep=None, hold=as_is, tokens=None):
    """Logits. `keep`: a list that gets (CLS row [B, E, L], h, `unified` row [B, E, L]) of every layer."""
    h, c = vim_tokens(w, x)
    h, r = h if tokens is None else tokens, 0
    for i in range(depth(w, "layers.")):
        m = f"layers.{i}.mixer."
        r = r + h
        x, z = (rms(r, w[f"layers.{i}.norm.weight"], hold) @ w[m + "in_proj.weight"].t()).chunk(2, -1)
        states = w[m + "A_log"].shape[1]
        y, forward = vim_direction(w, m, "", x, states, hold)
        y_back, backward = vim_direction(w, m, "_b", x.flip(1), states, hold)
        gated = (y + y_back.flip(1)) * silu(z, hold)
        if hold is fixed:
            gated = (gated + gated.detach()) / 2  # half the gradient
        h = (gated / 2) @ w[m + "out_proj.weight"].t()
        if keep is not None:
            back = row_before(backward, h.shape[1] - 1 - c).flip(-1)
            row = torch.cat((row_before(forward, c), torch.zeros_like(back[..., :1]), back), -1)
            own = unified_row(forward, c, w[m + "conv1d.weight"])
            own_back = unified_row(backward, h.shape[1] - 1 - c, w[m + "conv1d_b.weight"]).flip(-1)
            operator = F.pad(own, (0, own_back.shape[-1] - 1)) + F.pad(own_back, (own.shape[-1] - 1, 0))
            keep.append((row, h, operator * F.silu(z[:, c]).detach()[..., None]))
    return rms(r + h, w["norm_f.weight"], hold)[:, c] @ w["head.weight"].t() + w["head.bias"]


def roll(rows, c):
    """Row c of the product of the row-normalised (I + 1 m^T), later on the left; SPEC 5.1."""
    length = rows[0].shape[1]
    out = torch.eye(length, dtype=rows[0].dtype).expand(len(rows[0]), -1, -1)
    for m in rows:
        step = torch.eye(length, dtype=m.dtype) + m[:, None, :]
        out = (step / step.sum(-1, keepdim=True)) @ out
    return drop(out[:, c], c)


def drop(v, c):
    return torch.cat((v[:, :c], v[:, c + 1:]), 1)


def vim_maps(w, x, explained):
    """{method: [B, g*g]} for the classes `explained` [B], or the predicted ones (None); logits."""
    kept = []
    w = {k: v.clone().requires_grad_() if k == "cls_token" else v for k, v in w.items()}
    logits = vim_forward(w, x, kept)
    k = logits.argmax(1) if explained is None else explained
    grads = torch.autograd.grad(logits.gather(1, k[:, None]).sum(), [h for _, h, _ in kept])
    start, c = len(kept) * 15 // 24, (kept[0][0].shape[-1] - 1) // 2
    rows = [row.detach() for row, _, _ in kept[start:]]
    focus = [minmax(g.clamp(min=0).amax(-1)) for g in grads[start:]]
    raw = torch.stack([minmax(v).mean(1) for v in rows]).mean(0)
    scores = [minmax(v.clamp(min=0)).mean(1) * s for v, s in zip(rows, focus)]
    maps = {"raw": drop(raw, c), "rollout": roll([v.mean(1) for v in rows], c), "attribution": roll(scores, c)}
    operator = [minmax(v.detach().clamp(min=0).mean(1) * s) for (_, _, v), s in zip(kept[start:], focus)]
    maps = {n: m.clamp(min=0) for n, m in (*maps.items(), ("unified", roll(operator, c)))}
    maps["mambalrp"] = drop(mambalrp(w, x, k), c)
    return maps, logits.detach()


def mambalrp(w, x, k):
    """[B, L]; SPEC 5.5."""
    tokens = vim_tokens(w, x)[0].detach().requires_grad_()
    logits = vim_forward(w, x, None, fixed, tokens)
    return (tokens * torch.autograd.grad(logits.gather(1, k[:, None]).sum(), tokens)[0]).sum(-1).detach()


# ---- ViT ---------------------------------------------------------------------------------------
def ratio(a, b):
    """S(a, b) of SPEC 5.4."""
    safe = torch.where(b < 0, b.clamp(max=-1e-9), b.clamp(min=1e-9))
    return torch.where(b == 0, torch.zeros_like(a), a / safe)


def lrp_linear(R, x, W):
    xp, xn, Wp, Wn = x.clamp(min=0), x.clamp(max=0), W.clamp(min=0), W.clamp(max=0)
    Q = ratio(R, xp @ Wp.t() + xn @ Wn.t())
    return xp * (Q @ Wp) + xn * (Q @ Wn)


def lrp_add(R, a, b):
    Q = ratio(R, a + b)
    axes = tuple(range(1, a.ndim))
    Ra, Rb = a * Q, b * Q
    sa, sb, total = (t.sum(axes, keepdim=True) for t in (Ra, Rb, R))
    both = sa.abs() + sb.abs()
    return Ra * ratio(sa.abs() / both * total, sa), Rb * ratio(sb.abs() / both * total, sb)


def lrp_twice(x, R1, R2):
    return x * (ratio(R1, x) + ratio(R2, x))


def vit_forward(w, x, heads, keep=None):
    """Logits. `keep`: a list that gets a dict of every block's tensors, then the last tokens."""
    t = patches(w, x)
    r = torch.cat((w["cls_token"].expand(len(t), -1, -1), t), 1) + w["pos_embed"]
    for i in range(depth(w, "blocks.")):
        p, b, (n, length, dim) = f"blocks.{i}.", {"x0": r}, r.shape

        def linear(name, v):
            return v @ w[p + name + ".weight"].t() + w[p + name + ".bias"]

        b["n1"] = F.layer_norm(r, (dim,), w[p + "norm1.weight"], w[p + "norm1.bias"], 1e-6)
        b["q"], b["k"], b["v"] = linear("attn.qkv", b["n1"]).view(n, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        b["a"] = (b["q"] @ b["k"].transpose(2, 3) * (dim // heads) ** -0.5).softmax(-1)
        b["o"] = (b["a"] @ b["v"]).transpose(1, 2).reshape(n, length, dim)
        b["p"] = linear("attn.proj", b["o"])
        b["x1"] = r + b["p"]
        b["n2"] = F.layer_norm(b["x1"], (dim,), w[p + "norm2.weight"], w[p + "norm2.bias"], 1e-6)
        b["g"] = F.gelu(linear("mlp.fc1", b["n2"]))
        b["m"] = linear("mlp.fc2", b["g"])
        r = b["x1"] + b["m"]
        if keep is not None:
            keep.append(b)
    t = F.layer_norm(r, r.shape[2:], w["norm.weight"], w["norm.bias"], 1e-6)
    if keep is not None:
        keep.append(t)
    return t[:, 0] @ w["head.weight"].t() + w["head.bias"]


def lrp_block(w, p, b, R, heads):
    """Relevance of a block's input, and of its attention map."""
    n, length, dim = R.shape

    def split(v):
        return v.view(n, length, heads, -1).transpose(1, 2)

    R, Rm = lrp_add(R, b["x1"], b["m"])
    Rm = lrp_linear(lrp_linear(Rm, b["g"], w[p + "mlp.fc2.weight"]), b["n2"], w[p + "mlp.fc1.weight"])
    R, Rp = lrp_add(lrp_twice(b["x1"], R, Rm), b["x0"], b["p"])
    Q = split(ratio(lrp_linear(Rp, b["o"], w[p + "attn.proj.weight"]), b["o"]))
    Ra, Rv = b["a"] * (Q @ b["v"].transpose(2, 3)) / 2, b["v"] * (b["a"].transpose(2, 3) @ Q) / 2
    Q = ratio(Ra, b["q"] @ b["k"].transpose(2, 3))
    Rq, Rk = b["q"] * (Q @ b["k"]) / 2, b["k"] * (Q.transpose(2, 3) @ b["q"]) / 2
    Rqkv = torch.stack((Rq, Rk, Rv)).permute(1, 3, 0, 2, 4).reshape(n, length, 3 * dim)
    return lrp_twice(b["x0"], R, lrp_linear(Rqkv, b["n1"], w[p + "attn.qkv.weight"])), Ra


def vit_maps(w, x, heads, explained):
    kept = []
    w = {k: v.clone().requires_grad_() if k == "cls_token" else v for k, v in w.items()}
    logits = vit_forward(w, x, heads, kept)
    k = logits.argmax(1) if explained is None else explained
    last = kept.pop()
    grads = torch.autograd.grad(logits.gather(1, k[:, None]).sum(), [b["a"] for b in kept])
    with torch.no_grad():
        R = torch.zeros_like(last)
        R[:, 0] = lrp_linear(F.one_hot(k, logits.shape[1]).to(x.dtype), last[:, 0], w["head.weight"])
        relevance = [None] * len(kept)
        for i in reversed(range(len(kept))):
            R, relevance[i] = lrp_block(w, f"blocks.{i}.", kept[i], R, heads)
        start, eye = 1, torch.eye(last.shape[1], dtype=x.dtype)
        rollout = attribution = eye.expand(len(x), -1, -1)
        for b, g, Ra in list(zip(kept, grads, relevance))[start:]:
            step = b["a"].mean(1) + eye
            rollout = (step / step.sum(-1, keepdim=True)) @ rollout
            attribution = (eye + (g * Ra).clamp(min=0).mean(1)) @ attribution
        maps = {"raw": kept[-1]["a"].mean(1), "rollout": rollout, "attribution": attribution}
    return {n: m[:, 0, 1:].detach() for n, m in maps.items()}, logits.detach()


# ---- both --------------------------------------------------------------------------------------
def forward(w, x, heads):
    return vim_forward(w, x) if "layers.0.mixer.A_log" in w else vit_forward(w, x, heads)


def maps(w, x, heads, explained=None):
    """({method: map [B, g*g]}, logits)"""
    found, logits = (vim_maps(w, x, explained) if "layers.0.mixer.A_log" in w
                     else vit_maps(w, x, heads, explained))
    found["center"] = center(found["raw"])
    return found, logits


def center(like):
    """The distance to the centre, negated."""
    side = round(like.shape[1] ** 0.5)
    away = torch.arange(side, dtype=like.dtype) - (side - 1) / 2
    return -(away[:, None] ** 2 + away ** 2).sqrt().flatten().expand(len(like), -1)
