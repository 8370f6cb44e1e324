#!/usr/bin/python3
"""The scores of docs/spec.md, sections 12 to 20, written again with numpy and scipy, from the page
and not from the C code, and applied to cases made by hand and by chance.

    reference_scores.py --write tests/harness/scores/reference.txt
    reference_scores.py --check tests/harness/scores/reference.txt   # is it what would be written?

The file holds one array a line: "CASE/NAME count values"; names that begin with "want" are results,
the others what goes in. tests/harness/scores/test_reference.c holds the C functions to it.
"""

import argparse
import sys

try:
    import numpy as np
    from scipy import ndimage, sparse, stats
    from scipy.sparse import linalg
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

NAN = float("nan")


# ---- curves (section 12) -----------------------------------------------------------------------


def shares(steps, upto):
    return np.arange(steps + 1) * upto / (100 * steps)


def area(p, f):
    return float(np.trapz(p, f))


def area_to_blank(p, f, blank):
    return area(np.append(p, blank), np.append(f, 1.0)) if f[-1] < 1 else area(p, f)


def aopc(p, kind):
    drop = p[0] - p
    return float([drop.mean(), drop[1:].mean(), np.abs(drop[1:]).mean()][kind])


def log_odds(p):
    p = np.maximum(p, 1e-12)
    return float(np.log(p[1:] / p[0]).mean())


def relative(p):
    return p / p[0] if p[0] != 0 else np.full(len(p), NAN)


def ranged(p, blank):
    return (p - blank) / (p[0] - blank) if p[0] > blank else np.full(len(p), NAN)


def correlation(kind, x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return NAN
    return float({"pearson": stats.pearsonr, "spearman": stats.spearmanr,
                  "kendall": stats.kendalltau}[kind](x, y)[0])


def mas(p, moved, insertion):
    """p in the order of the walk; moved: share of the heat that went or came, 0 to 1."""
    if np.isnan(moved).any():
        return NAN
    first, blank = (p[-1], p[0]) if insertion else (p[0], p[-1])
    if not first > blank:
        return 0.5
    r = np.clip((p - blank) / (first - blank), 0, 1)
    r = np.maximum.accumulate(r) if insertion else np.minimum.accumulate(r)
    share = moved if insertion else 1 - moved
    c = np.clip(r - np.abs(share - r) if insertion else r + np.abs(share - r), 0, 1)
    if np.ptp(c) == 0:
        return 0.5
    c = (c - c.min()) / np.ptp(c)
    return area(c, np.linspace(0, 1, len(c)))


def rise_blur(image):
    """image [S, S, 3] in [0, 255]: RISE's 11 x 11 window over the normalised image, zeros outside
    it, and back."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    w = stats.norm.pdf(np.arange(-20, 21), scale=5)
    g = np.array([w[[k for k in range(41) if (k - 20 - i + 5) % 11 == 0]].sum() for i in range(11)])
    kernel = np.outer(g, g) / w.sum() ** 2
    x = (image / 255 - mean) / std
    out = [ndimage.convolve(x[..., c], kernel, mode="constant") for c in range(3)]
    return 255 * (np.stack(out, -1) * std + mean)


def order(h, descending=True):
    """Pixels by heat; ties by index, lowest first, in both directions."""
    h = np.asarray(h, float).ravel()
    return np.lexsort((np.arange(h.size), -h if descending else h))


def ranks_of(h):
    rank = np.empty(np.size(h), int)
    rank[order(h)] = np.arange(np.size(h))
    return rank


def heat_moved(h, steps, upto):
    a = np.abs(np.asarray(h, float)).ravel()[order(h)]
    if a.sum() == 0:
        return np.full(steps + 1, NAN)
    removed = [int(a.size * f) for f in shares(steps, upto)]
    return np.array([a[:k].sum() for k in removed]) / a.sum()


# ---- one group at a time (section 13) ----------------------------------------------------------


def group_heat(h, groups):
    h = np.asarray(h, float).ravel()[order(h)]
    cut = [h.size * i // groups for i in range(groups + 1)]
    return np.array([h[a:b].sum() for a, b in zip(cut[:-1], cut[1:])])


def saco(s, d):
    i, j = np.triu_indices(len(s), 1)
    gap = s[i] - s[j]
    if np.isnan(d).any() or np.abs(gap).sum() == 0:
        return NAN
    return float(np.where(d[i] >= d[j], gap, -gap).sum() / np.abs(gap).sum())


def tile_heat(h, q):
    w = len(h) // q
    return np.asarray(h, float)[: w * q, : w * q].reshape(q, w, q, w).sum((1, 3)).ravel()


# ---- ROAD (section 14) -------------------------------------------------------------------------


def road(image, removed):
    """image [S, S, C] in [0, 1], removed [S, S] of bool. The direct solution, without noise."""
    side = len(removed)
    index = -np.ones(removed.shape, int)
    index[removed] = np.arange(removed.sum())
    n = removed.sum()
    matrix, right = sparse.lil_matrix((n, n)), np.zeros((n, image.shape[2]))
    for y, x in zip(*np.nonzero(removed)):
        i = index[y, x]
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                v, u = y + dy, x + dx
                if (dy, dx) == (0, 0) or not (0 <= v < side and 0 <= u < side):
                    continue
                w = 1 / 6 if dy == 0 or dx == 0 else 1 / 12
                matrix[i, i] += w
                if removed[v, u]:
                    matrix[i, index[v, u]] -= w
                else:
                    right[i] += w * image[v, u]
    out = image.copy()
    out[removed] = linalg.spsolve(matrix.tocsc(), right).reshape(n, -1)
    return out


# ---- localisation (section 15) -----------------------------------------------------------------


def localisation(h, labels):
    side = len(labels)
    h, g = np.asarray(h, float).ravel(), labels.ravel()
    keep = np.nonzero(g >= 0)[0]
    h, g, at = h[keep], g[keep] > 0, keep
    out = dict(pointing0=NAN, pointing15=NAN, top_k=NAN, rank=NAN, auc=NAN)
    if not g.any():
        return out
    if not g.all():
        rank = stats.rankdata(h)
        p, n = g.sum(), (~g).sum()
        out["auc"] = float((rank[g].sum() - p * (p + 1) / 2) / (p * n))
    if np.ptp(h) > 0:
        by = order(h)
        y, x = divmod(at[by[0]], side)
        v, u = divmod(at[g], side)
        out["pointing0"] = float(g[by[0]])
        out["pointing15"] = float(((v - y) ** 2 + (u - x) ** 2).min() < 15 ** 2)
        k = min(1000, len(h))
        out["top_k"] = float(g[by[:k]].mean())
        out["rank"] = float(g[by[: g.sum()]].mean())
    return out


def upsample(m, side):
    """Bilinear, half-pixel centres, from a grid to [side, side]."""
    at = np.clip((np.arange(side) + 0.5) * len(m) / side - 0.5, 0, len(m) - 1)
    low = np.minimum(at.astype(int), len(m) - 1)
    high, w = np.minimum(low + 1, len(m) - 1), at - low
    rows = m[low] * (1 - w)[:, None] + m[high] * w[:, None]
    return rows[:, low] * (1 - w) + rows[:, high] * w


def mass(m, labels):
    if not np.isfinite(m).all():
        return NAN
    h = upsample(np.maximum(np.asarray(m, float), 0), len(labels))[labels >= 0]
    g = labels[labels >= 0] > 0
    return float(h[g].sum() / h.sum()) if g.any() and h.sum() > 0 else NAN


# ---- maps alone, randomisation, robustness (sections 16 to 18) ---------------------------------


def gini(m):
    a = np.sort(np.abs(np.asarray(m, float)).ravel())
    if not np.isfinite(a).all() or a.sum() == 0:
        return NAN
    k = a.size
    return float(((2 * np.arange(1, k + 1) - k - 1) * a).sum() / (k * a.sum()))


def entropy(m):
    a = np.abs(np.asarray(m, float)).ravel()
    return float(stats.entropy(a)) if np.isfinite(a).all() and a.sum() > 0 else NAN


def ssim(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    if len(a) < 11 or not np.isfinite(a + b).all() or np.ptp(a) == 0 or np.ptp(b) == 0:
        return NAN

    def local(x):
        return ndimage.gaussian_filter(x, 1.5, mode="nearest", radius=5)

    c1, c2, sample = 0.01 ** 2, 0.03 ** 2, 121 / 120
    ma, mb = local(a), local(b)
    va, vb = sample * (local(a * a) - ma * ma), sample * (local(b * b) - mb * mb)
    cov = sample * (local(a * b) - ma * mb)
    s = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma ** 2 + mb ** 2 + c1) * (va + vb + c2))
    return float(s[5:-5, 5:-5].mean())


def complexity(m):
    m = np.asarray(m, float).ravel()
    if not np.isfinite(m).all():
        return NAN
    return float(stats.entropy(np.histogram(m, bins=100)[0]))


def emprt(m, randomised):
    before, after = complexity(m), complexity(randomised)
    return (after - before) / before if before > 0 else NAN


def distance(a, b):
    norm = np.linalg.norm(a)
    return float(np.linalg.norm(a - b) / norm) if norm > 0 and np.isfinite(norm) else NAN


def gaps(positive, negative, rand):
    """SRG, MRG, LRG."""
    return [negative - positive, rand - positive, negative - rand]


def average_precision(score, good):
    """Over the distinct scores, from the highest: Σ (R_n - R_(n-1)) P_n."""
    levels = np.unique(score)[::-1]
    hits = np.array([good[score >= v].sum() for v in levels], float)
    taken = np.array([(score >= v).sum() for v in levels], float)
    if good.sum() == 0:
        return 0.0
    return float((np.diff(np.append(0, hits)) / good.sum() * hits / taken).sum())


def segmentation(h, labels):
    """correct, labelled, intersections and unions of background and foreground, AP."""
    h, g = np.asarray(h, float).ravel(), labels.ravel()
    on, keep = h > h.mean(), g >= 0
    p, t, v = on[keep], g[keep] > 0, h[keep]
    ap = average_precision(np.append(1 - v, v), np.append(~t, t)) if keep.any() else NAN
    ap = 0.5 if keep.any() and np.ptp(h) == 0 else ap
    return [(p == t).sum(), keep.sum(), (~p & ~t).sum(), (p & t).sum(), (~p | ~t).sum(),
            (p | t).sum(), ap]


def sensitivity(distances):
    """Largest and mean; NaN where one is."""
    return [distances.max(), distances.mean()]


# ---- agreement and inference (sections 19, 20) -------------------------------------------------


def rank_methods(values, higher):
    if np.isnan(values).any():
        return np.full(len(values), NAN)
    return stats.rankdata(-values if higher else values)


def kendalls_w(rank):
    mu, k = rank.shape
    sizes = [np.unique(r, return_counts=True)[1].astype(float) for r in rank]
    ties = sum((t ** 3 - t).sum() for t in sizes)
    apart = ((rank.sum(0) - mu * (k + 1) / 2) ** 2).sum()
    most = mu ** 2 * (k ** 3 - k) - mu * ties
    return float(12 * apart / most) if most > 0 else NAN


def holm(p):
    p = np.asarray(p, float)
    out, tests = np.full(len(p), NAN), np.nonzero(~np.isnan(p))[0]
    by, m, most = tests[np.argsort(p[tests], kind="stable")], len(tests), 0.0
    for i, at in enumerate(by):
        most = max(most, min(1.0, (m - i) * p[at]))
        out[at] = most
    return out


def effects(d):
    n = len(d)
    better = float((d > 0).mean() + 0.5 * (d == 0).mean())
    d_z = float(d.mean() / d.std(ddof=1)) if n > 1 and np.ptp(d) > 0 else NAN
    r = stats.rankdata(np.abs(d[d != 0]))
    biserial = float((r * np.sign(d[d != 0])).sum() / r.sum()) if len(r) else NAN
    return [d.mean(), d_z, better, biserial]


def cliffs_delta(a, b):
    return float(np.sign(b[:, None] - a[None, :]).mean())


def wilson(hits, n, level=0.95):
    """The roots of (p - hits/n)² = z² p (1 - p) / n."""
    z2, p = stats.norm.ppf((1 + level) / 2) ** 2 / n, hits / n
    return sorted(np.roots([1 + z2, -(2 * p + z2), p * p]).real)


# ---- cases -------------------------------------------------------------------------------------


class Cases:
    """Arrays in the order in which they were added. Inputs are rounded to what the file shows, so
    that both sides start from the same numbers."""

    def __init__(self):
        self.arrays = {}

    def add(self, case, **arrays):
        for name, a in arrays.items():
            self.arrays[f"{case}/{name}"] = np.atleast_1d(np.asarray(a, float)).ravel()

    def write(self, f):
        for name, a in self.arrays.items():
            digits = 12 if name.split("/")[1].startswith("want") else 9
            values = " ".join("nan" if np.isnan(v) else f"{v:.{digits}g}" for v in a)
            f.write(f"{name} {a.size} {values}\n")


def short(a, digits=4):
    """Rounded, as a float32 holds it where maps are concerned."""
    return np.round(a, digits)


def single(a, digits=4):
    return short(a, digits).astype(np.float32).astype(float)


def curve_cases(c, rng):
    falling = np.linspace(0.9, 0.0, 10)
    curves = {
        "falls": (falling, 0.05, 9, 90),
        "wavy": (short(rng.random(10)), 0.1, 9, 90),
        "blank_above": (short(rng.random(10) * 0.3), 0.5, 9, 90),
        "from_zero": (np.append(0.0, short(rng.random(9))), 0.2, 9, 90),
        "all_zero": (np.zeros(10), 0.0, 9, 90),
        "flat": (np.full(10, 0.25), 0.25, 9, 90),
        "to_100": (short(rng.random(21)), 0.3, 20, 100),
        "fine_90": (short(rng.random(19)), 0.3, 18, 90),
        "gap": (np.array([0.5, NAN, 0.25]), 0.1, 2, 90),
    }
    for name, (p, blank, steps, upto) in curves.items():
        f = shares(steps, upto)
        if upto == 100:
            blank = p[-1]
        rel, ran = relative(p), ranged(p, blank)
        nan = np.isnan(p).any()
        c.add(f"curve_{name}", p=p, blank=blank, axis=[steps, upto],
              want_area=area(p, f), want_to_blank=area_to_blank(p, f, blank),
              want_aopc=[aopc(p, k) for k in range(3)],
              want_log_odds=NAN if nan else log_odds(p),
              want_relative=rel, want_ranged=ran,
              want_monotonicity=correlation("spearman", f, p))
    several = short(rng.random((6, 10)))
    blank = short(rng.random(6) * 0.1)
    f = shares(9, 90)
    areas = np.array([area(p, f) for p in several])
    c.add("means_of_curves", p=several, blank=blank,
          want_relative=areas.mean() / several[:, 0].mean() / 0.9,
          want_ranged=(areas.mean() / 0.9 - blank.mean()) / (several[:, 0].mean() - blank.mean()))


def mas_cases(c, rng):
    h = single(rng.random((8, 8)))
    tied = np.where(h < 0.4, 0, h)
    for name, heat in {"heat": h, "tied": tied, "none": np.zeros((8, 8))}.items():
        moved = heat_moved(heat, 10, 100)
        c.add(f"moved_{name}", heat=heat, rank=ranks_of(heat), want_moved=moved,
              want_moved90=heat_moved(heat, 9, 90))
        walks = {"falls": np.linspace(0.9, 0.1, 11), "wavy": short(rng.random(11)),
                 "blank_above": np.linspace(0.1, 0.9, 11), "flat": np.full(11, 0.5)}
        for walk, p in walks.items():
            c.add(f"mas_{name}_{walk}", p=p, moved=short(moved, 8),
                  want_deletion=mas(p, short(moved, 8), False),
                  want_insertion=mas(p[::-1], short(moved, 8), True))


def group_cases(c, rng):
    maps = {"random": single(rng.random((9, 9))),
            "ties": single(rng.integers(0, 4, (9, 9)) / 4), "constant": np.full((9, 9), 0.5)}
    for name, h in maps.items():
        c.add(f"groups_{name}", heat=h, rank=ranks_of(h), want4=group_heat(h, 4),
              want10=group_heat(h, 10), want_tiles2=tile_heat(h, 2), want_tiles4=tile_heat(h, 4))
    s = short(np.sort(rng.random(10))[::-1])
    pairs = {"random": (s, short(rng.normal(size=10))), "kept": (s, s), "against": (s, -s),
             "no_reaction": (s, np.zeros(10)), "heat_constant": (np.ones(10), s),
             "ties": (np.array([3, 3, 2, 2, 1, 1, 0, 0.0]), np.array([1, 1, 0, 2, 2, 0, 1, -1.0])),
             "nan": (s, np.append(NAN, s[1:]))}
    for name, (a, d) in pairs.items():
        c.add(f"parts_{name}", heat=a, drop=d, want_saco=saco(a, d),
              want_estimate=correlation("pearson", a, d), want_single=correlation("spearman", a, d),
              want_kendall=correlation("kendall", a, d))


def localisation_cases(c, rng):
    side, grid = 32, 4
    m = single(rng.normal(size=(grid, grid)))
    h = upsample(m, side)
    h = ((h - h.min()) / np.ptp(h)).astype(np.float32).astype(float)
    y, x = np.mgrid[:side, :side]
    disc = ((y - 10) ** 2 + (x - 20) ** 2 < 50).astype(int)
    peak = np.zeros((side, side))
    peak[16, 16] = 1
    ties = single(rng.integers(0, 3, (side, side)) / 2)
    void = np.where(rng.random((side, side)) < 0.3, -1, disc)
    near, far = np.zeros((side, side), int), np.zeros((side, side), int)
    near[16, 30] = 1  # 14 pixels from the peak
    far[16, 31] = 1  # 15: not closer than 15
    zero = np.zeros((side, side))
    cases = {"disc": (h, disc), "void": (h, void), "ties": (ties, disc), "empty": (h, disc * 0),
             "full": (h, disc * 0 + 1), "constant": (zero, disc), "near": (peak, near),
             "far": (peak, far), "all_void": (h, disc * 0 - 1), "peak": (peak, disc),
             "full_but_void": (h, np.where(void == 0, -1, void))}
    for name, (heat, labels) in cases.items():
        w = localisation(heat, labels)
        c.add(f"local_{name}", heat=heat, labels=labels,
              want=[w[k] for k in ("pointing0", "pointing15", "top_k", "rank", "auc")],
              want_share=(labels > 0).sum() / (labels >= 0).sum() if (labels >= 0).any() else NAN)
    maps = {"signed": m, "positive": np.abs(m), "negative": -np.abs(m), "zero": m * 0,
            "nan": np.where(m == m.max(), NAN, m), "constant": m * 0 + 2}
    for name, values in maps.items():
        c.add(f"mass_{name}", map=values, labels=void, want=mass(values, void),
              want_empty=mass(values, disc * 0), want_full=mass(values, disc * 0 + 1))


def map_cases(c, rng):
    m = single(rng.normal(size=(7, 7)))
    one = np.zeros((7, 7))
    one[3, 3] = 2
    maps = {"random": m, "constant": np.full((7, 7), -1.5), "zero": np.zeros((7, 7)), "one": one,
            "nan": np.where(m == m.min(), NAN, m), "ties": single(rng.integers(-2, 3, (7, 7)) / 2),
            "edges": np.arange(49).reshape(7, 7) / 48 * 4}
    other = single(m + rng.normal(size=(7, 7)))
    for name, a in maps.items():
        a = a.astype(np.float32).astype(float)
        u, v = a.ravel(), other.ravel()
        c.add(f"map_{name}", map=a, other=other, want_gini=gini(a), want_entropy=entropy(a),
              want_share=entropy(a) / np.log(49), want_complexity=complexity(a),
              want_emprt=emprt(a, other), want_spearman=correlation("spearman", u, v),
              want_spearman_abs=correlation("spearman", np.abs(u), np.abs(v)),
              want_pearson=correlation("pearson", u, v), want_distance=distance(a, other))
    heat = single(rng.random((24, 24)))
    smooth = single(ndimage.gaussian_filter(rng.random((24, 24)), 2), 6)
    pairs = {"noise": (heat, single(rng.random((24, 24)))), "same": (heat, heat),
             "smooth": (smooth, single(np.clip(smooth + 0.05 * heat, 0, 1), 6)),
             "constant": (heat, np.zeros((24, 24))), "small": (heat[:10, :10], heat[5:15, 5:15]),
             "least": (heat[:11, :11], heat[5:16, 5:16])}
    for name, (a, b) in pairs.items():
        c.add(f"ssim_{name}", a=a, b=b, want=ssim(a, b))


def gap_cases(c, rng):
    for name, (p, n, r) in {"random": (0.2, 0.6, 0.4), "equal": (0.3, 0.3, 0.3),
                            "without": (0.2, 0.6, NAN), "nan": (NAN, 0.6, 0.4)}.items():
        c.add(f"gaps_{name}", areas=[p, n, r], want=gaps(p, n, r))
    for name, hits in {"all": np.ones(10), "none": np.zeros(10),
                       "some": np.array([1, 1, 0, 1, 1, 0, 0, 1, 0, 0])}.items():
        c.add(f"hits_{name}", hit=hits, want=area(hits, shares(9, 90)))
    for name, d in {"random": single(rng.random(10)), "still": np.zeros(5),
                    "nan": np.array([0.5, NAN, 0.25]), "one": np.array([0.125])}.items():
        c.add(f"moves_{name}", distance=d, want=sensitivity(d))


def sum_cases(c, rng):
    """Sums of an upsampled map over tiles, and of a map over sets of patches."""
    maps = {"random": single(rng.normal(size=(5, 5))), "constant": np.full((5, 5), 0.5),
            "zero": np.zeros((5, 5))}
    masks = np.vstack([np.zeros(25), np.ones(25), rng.random((4, 25)) < 0.2]).astype(int)
    for name, m in maps.items():
        c.add(f"sums_{name}", map=m, mask=masks,
              want_tiles=tile_heat(upsample(m, 23), 4).astype(np.float32),
              want_sets=[m.ravel()[k > 0].sum() for k in masks])


def segmentation_cases(c, rng):
    side = 12
    h, disc = single(rng.random((side, side))), np.zeros((side, side), int)
    disc[3:8, 4:10] = 1
    void = np.where(rng.random((side, side)) < 0.3, -1, disc)
    ties = single(rng.integers(0, 3, (side, side)) / 2)
    cases = {"disc": (h, disc), "void": (h, void), "ties": (ties, disc), "empty": (h, disc * 0),
             "full": (h, disc * 0 + 1), "all_void": (h, disc * 0 - 1),
             "constant": (h * 0 + 0.25, disc), "perfect": (disc * 1.0, disc)}
    for name, (heat, labels) in cases.items():
        inside = (labels > 0).astype(int)
        share = heat[inside > 0].sum() / heat.sum() if heat.sum() > 0 else NAN
        c.add(f"segment_{name}", heat=heat, labels=labels, want=segmentation(heat, labels),
              want_share=[share, inside.mean()])


def road_cases(c, rng):
    side = 14
    image = rng.integers(0, 256, (side, side, 3))
    heat = single(rng.random((side, side)))
    smooth = single(ndimage.gaussian_filter(rng.random((side, side)), 2), 6)
    for name, h, share in (("scattered", heat, 0.3), ("hole", smooth, 0.5), ("most", smooth, 0.95),
                           ("one_left", heat, 0.998), ("none", heat, 0.0)):
        removed = int(side * side * share)
        gone = ranks_of(h).reshape(side, side) < removed
        out = road(image / 255.0, gone) if removed else image / 255.0
        c.add(f"road_{name}", rgb=image, rank=ranks_of(h), removed=removed, want=out)


def blur_cases(c, rng):
    noise = rng.integers(0, 256, (17, 17, 3))
    edge = np.zeros((17, 17, 3))
    edge[:, 8:] = (255, 128, 10)
    for name, image in {"noise": noise, "edge": edge, "white": np.full((9, 9, 3), 255)}.items():
        c.add(f"blur_{name}", rgb=image, want=rise_blur(image))


def agreement_cases(c, rng):
    tables = {"untied": short(rng.random((5, 6))), "ties": rng.integers(0, 3, (5, 6)).astype(float),
              "all_equal": np.ones((3, 4)), "same": np.tile(np.arange(5.0), (4, 1)),
              "two": np.array([[1, 2.0], [2, 1]]), "one_method": np.ones((3, 1))}
    for name, values in tables.items():
        higher = np.arange(len(values)) % 2
        if name == "same":
            higher[:] = 1
        rank = np.array([rank_methods(v, h) for v, h in zip(values, higher)])
        c.add(f"agree_{name}", value=values, higher=higher, shape=values.shape, want_rank=rank,
              want_mean=rank.mean(0), want_w=kendalls_w(rank))
    c.add("agree_nan", value=[1, NAN, 2], higher=[1], shape=[1, 3],
          want_rank=[NAN] * 3, want_mean=[NAN] * 3, want_w=NAN)


def significance_cases(c, rng):
    for name, p in {"three": [0.01, 0.04, 0.03], "ties": [0.02, 0.02, 0.5, 0.001],
                    "nan": [NAN, 0.04, 0.02], "large": [0.9, 0.8, 0.7], "none": [NAN]}.items():
        c.add(f"holm_{name}", p=p, want=holm(p))
    a = short(rng.normal(size=12), 2)
    for name, d in {"random": a, "zeros": np.where(np.abs(a) < 0.7, 0, a), "all_zero": a * 0,
                    "constant": a * 0 + 2, "one": a[:1], "ties": np.round(a)}.items():
        c.add(f"effect_{name}", d=d, want=effects(d))
    b = short(rng.normal(size=7) + 0.5, 1)
    c.add("cliff", a=np.round(a, 1), b=b, want=cliffs_delta(np.round(a, 1), b))
    for hits, n in ((0, 1), (1, 1), (0, 10), (3, 10), (200, 200), (1234, 50000)):
        c.add(f"wilson_{hits}_{n}", of=[hits, n], want=wilson(hits, n))
    p = np.array([1e-6, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999])
    c.add("quantile", p=p, want_normal=stats.norm.ppf(p),
          want_student=[stats.t.ppf(p, f) for f in (1, 2, 5, 30, 49999)])


def exact_sign_flips(c, rng):
    d = short(rng.normal(size=10) + 0.6, 2)
    signs = np.array([[1 - 2 * (b >> i & 1) for i in range(10)] for b in range(1024)])
    as_far = np.abs(signs @ d) >= abs(d.sum()) - 1e-9
    c.add("sign_flips", d=d, want=as_far.mean())


def build():
    c, rng = Cases(), np.random.default_rng(20240517)
    for make in (curve_cases, mas_cases, group_cases, localisation_cases, map_cases, road_cases,
                 agreement_cases, significance_cases, exact_sign_flips, blur_cases,
                 gap_cases, sum_cases, segmentation_cases):
        make(c, rng)
    return c


def read(path):
    arrays = {}
    with open(path) as f:
        for line in f:
            name, _, *values = line.split()
            arrays[name] = np.array([float(v) for v in values])
    return arrays


def check(path):
    """Other versions of numpy and scipy may differ in the last digits."""
    stored, made, worst = read(path), build().arrays, 0.0
    if list(stored) != list(made):
        sys.exit(f"{path}: holds other cases than are made here")
    for name, a in made.items():
        b = stored[name]
        if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
            sys.exit(f"{path}: {name} is another")
        if a.size:
            worst = max(worst, np.nan_to_num(np.abs(a - b) / np.maximum(1, np.abs(a))).max())
    print(f"{len(made)} arrays, largest difference {worst:.2g}")
    if worst > 1e-8:
        sys.exit(f"{path}: differs")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--write", metavar="FILE")
    group.add_argument("--check", metavar="FILE")
    args = parser.parse_args()
    if args.check:
        check(args.check)
        return
    with open(args.write, "w") as f:
        build().write(f)


if __name__ == "__main__":
    main()
