#!/usr/bin/env python3
"""Judges two result files of the same perturbation run on two devices (issue 5).

    gpu_parity.py CPU.h5 GPU.h5 --hits 99.9 --auc 0.05

Prints, as the last line, the share of equal hits and of equal predictions over all images, methods, classes,
directions and steps, and the largest difference of an AUC in points. Exit code 1 where hits or an AUC are further
apart than asked. h5py alone is needed.
"""
import argparse

import h5py
import numpy


def auc(hits):
    """SPEC 7: trapezoid over 0 ... 90 %, times 100, of the mean over images."""
    accuracy = hits.astype(float).mean(axis=0)
    return 100 * 0.1 * (accuracy.sum() - (accuracy[0] + accuracy[-1]) / 2)


def curves(group, path=""):
    for name, item in sorted(group.items()):
        if isinstance(item, h5py.Group):
            yield from curves(item, f"{path}/{name}")
        elif name == "hit":
            yield path, item[()], group["predicted"][()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cpu")
    parser.add_argument("gpu")
    parser.add_argument("--hits", type=float, required=True, help="percent that must be equal")
    parser.add_argument("--auc", type=float, required=True, help="points that an AUC may be apart")
    a = parser.parse_args()
    equal = same = count = 0
    worst = 0.0
    with h5py.File(a.cpu) as cpu, h5py.File(a.gpu) as gpu:
        if list(cpu["images/id"][()]) != list(gpu["images/id"][()]):
            raise SystemExit("FAIL: not the same images")
        ours = {path: (hit, predicted) for path, hit, predicted in curves(gpu["perturbation"])}
        for path, hit, predicted in curves(cpu["perturbation"]):
            other_hit, other_predicted = ours.pop(path)
            equal += (hit == other_hit).sum()
            same += (predicted == other_predicted).sum()
            count += hit.size
            apart = abs(auc(hit) - auc(other_hit))
            worst = max(worst, apart)
            print(f"{path}: AUC {auc(hit):.3f} and {auc(other_hit):.3f}")
        if ours or count == 0:
            raise SystemExit(f"FAIL: not the same records: {sorted(ours)}")
    hits = 100 * equal / count
    passed = hits >= a.hits and worst <= a.auc
    print(f"{'ok' if passed else 'FAIL'}: hits equal {hits:.3f} % (>= {a.hits}), predictions "
          f"{100 * same / count:.3f} %, AUC apart {worst:.3f} (<= {a.auc})")
    raise SystemExit(0 if passed and not numpy.isnan(worst) else 1)


if __name__ == "__main__":
    main()
