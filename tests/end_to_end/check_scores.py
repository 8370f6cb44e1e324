#!/usr/bin/python3
"""check_scores.py RESULT DEMO_GTSEGS_MAT THRESHOLDS_CSV: the share of heat inside the shortcut, and segmentation at
other thresholds, from the stored maps and the masks with numpy alone."""
import csv
import sys

import h5py
import numpy as np


def axis(grid, side):
    """Bilinear weights [side, grid], half-pixel centres, flat borders."""
    x = np.clip((np.arange(side) + 0.5) * grid / side - 0.5, 0, grid - 1)
    low = np.minimum(x.astype(int), grid - 1)
    w = np.zeros((side, grid))
    np.add.at(w, (np.arange(side), low), 1 - (x - low))
    np.add.at(w, (np.arange(side), np.minimum(low + 1, grid - 1)), x - low)
    return w


def heat_of(maps, side):
    w = axis(maps.shape[1], side)
    up = np.einsum("yi,nij,xj->nyx", w, maps.astype(float), w)
    low, high = up.min((1, 2), keepdims=True), up.max((1, 2), keepdims=True)
    return np.where(high > low, (up - low) / np.where(high > low, high - low, 1), 0).astype(np.float32)


def masks(mat, field):
    def follow(r):
        d = mat[r]
        return d[:].T if d.dtype.kind in "iu" else follow(d[0, 0])

    return np.stack([follow(r) for r in mat[f"value/{field}"][:, 0]])


def nearest(mask, side):
    """Nearest neighbour of a square mask, as the labels' resizing."""
    sampled = ((np.arange(side) + 0.5) * mask.shape[1] / side).astype(int)
    return mask[:, sampled][:, :, sampled]


with h5py.File(sys.argv[1]) as h, h5py.File(sys.argv[2]) as mat:
    side = int(round(h["segmentation/raw/predicted/labelled"][0] ** 0.5))
    patch, fore = nearest(masks(mat, "shortcut"), side) > 0, nearest(masks(mat, "gt"), side)
    area = h["images/shortcut_area"][:]
    assert np.allclose(area, patch.mean((1, 2)), atol=1e-6), (area, patch.mean((1, 2)))
    lines = {(r["method"], r["class"], r["threshold"]): r for r in csv.DictReader(open(sys.argv[3]))}
    for method in h["segmentation"]:
        heat = heat_of(h[f"explain/{method}/predicted/map"][:], side)
        share = (heat * patch).sum((1, 2), dtype=float) / heat.sum((1, 2), dtype=float)
        got = h[f"segmentation/{method}/predicted/shortcut_share"][:]
        assert np.allclose(got, share, atol=1e-5), (method, got, share)
        explained = "both" if (method, "both", "mean") in lines else "predicted"
        levels = {"mean": heat.mean((1, 2), keepdims=True, dtype=float)}
        ordered = np.sort(heat.reshape(len(heat), -1))
        levels["median"] = ordered[:, (side * side - 1) // 2].reshape(-1, 1, 1)
        levels.update({f"{k / 100:.2f}": k / 100 for k in range(5, 100, 10)})
        for name, level in levels.items():
            guess = heat > level
            iou = np.mean([((guess == c) & (fore == c)).sum() / ((guess == c) | (fore == c)).sum() for c in (0, 1)])
            line = lines[method, explained, name]
            # a pixel whose heat lies within rounding of the level may fall on either side
            assert abs(float(line["miou"]) - 100 * iou) < 0.1, (method, name, line, iou)
            assert abs(float(line["pixel_accuracy"]) - 100 * (guess == fore).mean()) < 0.1, (method, name, line)
print("shares of heat and thresholds are those of numpy")
