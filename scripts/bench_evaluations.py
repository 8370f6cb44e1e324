#!/usr/bin/env python3
"""A whole perturbation test by evalh, by Quantus and by the loop that the field writes by hand, on the
same photographs, masks and weights; and what evalh takes an image as the work grows.

    scripts/bench_evaluations.py --images FOLDER [--list labels.txt] [--rounds 2] [--markdown FILE]

The weights of DeiT-S are random (`evalh bench deit_small --save`). The maps are given (smooth noise
in which no two pixels are equal), so that all programs remove the same pixels: an eighth of them a
step, down to none and up to none, filled with black. The programs take turns; each run is a process
of its own, from its start to its end; memory is the largest that the process had. What they found is
compared before any time is printed: the probability of the label at every step, and for the loop and
evalh whether the label is the first class. Captum has no such test (captum.metrics: infidelity and
sensitivity), so it is not among them.

Wants PyTorch, h5py and Pillow (Debian: python3-torch, python3-h5py, python3-pil); Quantus by
`pip install --target DIR quantus "numpy<1.27"` and PYTHONPATH=DIR, else it is left out, aloud."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

SIDE, STEPS = 224, 8
CONFIG = """[run]
output = {output}
[model]
checkpoint = {weights}
heads = {heads}
[data]
kind = imagenet_list
path = {list}
[explain]
methods = {method}
class = predicted
[task]
kind = perturbation
steps = {steps}
upto = 100
directions = {directions}
[compute]
device = cpu
threads = {threads}
"""


# ---- the peers, each in a process of its own -----------------------------------------------------
def load(folder):
    """Model on images in [0, 1], images [N, 3, S, S], labels [N], ranks [N, S, S] (0: hottest)."""
    import numpy as np
    import torch

    from bench_peers import MEAN, STD, ViT, load_safetensors

    class Normalised(torch.nn.Module):
        def __init__(self, vit):
            super().__init__()
            self.vit = vit
            self.mean = torch.tensor(MEAN).view(1, 3, 1, 1)
            self.std = torch.tensor(STD).view(1, 3, 1, 1)

        def forward(self, x):
            return self.vit((x.float() - self.mean) / self.std)

    data = np.load(os.path.join(folder, "peer.npz"))
    model = Normalised(ViT(load_safetensors(os.path.join(folder, "weights.safetensors"))[0])).eval()
    return model, data["images"], data["labels"], data["ranks"]


def loop(folder):
    """For each image and direction: the masked images of all steps as one batch."""
    import numpy as np
    import torch

    model, images, labels, ranks = load(folder)
    prob, hit = [], []
    for image, label, rank in zip(images, labels, ranks):
        for order in (rank, rank.max() - rank):
            batch = np.stack([np.where(order < k * rank.size // STEPS, 0, image) for k in range(STEPS + 1)])
            logits = model(torch.from_numpy(batch.astype(np.float32)))
            prob.append(logits.double().softmax(1)[:, label].numpy())
            hit.append((logits.argmax(1) == int(label)).numpy())
    shape = (len(images), 2, STEPS + 1)
    return np.array(prob).reshape(shape), np.array(hit).reshape(shape)


def quantus(folder):
    """PixelFlipping over all images as batches; it has no 0 % point, and returns probabilities. It
    removes values of channels, not pixels, and its step must divide the pixels of an image: every
    third of its masks is one of ours."""
    import warnings

    warnings.simplefilter("ignore")
    import numpy as np
    import quantus as q

    model, images, labels, ranks = load(folder)
    prob = np.full((len(images), 2, STEPS + 1), np.nan)
    for direction, heat in enumerate((-ranks, ranks)):
        metric = q.PixelFlipping(features_in_step=ranks[0].size // STEPS, perturb_baseline=0.0,
                                 disable_warnings=True, display_progressbar=False)
        curves = metric(model=model, x_batch=images, y_batch=labels, a_batch=heat[:, None].astype(np.float64),
                        channel_first=True, softmax=True, batch_size=16)
        prob[:, direction, 1:] = np.array(curves)[:, 2::3]
    return prob, None


PEERS = {"plain PyTorch loop": loop, "Quantus PixelFlipping, 3 passes for each mask": quantus}


def be_peer(name, folder, threads):
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    prob, hit = PEERS[name](folder)
    np.savez(os.path.join(folder, "found.npz"), prob=prob, **({} if hit is None else {"hit": hit}))


# ---- running -------------------------------------------------------------------------------------
def run(command, **kwargs):
    """Seconds and MiB of a process from its start to its end."""
    start = time.perf_counter()
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **kwargs)
    said = p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise SystemExit(f"{command[0]}: exit code {p.returncode}:\n{said[-2000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def write_config(folder, a, method, listed, weights, heads, directions, extra="", steps=STEPS):
    path = os.path.join(folder, f"{method}.ini")
    output = os.path.join(folder, f"{method}.h5")
    with open(path, "w") as f:
        f.write(CONFIG.format(output=output, weights=weights, heads=heads, list=listed, method=method, steps=steps,
                              directions=directions, threads=a.threads) + extra)
    return path, output


def photographs(a, count):
    """(path, label) of the first `count` of the list."""
    lines = [line.rsplit(None, 1) for line in open(os.path.join(a.images, a.list)) if line.strip()]
    return [(os.path.join(a.images, name), int(label)) for name, label in lines[:count]]


def prepare(a, folder):
    """The photographs of the comparison: a list for evalh, maps for all, arrays for the peers."""
    import h5py
    import numpy as np
    from PIL import Image

    chosen, rng, images, ranks = photographs(a, a.count), np.random.default_rng(1), [], []
    listed = os.path.join(folder, "list.txt")
    with open(listed, "w") as f:
        for i, (path, label) in enumerate(chosen):
            os.symlink(os.path.abspath(path), os.path.join(folder, f"{i}.JPEG"))
            f.write(f"{i}.JPEG {label}\n")
            picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.BILINEAR)
            images.append(np.asarray(picture, np.float32).transpose(2, 0, 1) / 255)
            noise = np.asarray(Image.fromarray(rng.random((14, 14), np.float32)).resize((SIDE, SIDE), Image.BICUBIC))
            ranks.append(np.argsort(np.argsort(-noise, axis=None, kind="stable")).reshape(SIDE, SIDE))
    ranks = np.array(ranks)
    np.savez(os.path.join(folder, "peer.npz"), images=np.array(images), ranks=ranks,
             labels=np.array([label for _, label in chosen]))
    with h5py.File(os.path.join(folder, "maps.h5"), "w") as f:
        f["id"] = [f"{i}.JPEG" for i in range(len(chosen))]
        f["map"] = (SIDE * SIDE - 1 - ranks).astype(np.float32)
    return listed


def found_by_evalh(output):
    import h5py
    import numpy as np

    with h5py.File(output) as f:
        curves = [f[f"perturbation/given/predicted/{d}"] for d in ("positive", "negative")]
        return [np.stack([np.asarray(c[what]) for c in curves], 1) for what in ("prob", "hit")]


def compare(name, folder, want):
    import numpy as np

    found = np.load(os.path.join(folder, "found.npz"))
    prob, known = found["prob"], ~np.isnan(found["prob"])
    worst = np.abs(prob - want[0])[known].max() / want[0].max()
    text = f"{name}: {known.sum()} probabilities within {worst:.1e} of evalh's largest"
    if "hit" in found:
        same = (found["hit"] == want[1].astype(bool)).mean()
        text += f"; {100 * same:.3f} % of {found['hit'].size} hits equal"
    print(text, file=sys.stderr)
    if not worst < 1e-3:
        raise SystemExit(f"{name} does not compute what evalh computes")
    return text


def measure(a, folder, lines):
    weights = os.path.join(folder, "weights.safetensors")
    subprocess.run([a.evalh, "bench", "deit_small", "--batch=1", "--repeats=1", "--forward-only", "--save=" + weights],
                   check=True, stdout=subprocess.DEVNULL)
    listed = prepare(a, folder)
    config, output = write_config(folder, a, "given", listed, weights, 6, "positive, negative",
                                  f"[maps]\ngiven = {folder}/maps.h5\n")
    peers = dict(PEERS)
    if subprocess.run([sys.executable, "-W", "ignore", "-c", "import quantus"], stderr=subprocess.DEVNULL).returncode:
        del peers[list(PEERS)[1]]
        print("no quantus here: left out", file=sys.stderr)
    seen = {"evalh": []}
    for i in range(a.rounds):
        seen["evalh"].append(run([a.evalh, "run", config, "--fresh"]))
        want = found_by_evalh(output)
        for name in peers:
            figures = run([sys.executable, os.path.abspath(__file__), "--peer", name, "--folder", folder,
                           "--threads", str(a.threads)])
            if i == 0:
                lines.append(compare(name, folder, want))
            seen.setdefault(name, []).append(figures)
        for name, figures in seen.items():
            print(f"  round {i + 1}: {name}: {figures[-1][0]:.1f} s, {figures[-1][1]:.0f} MiB", file=sys.stderr)
    base = statistics.median(s for s, _ in seen["evalh"])
    lines += ["", f"| {a.count} photographs, both directions, {a.threads} threads | seconds | beside evalh | peak MiB |",
              "| --- | ---: | ---: | ---: |"]
    for name, figures in seen.items():
        seconds = statistics.median(s for s, _ in figures)
        lines.append(f"| {name} | {seconds:.1f} | {seconds / base:.2f} | {max(m for _, m in figures):.0f} |")


def measure_growth(a, folder, lines):
    """One direction in two steps with the control `center`, DeiT-T: 10, 100 and 1,000 images, all the
    same photograph, for --limit takes another sample at every size, and a photograph's size is part of
    its cost. What is asked is what one more image costs: the difference from the run before, over the
    images between. The clock's time moves with the machine by more than the 3 % that are asked for; so
    the processor's is compared, with waiting threads asleep, so that they do not count. The smaller
    runs come before and after the largest; medians."""
    weights = os.path.join(folder, "tiny.safetensors")
    subprocess.run([a.evalh, "bench", "deit_tiny", "--batch=1", "--repeats=1", "--forward-only", "--save=" + weights],
                   check=True, stdout=subprocess.DEVNULL)
    path, label = photographs(a, 1)[0]
    listed = os.path.join(folder, "many.txt")
    most = max(a.growth)
    with open(listed, "w") as f:
        for i in range(most):
            os.symlink(os.path.abspath(path), os.path.join(folder, f"m{i}.JPEG"))
            f.write(f"m{i}.JPEG {label}\n")
    config, _ = write_config(folder, a, "center", listed, weights, 3, "positive", steps=2)
    sleeping = dict(os.environ, OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="0")
    small = [1] + [n for n in a.growth if n < most]
    found = {}
    for count in small * 2 + [most] + small * 2:
        start = time.perf_counter()
        p = subprocess.Popen([a.evalh, "run", config, "--fresh", "--limit", str(count)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=sleeping)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode != 0:
            raise SystemExit(f"evalh run: exit code {p.returncode}")
        found.setdefault(count, []).append((usage.ru_utime + usage.ru_stime, time.perf_counter() - start,
                                            usage.ru_maxrss / 1024))
    used, passed, memory = ({n: statistics.median(row[i] for row in rows) for n, rows in found.items()} for i in range(3))
    sizes = sorted(used)
    more = {n: tuple((t[n] - t[m]) / (n - m) for t in (used, passed)) for m, n in zip(sizes, sizes[1:])}
    lines += ["", f"| images | each image more: processor seconds | beside {most:,} | by the clock | peak MiB |",
              "| ---: | ---: | ---: | ---: | ---: |"]
    for n, (processor, clock) in more.items():
        lines.append(f"| {n:,} | {processor:.4f} | {processor / more[most][0]:.3f} | {clock:.4f} | {memory[n]:.0f} |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--evalh", default="build/harness/evalh")
    p.add_argument("--images", default="../shared/imagenet-samples", help="folder of photographs")
    p.add_argument("--list", default="labels.txt", help="in it: lines of file and class index")
    p.add_argument("--count", type=int, default=20, help="photographs of the comparison; 0: growth alone")
    p.add_argument("--growth", type=int, nargs="*", default=[10, 100, 1000])
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--markdown", help="also write what is printed here")
    p.add_argument("--peer", help=argparse.SUPPRESS)
    p.add_argument("--folder", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.peer:
        be_peer(a.peer, a.folder, a.threads)
        return
    a.evalh = os.path.abspath(a.evalh)
    lines = []
    with tempfile.TemporaryDirectory(prefix="bench_evaluations.") as folder:
        if a.count:
            measure(a, folder, lines)
        if a.growth:
            measure_growth(a, folder, lines)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if a.markdown:
        with open(a.markdown, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
