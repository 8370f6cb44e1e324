#!/usr/bin/python3
"""Holds evalh's result files on the demo to the protocol, told once more.

    scripts/check_demo.py --data FOLDER RESULT.h5 ...

Recomputes the maps of raw, rollout, attribution, unified, mambalrp and center (demo_maps.py, in
double) and, for every method of the file, the heat map, the perturbed images, their classes, the
segmentation scores and the heat in the shortcut (PyTorch, scikit-learn), from docs/spec.md and
the pictures on disk; no code and no number of evalh is used, but for the maps of `random` and
`randomised`, whose random numbers are evalh's. FOLDER is what evalh wrote the
pictures to (the one with labels.txt). Prints a table and exits with 1 where the two differ by
more than 0.3 in an AUC, 0.1 in mIoU, or in more than 0.5 % of the hits.

Model and heads are read from the config that is kept in the result file; run it from the same
folder as evalh, or say --checkpoint and --heads.
"""
import argparse
import configparser
import os
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import average_precision_score

import demo_maps
from demo_models import MEAN, STD, load_safetensors

STEPS = [i / 10 for i in range(10)]
LIMITS = {"AUC": 0.3, "mIoU": 0.1, "hits": 0.5}
NOT_RECOMPUTED = ("random", "randomised")  # their random numbers are evalh's


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("results", nargs="+", metavar="RESULT.h5")
    p.add_argument("--data", required=True)
    p.add_argument("--checkpoint")
    p.add_argument("--heads", type=int)
    p.add_argument("--threads", type=int, default=2)
    return p.parse_args()


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def model_of(args, result):
    config = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";", "#"))
    config.read_string(text(result.attrs["config"]))
    section = config["model"] if "model" in config else {}
    path = args.checkpoint or os.path.expandvars(section.get("checkpoint", ""))
    state, _ = load_safetensors(path)
    heads = section.get("heads", "auto")
    if "layers.0.mixer.A_log" in state:
        heads = 0
    elif args.heads:
        heads = args.heads
    else:
        heads = state["cls_token"].shape[2] // 64 if heads == "auto" else int(heads)
    patch = state["patch_embed.proj.weight"].shape[2]
    return state, heads, round((state["pos_embed"].shape[1] - 1) ** 0.5) * patch


def read_masks(path, field):
    """Masks [H, W] of a .mat in the published layout (SPEC 9), in the order of the list; None
    where it lacks the field."""
    with h5py.File(path) as h:
        if field not in h:
            return None
        return [h[h[ref][0, 0]][:].T.astype(np.int64) for ref in h[field][:, 0]]


def nearest(mask, size):
    """Label map to size x size: the source pixel under each pixel's centre, as Pillow's NEAREST."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).resize((size, size), Image.NEAREST)).astype(np.int64)


def load_images(args, result, size):
    """Pictures [n, 3, size, size] in [0, 1], labels [n], masks of the object and of the shortcut
    (or None) [n, size, size]."""
    with open(os.path.join(args.data, "labels.txt")) as f:
        listed = {name: int(label) for name, label in (line.split() for line in f)}
    order = {name: i for i, name in enumerate(listed)}
    mat = os.path.join(args.data, "demo_gtsegs.mat")
    fields = [read_masks(mat, f) for f in ("value/gt", "value/shortcut")]
    ids = [text(i) for i in result["images/id"][:]]
    pictures = [Image.open(os.path.join(args.data, i)).convert("RGB").resize((size, size), Image.BILINEAR) for i in ids]
    x = torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2).double() / 255
    masks = [f and np.stack([nearest(f[order[i]], size) for i in ids]) for f in fields]
    return x, torch.tensor([listed[i] for i in ids]), *masks


def normalise(x):
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (MEAN, STD))
    return (x - mean) / std


def batches(n, size=50):
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def heat_of(maps, size):
    """[n, size, size] float32; SPEC 6."""
    grid = round(maps.shape[1] ** 0.5)
    up = F.interpolate(maps.view(-1, 1, grid, grid).float(), (size, size), mode="bilinear", align_corners=False)
    return demo_maps.minmax(up[:, 0])


def hits_of(state, heads, x, labels, heat, direction):
    """[n, 10] whether top-1 is the label at 0 % .. 90 % removed; SPEC 7."""
    key = heat.flatten(1).numpy() * (-1 if direction == "positive" else 1)
    order = np.argsort(key, axis=1, kind="stable")
    rank = torch.from_numpy(np.argsort(order, axis=1)).view(len(x), 1, *x.shape[2:])
    hits = np.zeros((len(x), len(STEPS)), bool)
    with torch.no_grad():
        for j, f in enumerate(STEPS):
            masked = torch.where(rank < int(x.shape[2] * x.shape[3] * f), torch.zeros_like(x), x)
            for part in batches(len(x)):
                logits = demo_maps.forward(state, normalise(masked[part]).float(), heads)
                hits[part, j] = (logits.argmax(1) == labels[part]).numpy()
    return hits


def auc(hits):
    return 100 * float(np.trapz(hits.mean(0), dx=0.1))


def segmentation(heat, masks):
    """Totals of SPEC 8: pixel accuracy, mIoU, mAP in percent."""
    front = (heat > heat.mean((1, 2), keepdim=True)).numpy()
    said, kept = masks >= 0, masks == 1
    inter = [(said & ~front & ~kept).sum(), (said & front & kept).sum()]
    union = [(said & (~front | ~kept)).sum(), (said & (front | kept)).sum()]
    points = []
    for h, m, s in zip(heat.numpy(), masks, said):
        scores = np.concatenate((1 - h[s], h[s]))
        points.append(average_precision_score(np.concatenate((m[s] == 0, m[s] == 1)), scores))
    return (100 * (said & (front == kept)).sum() / said.sum(), 50 * (inter[0] / union[0] + inter[1] / union[1]),
            100 * float(np.mean(points)))


def file_segmentation(group):
    inter, union = (group[k][:].sum(0) for k in ("intersection", "union"))
    return (100 * group["correct"][:].sum() / group["labelled"][:].sum(), 50 * (inter / union).sum(),
            100 * float(group["ap"][:].mean()))


class Table:
    def __init__(self):
        self.bad = 0
        print(f"{'method':24} {'class':10} {'what':22} {'evalh':>9} {'here':>9} {'apart':>9}")

    def row(self, method, what, evalh, here, limit):
        apart = abs(evalh - here)
        off = limit is not None and not apart <= limit
        self.bad += off
        print(f"{method[0]:24} {method[1]:10} {what:22} {evalh:9.3f} {here:9.3f} {apart:9.3f}"
              f"{'  TOO FAR, limit ' + str(limit) if off else ''}")


def check(args, path):
    with h5py.File(path) as result:
        print(f"\n{path}")
        state, heads, size = model_of(args, result)
        double = {k: v.double() for k, v in state.items()}
        x, labels, masks, patches = load_images(args, result, size)
        with torch.no_grad():
            logits = torch.cat([demo_maps.forward(double, normalise(x[p]), heads) for p in batches(len(x))])
        table, n = Table(), len(x)
        agree = 100 * float((logits.argmax(1).numpy() == result["images/predicted"][:]).mean())
        accuracy = [100 * float((p == labels.numpy()).mean()) for p in (result["images/predicted"][:], logits.argmax(1).numpy())]
        table.row(("model", ""), "accuracy", *accuracy, 0.2)
        table.row(("model", ""), "predicted alike", 100.0, agree, LIMITS["hits"])
        own = {}
        for cls in ("predicted", "target"):
            if not any(cls in result[f"explain/{m}"] for m in result["explain"]):
                continue
            chunks = [demo_maps.maps(double, normalise(x[p]), heads, labels[p] if cls == "target" else None)[0]
                      for p in batches(n, 20)]
            own[cls] = {m: torch.cat([c[m] for c in chunks]) for m in chunks[0]}
        for method in result["explain"]:
            for cls in result[f"explain/{method}"]:
                if cls == "target" and f"{method}/predicted" in result["explain"] and \
                        result[f"explain/{method}/target"] == result[f"explain/{method}/predicted"]:
                    continue  # class-agnostic: the same records
                check_method(result, table, (method, cls), own, (state, heads, x, labels, masks, patches))
    return table.bad


def check_method(result, table, name, own, given):
    state, heads, x, labels, masks, patches = given
    method, cls = name
    kept = torch.from_numpy(result[f"explain/{method}/{cls}/map"][:]).flatten(1).double()
    maps = kept if method in NOT_RECOMPUTED else own[cls][method]
    if maps is not kept:
        spread = kept.abs().amax(1).clamp(min=1e-30)
        table.row(name, "map, median error %", 0.0, 100 * float(((maps - kept).abs().amax(1) / spread).median()), 0.1)
    heat = heat_of(maps, x.shape[2])
    for direction in result.get(f"perturbation/{method}/{cls}", {}):
        theirs = result[f"perturbation/{method}/{cls}/{direction}/hit"][:] != 0
        ours = hits_of(state, heads, x, labels, heat, direction)
        table.row(name, f"AUC {direction}", auc(theirs), auc(ours), LIMITS["AUC"])
        table.row(name, f"hits {direction} alike %", 100.0, 100 * float((theirs == ours).mean()), LIMITS["hits"])
    if f"segmentation/{method}/{cls}" in result:
        rows = zip(("pixel accuracy", "mIoU", "mAP"), file_segmentation(result[f"segmentation/{method}/{cls}"]),
                   segmentation(heat, masks))
        for what, evalh, here in rows:
            table.row(name, what, evalh, here, LIMITS["mIoU"])


    if patches is not None:
        share = (heat.numpy() * patches).sum((1, 2)) / heat.numpy().sum((1, 2)).clip(1e-30)
        print(f"{method:24} {cls:10} share of heat in the shortcut {100 * share.mean():.1f} %, of area {100 * patches.mean():.1f} %")


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    bad = sum(check(args, path) for path in args.results)
    print(f"\n{bad} comparisons too far apart" if bad else "\nall within the limits")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
