#!/usr/bin/env python3
"""What explanation methods cost beside one another: `evalh bench` measures them in turns in one process.

    bench_methods.py [EVALH] [--batch 16] [--repeats 3] [--models deit_tiny,vim_tiny]

Two questions, for each model (random weights), in passes of this machine at this time:
- what genatt, ixg, gradcam and attn_gradcam cost beside attribution, whose gradient they share: at most 0.6 passes more;
- whether ig costs what its 50 points cost: at most 50 x (forward + backward) x 1.05.
A forward and a backward pass together are what ixg takes. Exit code 1 where one is missed."""

import argparse
import os
import re
import subprocess
import sys

SHARED = ["genatt", "ixg", "gradcam", "attn_gradcam"]
STEPS, MORE, SLACK = 50, 0.6, 1.05


def measure(a, model, sets):
    """{set: {precision: (ms an image, times forward)}}"""
    out = subprocess.run([a.evalh, "bench", model, "--batch", str(a.batch), "--repeats", str(a.repeats),
                          "--method", ",".join(sets)], check=True, capture_output=True, text=True).stdout
    busy = re.search(r"BUSY MACHINE.*", out)
    print(f"## {model}, batch {a.batch}, {a.repeats} repeats (medians){': ' + busy[0] if busy else ''}\n")
    rows = {}
    for line in out.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"[\d.]+", cells[2]):
            rows.setdefault(cells[0].replace(" ", ""), {})[cells[1].split()[0]] = (float(cells[2]), float(cells[3]))
    return rows


def auto(rows, name):
    """As explain.precision = auto has it."""
    return rows[name].get("auto", rows[name]["fp32"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("evalh", nargs="?", default="build/harness/evalh")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--models", default="deit_tiny,vim_tiny")
    a = p.parse_args()
    missed = 0
    for model in a.models.split(","):
        shared = [m for m in SHARED if not os.path.basename(model).startswith("vim") or m in ("ixg", "gradcam")]
        together = "+".join(["attribution"] + shared)
        rows = measure(a, model, ["attribution", together, "ixg", "ig"])
        print("| methods | ms an image | times a forward pass | times forward + backward |\n| --- | ---: | ---: | ---: |")
        both = auto(rows, "ixg")[1]
        for name in ("attribution", together, "ixg", "ig"):
            ms, times = auto(rows, name)
            print(f"| {name} | {ms:.2f} | {times:.2f} | {times / both:.2f} |")
        more = auto(rows, together)[1] - auto(rows, "attribution")[1]
        path = auto(rows, "ig")[1] / (STEPS * both)
        missed += (more > MORE) + (path > SLACK)
        print(f"\n{'+'.join(shared)} beside attribution: {more:.2f} forward passes more, {more / both:.2f} of forward + "
              f"backward ({MORE} allowed): {'missed' if more > MORE else 'held'}")
        print(f"ig: {path:.3f} x {STEPS} x (forward + backward) ({SLACK} allowed): {'missed' if path > SLACK else 'held'}\n")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
