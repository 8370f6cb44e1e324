#!/usr/bin/env python3
"""evalh beside other programs on the same weights and images: ONNX Runtime and PyTorch for a ViT; for
Vim PyTorch with the published scan, and with what the paper's released code does for `attribution`.

    scripts/bench_peers.py [--busy] [--markdown FILE] [--json FILE]

Weights are random (`evalh bench MODEL --save`). First all peers have to give evalh's probabilities;
then they are timed in turn, round by round, and medians and their ratios printed. Wants PyTorch
(Debian: python3-torch, python3-h5py, python3-pil) and, for ONNX Runtime, a virtual environment with
`--system-site-packages` and `pip install onnxruntime "numpy<1.27"`; peers that are not there are
left out, and said to be."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import demo_maps
from demo_models import MEAN, STD, load_safetensors

HEAD_DIM, IMAGES, SETTLE = 64, 4, 0.3  # SETTLE: threads that spin for more work go to sleep


# ---- evalh -------------------------------------------------------------------------------------
def table(text, first):
    """Rows of the Markdown table whose header begins with `first`, as dicts."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("| " + first)), None)
    if start is None:
        raise SystemExit(f"evalh bench printed no table of {first}:\n{text}")
    cells = lambda line: [c.strip() for c in line.strip("| ").split("|")]
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(cells(lines[start]), cells(line))))
    return rows


class Evalh:
    def __init__(self, program, threads):
        self.program, self.threads = program, threads

    def bench(self, path, batch, precision="fp32", repeats=5, method=None):
        """Seconds an image, its matrix products' GFLOP, GFLOP/s of a large product, explanations."""
        text = subprocess.run([self.program, "bench", path, f"--batch={batch}", f"--threads={self.threads}",
                               f"--repeats={repeats}", f"--precision={precision}", f"--method={method}" if method else "--forward-only"],
                              check=True, capture_output=True, text=True).stdout
        linear = next(r for r in table(text, "operation") if r["operation"] == "linear")
        out = {"seconds": float(table(text, "pass")[0]["ms an image"]) / 1e3,
               "gflop": float(linear["ms"]) / 1e3 * float(linear["GFLOP/s"]) / batch,
               "rate": float(re.search(r"now: ([0-9.]+) GFLOP/s", text).group(1))}
        if method:
            out["explanations"] = table(text, "explanation")
        return out

    def probabilities(self, path, folder):
        """[IMAGES] of class 0, from the records of a run over `folder`'s list."""
        result = os.path.join(folder, "agree.h5")
        config = os.path.join(folder, "agree.ini")
        with open(config, "w") as f:
            f.write(f"[model]\ncheckpoint = {path}\n[data]\nkind = imagenet_list\npath = {folder}/list.txt\n"
                    "[explain]\nmethods = center\n[task]\nkind = perturbation\n"
                    f"[run]\noutput = {result}\n[compute]\ndevice = cpu\nprecision = fp32\n")
        subprocess.run([self.program, "run", config, "--fresh"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        with h5py.File(result) as f:
            return f["perturbation/center/predicted/positive/prob"][:, 0].astype(np.float64)


def make_images(folder, side):
    """Smooth random pictures as PNG, all of class 0; returned as the models' input."""
    rng, out = np.random.default_rng(1), []
    with open(os.path.join(folder, "list.txt"), "w") as names:
        for i in range(IMAGES):
            picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((side, side), Image.BICUBIC)
            picture.save(os.path.join(folder, f"{i}.png"))
            names.write(f"{i}.png 0\n")
            out.append((np.asarray(picture, np.float32) / 255 - MEAN) / STD)
    return torch.from_numpy(np.stack(out).transpose(0, 3, 1, 2).astype(np.float32).copy())


# ---- the published scan --------------------------------------------------------------------------
# The arithmetic of Mamba's reference implementation: exp(ΔA) and ΔBu of all tokens first, then a
# Python loop over the tokens. (The fused kernels of the release run on NVIDIA's GPUs alone.)
def published_direction(w, m, b, x, rows=None):
    """x [B, E, L] -> y [B, E, L]; `rows` gets this direction's CLS row [B, E, L]."""
    taps = w[m + f"conv1d{b}.weight"]
    length = x.shape[2]
    u = F.silu(F.conv1d(x, taps, w[m + f"conv1d{b}.bias"], padding=taps.shape[2] - 1, groups=len(taps))[..., :length])
    A = -torch.exp(w[m + f"A{b}_log"])
    rank, states = w[m + f"dt_proj{b}.weight"].shape[1], A.shape[1]
    delta, B, C = (u.transpose(1, 2) @ w[m + f"x_proj{b}.weight"].t()).split([rank, states, states], -1)
    step = F.softplus((delta @ w[m + f"dt_proj{b}.weight"].t()).transpose(1, 2) + w[m + f"dt_proj{b}.bias"][:, None])
    decay = torch.exp(torch.einsum("bdl,dn->bdln", step, A))
    fed = torch.einsum("bdl,bln,bdl->bdln", step, B, u)
    state, out = torch.zeros_like(decay[:, :, 0]), []
    for t in range(length):
        state = decay[:, :, t] * state + fed[:, :, t]
        out.append(torch.einsum("bdn,bn->bd", state, C[:, t]))
    if rows is not None:
        with torch.no_grad():
            rows.append(released_row(step, decay, B, C))
    return torch.stack(out, 2) + u * w[m + f"D{b}"][:, None]


def released_row(step, decay, B, C):
    """The released code's way to the row of the CLS token (both directions have it at L // 2): for
    every earlier token the product of all decays between, each time from the start: O(L²) products
    of [E, N]. Without a graph: nothing is differentiated through it."""
    c = step.shape[2] // 2
    fed = torch.einsum("bdl,bln->bldn", step, B)
    row = torch.zeros_like(step)
    for t in range(c):
        product = torch.ones_like(decay[:, :, 0])
        for i in range(t + 1, c):
            product = product * decay[:, :, i]
        row[:, :, t] = (C[:, c][:, None] * product * fed[:, t]).sum(-1)
    return row


def published_vim(w, x, keep=None):
    """Logits; `keep` gets (rows of both directions, mixer's output) of every layer."""
    h, c = demo_maps.vim_tokens(w, x)
    r = 0
    for i in range(demo_maps.depth(w, "layers.")):
        m, r, rows = f"layers.{i}.mixer.", r + h, None if keep is None else []
        inner, z = (demo_maps.rms(r, w[f"layers.{i}.norm.weight"]) @ w[m + "in_proj.weight"].t()).transpose(1, 2).chunk(2, 1)
        y = published_direction(w, m, "", inner, rows)
        y = y + published_direction(w, m, "_b", inner.flip(2), rows).flip(2)
        h = (y * F.silu(z) / 2).transpose(1, 2) @ w[m + "out_proj.weight"].t()
        if keep is not None:
            keep.append((rows, h))
    return demo_maps.rms(r + h, w["norm_f.weight"])[:, c] @ w["head.weight"].t() + w["head.bias"]


def released_attribution(w, x):
    """What the released code does for one image's map: forward with the rows of every layer, then the
    gradient of the predicted logit at every mixer's output. (The aggregation itself is left out:
    it takes no time.)"""
    keep = []
    with torch.enable_grad():
        logits = published_vim({k: v.requires_grad_() for k, v in w.items()}, x, keep)
        hidden = [h for _, h in keep]
        return torch.autograd.grad(logits.max(1)[0].sum(), hidden)


# ---- the ViT -------------------------------------------------------------------------------------
class ViT(torch.nn.Module):
    """timm's operations in their order, for PyTorch and for export."""

    def __init__(self, w):
        super().__init__()
        self.names, self.depth = {k: k.replace(".", "_") for k in w}, demo_maps.depth(w, "blocks.")
        for k, v in w.items():
            self.register_parameter(self.names[k], torch.nn.Parameter(v, requires_grad=False))

    def w(self, name):
        return getattr(self, self.names[name])

    def linear(self, x, name):
        return F.linear(x, self.w(name + ".weight"), self.w(name + ".bias"))

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w(name + ".weight"), self.w(name + ".bias"), 1e-6)

    def forward(self, x):
        kernel = self.w("patch_embed.proj.weight")
        n, width, length = int(x.shape[0]), *(int(self.w("pos_embed").shape[i]) for i in (2, 1))
        t = F.conv2d(x, kernel, self.w("patch_embed.proj.bias"), stride=int(kernel.shape[2])).flatten(2).transpose(1, 2)
        t = torch.cat((self.w("cls_token").expand(n, -1, -1), t), 1) + self.w("pos_embed")
        for i in range(self.depth):
            p = f"blocks.{i}."
            q, k, v = self.linear(self.norm(t, p + "norm1"), p + "attn.qkv").reshape(
                n, length, 3, width // HEAD_DIM, HEAD_DIM).permute(2, 0, 3, 1, 4).unbind(0)
            a = ((q * HEAD_DIM ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
            t = t + self.linear((a @ v).transpose(1, 2).reshape(n, length, width), p + "attn.proj")
            t = t + self.linear(F.gelu(self.linear(self.norm(t, p + "norm2"), p + "mlp.fc1")), p + "mlp.fc2")
        return self.linear(self.norm(t, "norm")[:, 0], "head")


def onnx_session(model, batch, side, threads, folder):
    import onnxruntime

    path = os.path.join(folder, f"vit_{batch}.onnx")
    torch.onnx.export(model, torch.zeros(batch, 3, side, side), path, opset_version=17, input_names=["x"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), onnxruntime.__version__


# ---- measuring -----------------------------------------------------------------------------------
def timed(f, repeats):
    """Median of `repeats` after one to warm up."""
    f()
    out = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        out.append(time.perf_counter() - start)
    time.sleep(SETTLE)
    return statistics.median(out)


def agree(name, logits, want):
    got = logits.double().softmax(1)[:, 0].numpy()
    worst = np.abs(got / want - 1).max()
    print(f"{name}: probabilities within {worst:.1e} of evalh's", file=sys.stderr)
    if not worst < 1e-3:
        raise SystemExit(f"{name} does not compute what evalh computes")


def alternate(entries, rounds):
    """{name: median over rounds} of entries {name: f() -> seconds an image}."""
    seen = {name: [] for name in entries}
    for i in range(rounds):
        for name, f in entries.items():
            seen[name].append(f())
            print(f"  round {i + 1}: {name}: {1e3 * seen[name][-1]:.1f} ms an image", file=sys.stderr)
    return {name: statistics.median(s) for name, s in seen.items()}


def bench_vit(evalh, arch, a, folder, lines):
    path, w = weights(evalh, arch, folder)
    model, x = ViT(w).eval(), make_images(folder, 224)
    want = evalh.probabilities(path, folder)
    agree("PyTorch", model(x), want)
    for batch in (16, 1):
        images = x.repeat(batch // IMAGES + 1, 1, 1, 1)[:batch]
        entries = {"evalh fp32": lambda: evalh.bench(path, batch, repeats=a.repeats)["seconds"],
                   "evalh bf16": lambda: evalh.bench(path, batch, "bf16", a.repeats)["seconds"],
                   "PyTorch " + torch.__version__: lambda: timed(lambda: model(images), max(1, a.repeats // 2)) / batch}
        try:
            run, version = onnx_session(model, batch, 224, a.threads, folder)
            if batch == 1:
                agree("ONNX Runtime", torch.cat([run(one[None]) for one in x]), want)
            entries["ONNX Runtime " + version] = lambda: timed(lambda: run(images), a.repeats) / batch
        except ImportError:
            print("no onnxruntime here: left out", file=sys.stderr)
        base = list(entries)[-1]
        lines += [(arch, f"forward, batch {batch}", name, s, base) for name, s in alternate(entries, a.rounds).items()]


def busy_processes(count):
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]


def bench_busy(evalh, arch, a, folder, lines):
    """One image at a time, alone and beside as many busy processes as there are cores."""
    path, w = weights(evalh, arch, folder)
    x, entries = make_images(folder, 224)[:1], {"evalh fp32": lambda: evalh.bench(path, 1, repeats=a.repeats)["seconds"]}
    try:
        run, version = onnx_session(ViT(w).eval(), 1, 224, a.threads, folder)
        entries["ONNX Runtime " + version] = lambda: timed(lambda: run(x), a.repeats)
    except ImportError:
        print("no onnxruntime here: left out", file=sys.stderr)
    alone, busy = alternate(entries, a.rounds), busy_processes(os.cpu_count())
    try:
        beside = alternate(entries, a.rounds)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    what = f"forward, batch 1, beside {len(busy)} busy processes"
    for name in entries:
        lines += [(arch, what, name, beside[name], name + " alone"), (arch, what, name + " alone", alone[name], name + " alone")]


def bench_vim(evalh, arch, a, folder, lines):
    path, w = weights(evalh, arch, folder)
    x = make_images(folder, 224)
    agree("PyTorch, published scan", published_vim(w, x), evalh.probabilities(path, folder))
    products = {}

    def forward(precision):
        b = evalh.bench(path, 16, precision, a.repeats)
        products.setdefault(precision, []).append(b["gflop"] / b["rate"])
        return b["seconds"]

    def explanation():
        rows = evalh.bench(path, 16, repeats=a.repeats, method="attribution")["explanations"]
        return float(rows[0]["ms an image"]) / 1e3

    scan, released = "PyTorch, published scan", "PyTorch, as released"
    times = alternate({"evalh fp32": lambda: forward("fp32"), "evalh bf16": lambda: forward("bf16"),
                       scan: lambda: timed(lambda: published_vim(w, x[:1]), 1)}, a.rounds)
    for precision, s in products.items():
        times[f"its matrix products alone, {precision}"] = statistics.median(s)
    lines += [(arch, "forward, batch 16 (scan: 1)", name, s, scan) for name, s in times.items()]
    times = alternate({"evalh fp32": explanation, released: lambda: timed(lambda: released_attribution(w, x[:1]), 1)},
                      max(1, a.rounds - 1))
    lines += [(arch, "`attribution`, batch 16 (released: 1)", name, s, released) for name, s in times.items()]


def weights(evalh, arch, folder):
    path = os.path.join(folder, arch + ".safetensors")
    subprocess.run([evalh.program, "bench", arch, "--batch=1", "--repeats=1", "--forward-only", "--save=" + path],
                   check=True, stdout=subprocess.DEVNULL)
    return path, load_safetensors(path)[0]


def markdown(lines, threads):
    out = [f"| model | what ({threads} threads) | program | ms an image | ratio |", "| --- | --- | --- | ---: | ---: |"]
    for arch, what, name, seconds, base in lines:
        bottom = next(s for r, t, n, s, _ in lines if (r, t, n) == (arch, what, base))
        out.append(f"| {arch} | {what} | {name} | {1e3 * seconds:.1f} | {seconds / bottom:.3g} |")
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--evalh", default="build/harness/evalh")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repeats", type=int, default=3, help="measurements in a round")
    p.add_argument("--vit", default="deit_small", help="published name, or empty")
    p.add_argument("--vim", default="vim_small", help="published name, or empty")
    p.add_argument("--busy", action="store_true", help="the ViT beside busy processes, too")
    p.add_argument("--markdown", help="also write the table here")
    p.add_argument("--json", help="also write the figures here")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    lines, evalh = [], Evalh(os.path.abspath(a.evalh), a.threads)
    with tempfile.TemporaryDirectory(prefix="bench_peers.") as folder:
        if a.vit:
            bench_vit(evalh, a.vit, a, folder, lines)
        if a.vit and a.busy:
            bench_busy(evalh, a.vit, a, folder, lines)
        if a.vim:
            bench_vim(evalh, a.vim, a, folder, lines)
    text = markdown(lines, a.threads)
    print(text, end="")
    if a.markdown:
        with open(a.markdown, "w") as f:
            f.write(text)
    if a.json:
        keys = ("model", "what", "program", "seconds", "ratio_to")
        with open(a.json, "w") as f:
            json.dump([dict(zip(keys, line)) for line in lines], f, indent=1)


if __name__ == "__main__":
    main()
