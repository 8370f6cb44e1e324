#!/usr/bin/python3
"""check_report.py MAKE_RESULT REPORT SCORE: recomputes what evalh prints with h5py, numpy and scikit-learn.

Exit 77, aloud, where those are not installed."""
import json
import math
import os
import re
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    from scipy import stats
    from sklearn.metrics import average_precision_score
except ImportError as e:
    print(f"SKIPPED: {e}: python3-h5py and python3-sklearn are needed")
    sys.exit(77)

MAKE, REPORT, SCORE = sys.argv[1:4]
rng = np.random.default_rng(3)


def close(name, got, want, tolerance):
    assert abs(got - want) <= tolerance, f"{name}: evalh says {got}, recomputed {want}"


def score(folder, heat, labels):
    heat.astype(np.float32).tofile(f"{folder}/heat")
    labels.astype(np.int8).tofile(f"{folder}/labels")
    return [float(x) for x in subprocess.check_output([SCORE, f"{folder}/heat", f"{folder}/labels"]).split()]


def check_score(folder, heat, labels):
    """SPEC 8 written out with numpy and scikit-learn, on the float32 heat map."""
    got = score(folder, heat, labels)
    heat, labels = heat.astype(np.float32).astype(np.float64).ravel(), labels.ravel()
    fore, on = heat > heat.mean(), labels >= 0
    want = [np.sum((fore == labels) & on), on.sum()]
    want += [np.sum((fore == c) & (labels == c)) for c in (0, 1)]
    want += [np.sum(((fore == c) | (labels == c)) & on) for c in (0, 1)]
    assert got[:6] == want, (got, want)
    both, truth = np.r_[1 - heat[on], heat[on]], np.r_[labels[on] == 0, labels[on] == 1]
    close("ap of both", got[6], average_precision_score(truth, both), 1e-6)
    if (labels == 1).any():
        close("ap", got[7], average_precision_score(labels == 1, heat), 1e-12)


def check_scores(folder):
    for n, levels in ((5, 2), (300, 7), (4000, 50), (50176, 10**6)):
        heat = rng.integers(0, levels + 1, n) / levels
        check_score(folder, heat, rng.integers(-1, 2, n))
    shared = next((d for d in (os.environ.get("EVALH_SHARED"), "../shared", "/work/shared") if d and os.path.isdir(d)), None)
    if not shared:
        return print("SKIPPED: golden heat maps (no ../shared)")
    with h5py.File(f"{shared}/golden/models.h5") as h:
        for model in h:
            image = h[model][sorted(h[model])[0]]
            for method in image["heat"]:
                heat = image["heat"][method][:]
                y, x = np.mgrid[: len(heat), : len(heat)] / len(heat)
                check_score(folder, heat, ((y - 0.5) ** 2 + (x - 0.6) ** 2 < 0.1).astype(np.int8))


def interval(statistic, n, count=600):
    """Bias-corrected and accelerated, at the level of Student's t."""
    value, draws = statistic(np.arange(n)), np.array([statistic(rng.integers(0, n, n)) for _ in range(count)])
    left_out = np.array([statistic(np.delete(np.arange(n), i)) for i in range(n)])
    apart = left_out.mean() - left_out
    z0 = stats.norm.ppf((draws < value).mean() + 0.5 * (draws == value).mean())
    a = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    z = z0 + np.sqrt(n / (n - 1)) * stats.t.ppf([0.025, 0.975], n - 1)
    return np.quantile(draws, stats.norm.cdf(z0 + z / (1 - a * z)))


def check_figure(name, figure, statistic, n):
    close(name, figure["value"], statistic(np.arange(n)), 1e-6)
    low, high = interval(statistic, n)
    slack = 0.2 * (high - low)  # sampling error of two bootstraps
    close(name + " low", figure["low"], low, slack)
    close(name + " high", figure["high"], high, slack)


def check_perturbation(h, row, ok):
    for direction in ("positive", "negative"):
        g = h[f"perturbation/{row['method']}/{row['class']}/{direction}"]
        hit, prob = g["hit"][:][ok].astype(float), g["prob"][:][ok].astype(float)
        curve = row[direction]
        for k in range(10):
            close("accuracy", curve["accuracy"][k], 100 * hit[:, k].mean(), 1e-9)
            close("probability", curve["probability"][k], 100 * prob[:, k].mean(), 1e-6)
        auc = lambda rows: 100 * np.trapz(hit[rows].mean(0), dx=0.1)
        check_figure("AUC", curve["auc"], auc, len(hit))


def check_segmentation(h, row, ok):
    g = {k: v[:][ok].astype(float) for k, v in h[f"segmentation/{row['method']}/{row['class']}"].items()}
    n = len(g["ap"])
    check_figure("pixel accuracy", row["pixel_accuracy"], lambda p: 100 * g["correct"][p].sum() / g["labelled"][p].sum(), n)
    check_figure("mAP", row["map"], lambda p: 100 * g["ap"][p].mean(), n)
    check_figure("mIoU", row["miou"], lambda p: 100 * (g["intersection"][p].sum(0) / g["union"][p].sum(0)).mean(), n)
    if "images/shortcut_area" not in h:
        assert "shortcut_share" not in row
        return
    area = h["images/shortcut_area"][:][ok].astype(float)
    there = (area > 0) & ~np.isnan(g["shortcut_share"])
    assert row["shortcut_images"] == there.sum() < n
    close("shortcut area", row["shortcut_area"], 100 * area[there].mean(), 1e-9)
    share = np.where(there, g["shortcut_share"], np.nan)  # resampled over all images, as the rest
    check_figure("shortcut share", row["shortcut_share"], lambda p: 100 * np.nanmean(share[p]), n)


def check_report(path):
    run = json.loads(subprocess.check_output([REPORT, "report", path, "--format", "json"]))["runs"][0]
    with h5py.File(path) as h:
        label, predicted, status = (h[f"images/{k}"][:] for k in ("label", "predicted", "status"))
        strata = {"all": status == 0, "correct": (status == 0) & (label == predicted), "wrong": (status == 0) & (label != predicted)}
        hits = (label == predicted)[status == 0].astype(float)
        n, z = len(hits), stats.norm.ppf(0.975)
        centre, reach = hits.mean() + z * z / (2 * n), z * np.sqrt(hits.var() / n + (z / (2 * n)) ** 2)
        close("top-1", run["top1"]["value"], 100 * hits.mean(), 1e-9)
        for end, sign in (("low", -1), ("high", 1)):
            close("top-1", run["top1"][end], 100 * (centre + sign * reach) / (1 + z * z / n), 1e-9)
        for row in run["perturbation"]["rows"]:
            check_perturbation(h, row, strata[row["stratum"]])
        for row in run["segmentation"]["rows"]:
            check_segmentation(h, row, strata[row["stratum"]])
        assert len(run["perturbation"]["rows"]) == len(run["segmentation"]["rows"]) == 12


def binomial(k, n):
    """Two-sided exact McNemar: twice the lower tail of Binomial(n, 1/2), at most 1."""
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(min(k, n - k) + 1)) / 2**n)


def check_mcnemar(a, b):
    """p of every figure at 50 % removed, and of top-1, as `evalh compare --paired` prints them (three digits)."""
    text = subprocess.run([REPORT, "compare", "--paired", a, b], stdout=subprocess.PIPE, text=True).stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.count("|") == 12]
    seen = 0
    with h5py.File(a) as x, h5py.File(b) as y:
        use = (x["images/status"][:] == 0) & (y["images/status"][:] == 0)
        for method, explained, figure, va, vb, *_, p in rows:
            if not figure.endswith("AUC"):
                continue
            group = "predicted" if explained == "both" else explained
            at = f"perturbation/{method}/{group}/{figure.split()[0]}/hit"
            hits = [h[at][:][use].astype(bool) for h in (x, y)]
            one, other = (hits[0] & ~hits[1])[:, 5].sum(), (~hits[0] & hits[1])[:, 5].sum()
            want = binomial(int(one), int(one + other))
            assert abs(float(p) - want) <= 6e-3 * want, (at, p, want)
            for value, h in ((va, hits[0]), (vb, hits[1])):
                close("paired AUC", float(value), 100 * np.trapz(h.mean(0), dx=0.1), 0.00501)
            seen += 1
        right = [(h["images/predicted"][:] == h["images/label"][:])[use] for h in (x, y)]
        one, other = (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum()
        said = re.search(r"only in A (\d+), only in B (\d+).*McNemar p = (\S+)", text)
        assert (int(said[1]), int(said[2])) == (one, other), (said[0], one, other)
        want = binomial(int(one), int(one + other))
        assert abs(float(said[3]) - want) <= 6e-3 * want, (said[0], want)
    assert seen == 2 + 4, seen  # one row a direction for a method that knows no class, two for one that does


with tempfile.TemporaryDirectory() as folder:
    check_scores(folder)
    made = f"{folder}/made.h5"
    subprocess.check_call([MAKE, made, "methods=raw attribution", "segmentation=1", "images=150"])
    check_report(made)
    subprocess.check_call([MAKE, made, "methods=raw attribution", "segmentation=1", "images=150", "shortcuts=1"])
    check_report(made)
    for seed in (1, 2):
        subprocess.check_call([MAKE, f"{folder}/{seed}.h5", "methods=raw attribution", "images=150", f"seed={seed}"])
    check_mcnemar(f"{folder}/1.h5", f"{folder}/2.h5")
print("what evalh prints is what h5py, numpy and scikit-learn compute")
