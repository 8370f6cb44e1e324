"""check_records.py RESULT.h5: do the records of the perturbation test agree with one another?"""

import sys

import h5py
import numpy as np


def same(what, a, b, tolerance=0.0):
    far = np.abs(np.asarray(a, float) - np.asarray(b, float)).max()
    assert far <= tolerance, f"{what}: {far} apart"


def check_curves(f, at, label, top):
    r = {k: f[at][k][:] for k in f[at]}
    same(f"{at}/hit", r["hit"], r["predicted"] == label[:, None])
    same(f"{at}/predicted", r["predicted"][:, 0], top)
    assert ((r["prob_class"] >= 0) & (r["prob_class"] <= 1)).all()
    right = top == label
    same(f"{at}/prob_class", r["prob_class"][right], r["prob"][right])
    if "target" in at:
        same(f"{at}/prob_class", r["prob_class"], r["prob"])
    return r


def check_end(f, r, label, top, end):
    """The 100 % point is the filled image, the same for all methods."""
    each = "prob_class" in f["blank"]
    prob = f["blank/prob"][:] if each else f["blank/prob"][:][label]
    same(f"{end} prob", r["prob"][:, -1], prob)
    if "predicted/" in end:
        want = f["blank/prob_class"][:] if each else f["blank/prob"][:][top]
        same(f"{end} prob_class", r["prob_class"][:, -1], want)
    if each:
        same(f"{end} predicted", r["predicted"][:, -1], f["blank/predicted"][:])
    else:
        assert (r["predicted"][:, -1] == f["blank/prob"][:].argmax()).all()
        same("sum of probabilities", f["blank/prob"][:].sum(), 1, 1e-6)


def check_scales(f, at):
    for name, dataset in f[at].items():
        assert [list(d.keys()) for d in dataset.dims] == [["image"], ["removed"]], f"{at}/{name}"
        assert dataset.attrs["long_name"], f"{at}/{name}"
    same("removed", f["removed"][:], np.linspace(0, f["removed"][-1], len(f["removed"])), 1e-7)


def main():
    with h5py.File(sys.argv[1]) as f:
        label, top = f["images/label"][:], f["images/predicted"][:]
        assert f.attrs["schema"] == 2
        same("image", f["image"][:], np.arange(len(label)))
        for method in f["perturbation"]:
            for order in f[f"perturbation/{method}/predicted"]:
                pair = []
                for of in f[f"perturbation/{method}"]:
                    at = f"perturbation/{method}/{of}/{order}"
                    pair.append(check_curves(f, at, label, top))
                    check_scales(f, at)
                    if f["removed"][-1] == 1:
                        check_end(f, pair[-1], label, top, at)
                # of one map: a ratio of probabilities is the exponential of a difference of logits
                if len(pair) == 2 and (pair[0]["prob"] == pair[1]["prob"]).all():
                    ratio = np.log(pair[0]["prob_class"].astype(float) / pair[0]["prob"])
                    apart = pair[0]["logit_class"].astype(float) - pair[1]["logit_class"]
                    same(f"{method}: logits", ratio, apart, 1e-4)
    print("the records agree with one another")


if __name__ == "__main__":
    main()
