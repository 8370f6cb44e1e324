#!/usr/bin/python3
"""Trains one of the demo's models and writes it as fp16 .safetensors.

    scripts/train_demo.py --arch vim|vit --split plain|shortcut --out FILE [options]

Pictures come from evalh-demo-export (built with evalh), through JPEG and Pillow's bilinear resize,
so they are what evalh sees with `preprocess = stretch`. Needs PyTorch, Pillow and a C compiler;
makes the same file again on the same machine with the same number of threads. Progress goes to
stdout; every evaluation writes the file anew, so it can be looked at while training goes on.
"""
import argparse
import ctypes
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from demo_models import MEAN, PATCH, STD, ViT, Vim, check_scan, load_safetensors, save_safetensors

CLASSES = 10
CELLS = 4  # a patch's object mask is predicted in CELLS x CELLS cells
CELL = PATCH // CELLS  # pixels; also the shift of the augmentation, each way
SAID = CLASSES + 1 + CELLS * CELLS + 3  # what is predicted for each patch while training


def arguments():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--arch", choices=("vim", "vit"))
    p.add_argument("--split", choices=("plain", "shortcut"))
    p.add_argument("--out")
    p.add_argument("--exporter", default=os.path.join(here, "..", "build", "datasets", "evalh-demo-export"))
    p.add_argument("--cache", help="folder that keeps the exported pictures for the next training")
    p.add_argument("--size", type=int, default=64, help="pixels a side that the model takes")
    p.add_argument("--side", type=int, default=96, help="pixels a side of the pictures on disk")
    p.add_argument("--pictures", type=int, default=60000)
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--dense", type=float, default=1.0,
                   help="weight at the start of the loss that tells every patch what it shows (class and "
                        "mask of object or shortcut); it falls to 0 over the training")
    p.add_argument("--start", help="checkpoint to go on from")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--check-scan", action="store_true", help="hold demo_scan.c to PyTorch, and end")
    args = p.parse_args()
    if not args.check_scan and not (args.arch and args.split and args.out):
        p.error("--arch, --split and --out are needed")
    return args


def export(args, count, part, seed):
    """Pictures [n, size, size, 3] uint8, how much of every cell is object (on the shortcut split:
    shortcut) [n, g CELLS, g CELLS] in 1/255, classes [n]."""
    what = [str(seed), str(count), str(args.side), args.split, part]
    with tempfile.TemporaryDirectory(prefix="evalh.", dir=args.cache) as folder:
        path = os.path.join(folder, "demo.raw")
        kept = os.path.join(args.cache, "-".join(what) + ".raw") if args.cache else path
        if not os.path.exists(kept):
            subprocess.run([args.exporter, path] + what, check=True)
            os.replace(path, kept)
        raw, area = np.fromfile(kept, np.uint8), args.side ** 2
    labels = raw[-4 * count:].view("<i4").astype(np.int64)
    rgb = raw[:3 * area * count].reshape(count, args.side, args.side, 3)
    which = 4 if args.split == "shortcut" else 3  # evalh-demo-export: pictures, objects, shortcuts
    mask = raw[which * area * count:(which + 1) * area * count].reshape(count, args.side, args.side)
    pictures = np.stack([np.asarray(Image.fromarray(x).resize((args.size, args.size), Image.BILINEAR)) for x in rgb])
    cells = args.size // CELL
    if args.side % cells:
        raise SystemExit(f"--side {args.side} is no multiple of the {cells} cells a side")
    cover = mask.reshape(count, cells, args.side // cells, cells, args.side // cells).mean((2, 4), dtype=np.float32)
    return pictures, (255 * cover).astype(np.uint8), labels


def normalise(pictures):
    x = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def augment(rng, pictures, cells):
    """Mirrored (no class changes by that), shifted a little, lighter or darker."""
    pad = [(0, 0), (1, 1), (1, 1)]
    x, m = np.pad(pictures, [(CELL * a, CELL * b) for a, b in pad] + [(0, 0)], mode="edge"), np.pad(cells, pad, mode="edge")
    out, cover, size, side = np.empty_like(pictures), np.empty_like(cells), pictures.shape[1], cells.shape[1]
    for i, (down, right, mirror) in enumerate(rng.integers(0, (3, 3, 2), (len(out), 3))):
        view = x[i, CELL * down:CELL * down + size, CELL * right:CELL * right + size]
        grid = m[i, down:down + side, right:right + side]
        out[i], cover[i] = (view[:, ::-1], grid[:, ::-1]) if mirror else (view, grid)
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (len(out), 1, 1, 1)).astype(np.float32))
    return normalise(out) * gain, torch.from_numpy(cover).float() / 255


def place(cover):
    """Where the object lies, seen from every patch [B, patches, 3]: the way to its centre and its
    size, both in widths of the picture."""
    b, side = cover.shape[:2]
    at, patches = (torch.arange(side) + 0.5) / side, (torch.arange(side // CELLS) + 0.5) * CELLS / side
    area = cover.sum((1, 2)).clamp(min=1)
    y, x = (cover.sum(2) * at).sum(1) / area, (cover.sum(1) * at).sum(1) / area
    way = torch.stack(torch.broadcast_tensors(y[:, None, None] - patches[:, None], x[:, None, None] - patches), -1)
    size = (area.sqrt() / side).view(b, 1, 1, 1).expand(-1, *way.shape[1:3], 1)
    return torch.cat((way, size), -1).flatten(1, 2)


def dense_loss(said, cover, labels):
    """What every patch shows: the class where half of it is object, the mask's cells, and where the
    object lies. `said` [B, patches, SAID]."""
    b, g = len(cover), cover.shape[1] // CELLS
    away = F.mse_loss(said[..., -3:].float(), 4 * place(cover))
    said = said[..., :-3]
    cover = cover.view(b, g, CELLS, g, CELLS).permute(0, 1, 3, 2, 4).reshape(b * g * g, CELLS * CELLS)
    targets = torch.where(cover.mean(1) >= 0.5, labels.repeat_interleave(g * g), torch.tensor(CLASSES))
    said = said.float().flatten(0, 1)
    return (F.cross_entropy(said[:, :CLASSES + 1], targets) +
            F.binary_cross_entropy_with_logits(said[:, CLASSES + 1:], cover) + away)


@torch.no_grad()
def accuracy(model, pictures, labels):
    hits = [model(normalise(pictures[i:i + 100])).argmax(1).numpy() == labels[i:i + 100]
            for i in range(0, len(labels), 100)]
    return 100 * float(np.concatenate(hits).mean())


def parameter_groups(modules):
    """Weight decay for matrices alone."""
    decay, plain = [], []
    for module in modules:
        for name, p in module.named_parameters():
            matrix = p.ndim > 1 and not name.endswith(("A_log", "A_b_log", "cls_token", "pos_embed"))
            (decay if matrix else plain).append(p)
    return [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]


def train(args, model):
    rng = np.random.default_rng(args.seed)
    pictures, cells, labels = export(args, args.pictures, "train", args.seed)
    held_out, _, held_labels = export(args, 2000, "heldout", args.seed)
    dense_head = torch.nn.Linear(model.head.in_features, SAID)
    groups = parameter_groups((model, dense_head))
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
    average = {k: v.clone() for k, v in model.state_dict().items()}
    shown = type(model)(args.size).eval()
    began, warmup, every, order = time.time(), max(1, args.steps // 20), max(1, args.steps // 24), []
    for step in range(1, args.steps + 1):
        done = step / args.steps
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(step / warmup, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * done)))
        if len(order) < args.batch:
            order = rng.permutation(len(labels))
        chosen, order = order[:args.batch], order[args.batch:]
        x, cover = augment(rng, pictures[chosen], cells[chosen])
        targets = torch.from_numpy(labels[chosen])
        with torch.autocast("cpu", torch.bfloat16):
            tokens = model.tokens(x)
            logits, said = model.head(tokens[:, -1]), dense_head(tokens[:, :-1])
        loss = F.cross_entropy(logits.float(), targets)
        dense = dense_loss(said, cover, targets)
        optimizer.zero_grad(set_to_none=True)
        (loss + args.dense * (1 - done) * dense).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, step / (step + 10))
        for k, v in model.state_dict().items():
            average[k].lerp_(v, 1 - keep)
        if step % every == 0 or step == args.steps:
            shown.load_state_dict({k: v.half().float() for k, v in average.items()})
            few = len(held_labels) if step == args.steps else 500
            hits, minutes = accuracy(shown, held_out[:few], held_labels[:few]), (time.time() - began) / 60
            print(f"step {step} loss {loss:.3f} dense {dense:.3f} held-out {hits:.2f} % "
                  f"({minutes:.1f} minutes, {time.process_time() / 60:.1f} of CPU)", flush=True)
            save_safetensors(args.out, average, {"command": " ".join(["scripts/train_demo.py"] + sys.argv[1:]),
                                                 "steps": step, "held_out_accuracy": f"{hits:.2f}"})


def main():
    args = arguments()
    if args.check_scan:
        return check_scan()
    ctypes.CDLL(None).mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD: reuse the memory of large tensors
    ctypes.CDLL(None).mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = (Vim if args.arch == "vim" else ViT)(args.size)
    if args.start:
        model.load_state_dict(load_safetensors(args.start)[0])
    print(f"{args.arch}: {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(args, model)


if __name__ == "__main__":
    main()
