#!/usr/bin/env python3
"""The scores of docs/spec.md beside those of Quantus and captum, on the same maps: a table for
docs/scores.md. "Ours" is scripts/reference_scores.py, to which the C functions are held by a test.

    python3 -m venv /tmp/peers --system-site-packages      # with torch, numpy, scipy, scikit-learn
    /tmp/peers/bin/pip install --no-deps quantus==0.6.0 captum==0.9.0 opencv-python-headless \\
        scikit-image tqdm cachetools
    /tmp/peers/bin/python scripts/compare_scores.py
"""

import pathlib
import sys
import warnings

import numpy as np
import quantus
import torch
from captum.metrics import sensitivity_max
from quantus.functions import similarity_func as similar
from quantus.functions.complexity_func import discrete_entropy
from quantus.functions.perturb_func import noisy_linear_imputation
from quantus.helpers.model.pytorch_model import PyTorchModel
from skimage.metrics import structural_similarity
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference_scores as ours  # noqa: E402

warnings.filterwarnings("ignore")
N, SIDE, CLASSES = 6, 32, 5
ROWS = []


def row(score, peer, what, note=""):
    ROWS.append((score, peer, what, note))


def far(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    if (np.isnan(a) != np.isnan(b)).any():
        return "NaN in one of them"
    return f"{np.nanmax(np.abs(a - b)):.0e}"


def make_model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, stride=2),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 36, CLASSES)).eval()


def quiet(metric, **options):
    return metric(disable_warnings=True, display_progressbar=False, **options)


def on_maps(metric, model, a, x, y, s=None, **options):
    keep = dict(abs=False, normalise=False)
    keep.update(options)
    return quiet(metric, **keep)(model=model, x_batch=x, y_batch=y, a_batch=a.copy(), s_batch=s)


def maps_alone(model, x, y, a):
    m = np.abs(a)
    row("Gini", "Quantus Sparseness", far(on_maps(quantus.Sparseness, model, m, x, y),
                                          [ours.gini(v) for v in m]), "it adds 1e-7 to each value")
    row("entropy", "Quantus Complexity", far(on_maps(quantus.Complexity, model, m, x, y),
                                             [ours.entropy(v) for v in m]))


def localisation(model, x, y, a, s):
    mine = [ours.localisation(h[0], g[0].astype(int)) for h, g in zip(a, s)]
    row("pointing game, tolerance 0", "Quantus PointingGame",
        far(on_maps(quantus.PointingGame, model, a, x, y, s), [w["pointing0"] for w in mine]))
    row("top-k (k = 1,000)", "Quantus TopKIntersection",
        far(on_maps(quantus.TopKIntersection, model, a, x, y, s), [w["top_k"] for w in mine]))
    row("rank accuracy", "Quantus RelevanceRankAccuracy",
        far(on_maps(quantus.RelevanceRankAccuracy, model, a, x, y, s), [w["rank"] for w in mine]))
    row("AUC-ROC", "Quantus AUC, scikit-learn",
        far(on_maps(quantus.AUC, model, a, x, y, s), [w["auc"] for w in mine]))
    row("AUC-ROC", "scikit-learn roc_auc_score",
        far([roc_auc_score(g.ravel(), h.ravel()) for h, g in zip(a, s)], [w["auc"] for w in mine]))
    plus = np.maximum(a, 0)
    share = np.array([(h * g).sum() / h.sum() for h, g in zip(plus, s)])
    row("mass accuracy, of heat ≥ 0", "Quantus RelevanceMassAccuracy",
        far(on_maps(quantus.RelevanceMassAccuracy, model, plus, x, y, s), share))
    signed = np.array(on_maps(quantus.RelevanceMassAccuracy, model, a - 0.5, x, y, s))
    row("mass accuracy, of signed heat", "Quantus RelevanceMassAccuracy",
        f"{signed.min():.2f} … {signed.max():.2f}", "not a share: it sums signed heat")

    flat, empty = a.copy(), s.copy()
    flat[0] = 0.5
    empty[0] = 0
    row("pointing game, constant map", "Quantus PointingGame",
        "hit" if on_maps(quantus.PointingGame, model, flat, x, y, s)[0] else "miss",
        "any maximum on the object is a hit; ours: NaN")
    row("pointing game, empty mask", "Quantus PointingGame",
        "hit" if on_maps(quantus.PointingGame, model, a, x, y, empty)[0] else "miss",
        "NaN is written into an array of booleans, where it is true; ours: NaN")


def logits(model, x):
    with torch.no_grad():
        return model(torch.tensor(x, dtype=torch.float32)).numpy().astype(float)


def faithfulness(model, x, y, a):
    """Their own choices (1 value a step, raw logits), their arithmetic against ours."""
    seen = []

    def recording(arr, indices, **unused):
        out = arr.copy()
        np.put_along_axis(out, indices, arr.min(1, keepdims=True), 1)
        seen.append((indices.copy(), out.copy()))
        return out

    wide = np.broadcast_to(a, x.shape).reshape(N, -1)

    def pairs(steps):
        heat = np.stack([np.take_along_axis(wide, i, 1).sum(1) for i, _ in steps], 1)
        f0 = logits(model, x)[np.arange(N), y]
        drop = np.stack([f0 - logits(model, z.reshape(x.shape))[np.arange(N), y]
                         for _, z in steps], 1)
        return heat, drop

    theirs = on_maps(quantus.FaithfulnessEstimate, model, a, x, y, perturb_func=recording,
                     features_in_step=64)
    heat, drop = pairs(seen)
    row("faithfulness estimate", "Quantus FaithfulnessEstimate",
        far(theirs, [ours.correlation("pearson", h, d) for h, d in zip(heat, drop)]),
        "its groups are steps of the order over 3·S² values, ours K = 10 groups of pixels")
    seen.clear()
    theirs = on_maps(quantus.FaithfulnessCorrelation, model, a, x, y, perturb_func=recording,
                     nr_runs=50, subset_size=100, return_aggregate=False)
    heat, drop = pairs(seen)
    row("faithfulness correlation", "Quantus FaithfulnessCorrelation",
        far(theirs, [ours.correlation("pearson", h, d) for h, d in zip(heat, drop)]),
        "its subsets are of 224 single values, ours of a tenth of the patches")

    theirs = on_maps(quantus.Monotonicity, model, a, x, y, features_in_step=64)
    grows = []
    order = np.argsort(wide, 1)
    for i in range(N):
        image, p = np.full(x[i].size, x[i].min()), []
        for k in range(0, x[i].size, 64):
            image[order[i, k:k + 64]] = x[i].ravel()[order[i, k:k + 64]]
            p.append(logits(model, image.reshape(x[i:i + 1].shape))[0, y[i]])
        grows.append(bool((np.diff(p) >= 0).all()))
    row("monotonicity", "Quantus Monotonicity",
        f"true for {sum(theirs)} of {N}, by its formula for {sum(grows)}",
        "its image never leaves the baseline; ours: Spearman of the curve")


def randomisation(a, b):
    u, v = a.reshape(N, -1), b.reshape(N, -1)
    row("Spearman of maps", "Quantus correlation_spearman",
        far(similar.correlation_spearman(u, v, batched=True),
            [ours.correlation("spearman", p, q) for p, q in zip(u, v)]))
    row("Pearson of maps", "Quantus correlation_pearson",
        far(similar.correlation_pearson(u, v, batched=True),
            [ours.correlation("pearson", p, q) for p, q in zip(u, v)]))
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=True, data_range=1)
    row("SSIM, Gaussian window", "scikit-image",
        far([structural_similarity(p[0], q[0], **options) for p, q in zip(a, b)],
            [ours.ssim(p[0], q[0]) for p, q in zip(a, b)]))
    entropy = np.array([[discrete_entropy(a=w, x=w) for w in maps] for maps in (u, v)])
    row("eMPRT", "Quantus discrete_entropy",
        far((entropy[1] - entropy[0]) / entropy[0],
            [ours.emprt(p, q) for p, q in zip(a, b)]))


class Block(torch.nn.Module):
    """Tensors of a Vim's kind: some belong to no module that knows how to reset itself."""

    def __init__(self):
        super().__init__()
        for name in ("cls_token", "pos_embed", "A_log", "D"):
            self.register_parameter(name, torch.nn.Parameter(torch.randn(6)))
        self.first, self.second = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)


def layers(model, x, y):
    """Which tensors Quantus' randomisation reaches, and what its mean over layers holds."""
    torch.manual_seed(5)
    block = Block()
    trained = {k: v.clone() for k, v in block.state_dict().items()}
    *_, (_, last) = PyTorchModel(block).get_random_layer_generator("top_down")
    kept = sorted(k for k, v in last.state_dict().items() if torch.equal(v, trained[k]))
    same = torch.equal(last.first.weight, last.second.weight)
    row("randomisation: tensors left trained", "Quantus MPRT", ", ".join(kept), "ours: none")
    row("randomisation: two layers of one shape", "Quantus MPRT",
        "get the same weights" if same else "differ", "ours: one stream")

    def explain(model, inputs, targets, **_):
        z = torch.tensor(inputs, requires_grad=True)
        chosen = model(z).gather(1, torch.tensor(targets)[:, None]).sum()
        return torch.autograd.grad(chosen, z)[0].numpy().sum(1, keepdims=True)

    test = dict(similarity_func=similar.correlation_spearman, layer_order="top_down")
    run = dict(model=model, x_batch=x, y_batch=y, explain_func=explain)
    by_layer = quiet(quantus.MPRT, **test)(**run)
    mean = quiet(quantus.MPRT, return_average_correlation=True, **test)(**run)
    fresh = np.array([v for k, v in by_layer.items() if k != "original"])
    row("randomisation: mean over layers", "Quantus MPRT, (1 + Σ)/(Λ + 1)",
        far(mean, (1 + fresh.sum(0)) / (len(fresh) + 1)),
        f"with the original's 1: {np.mean(mean):.3f}; ours, without: {fresh.mean():.3f}")


def robustness(model, x, y):
    seen = []

    def explain(inputs):
        z = inputs[0] if isinstance(inputs, tuple) else inputs
        classes = torch.tensor(y).repeat_interleave(len(z) // N)[:, None]
        with torch.enable_grad():
            z = z.detach().requires_grad_(True)
            out = torch.autograd.grad(model(z).gather(1, classes).sum(), z)
        return out if isinstance(inputs, tuple) else out[0]

    def perturb(inputs):
        z = inputs[0] if isinstance(inputs, tuple) else inputs
        out = z + torch.empty_like(z).uniform_(-0.02, 0.02)
        seen.append(out.clone())
        return (out,) if isinstance(inputs, tuple) else out

    tensor = torch.tensor(x, dtype=torch.float32)
    theirs = sensitivity_max(explain, tensor, perturb_func=perturb, n_perturb_samples=10).numpy()
    before, after = explain(tensor).numpy(), explain(torch.cat(seen)).numpy()
    apart = [ours.distance(before[i // 10], e) for i, e in enumerate(after)]
    row("sensitivity max", "captum sensitivity_max",
        far(theirs, np.max(np.reshape(apart, (N, 10)), 1)))


def road(x):
    image = x[0].astype(float)
    gone = np.random.default_rng(3).permutation(SIDE * SIDE)[:SIDE * SIDE // 2]
    mask = np.zeros(SIDE * SIDE, bool)
    mask[gone] = True
    theirs = noisy_linear_imputation(image, np.nonzero(mask)[0], noise=0)
    mine = ours.road(image.transpose(1, 2, 0), mask.reshape(SIDE, SIDE)).transpose(2, 0, 1)
    row("linear imputation, noise 0", "Quantus noisy_linear_imputation", far(theirs, mine))


def road_rgb(model, x, y, a):
    try:
        quiet(quantus.ROAD, percentages=[50], normalise=False)(model=model, x_batch=x, y_batch=y,
                                                               a_batch=a)
        how = "runs"
    except Exception as e:
        how = type(e).__name__
    row("ROAD of RGB images", "Quantus ROAD", how, "it indexes 3·S² values where S² are")


def main():
    rng = np.random.default_rng(1)
    model = make_model()
    x = rng.random((N, 3, SIDE, SIDE)).astype(np.float32)
    y = logits(model, x).argmax(1)
    a = rng.random((N, 1, SIDE, SIDE))
    b = np.clip(a + 0.3 * rng.normal(size=a.shape), 0, 1)
    v, u = np.mgrid[:SIDE, :SIDE]
    s = [((v - 8 - i) ** 2 + (u - 20 + i) ** 2 < 70)[None] for i in range(N)]
    s = np.stack(s).astype(float)
    np.random.seed(0)
    maps_alone(model, x, y, a)
    localisation(model, x, y, a, s)
    faithfulness(model, x, y, a)
    road(x)
    road_rgb(model, x, y, a)
    randomisation(a, b)
    layers(model, x, y)
    robustness(model, x, y)
    print("| score | beside | largest difference, or what it gives | note |")
    print("| --- | --- | --- | --- |")
    for r in ROWS:
        print("| " + " | ".join(r) + " |")


if __name__ == "__main__":
    main()
