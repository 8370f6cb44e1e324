"""check_score_table.py RESULT.h5 REPORT.json SCRIPTS LOCALISATION.csv PAGE.html: every value of
`evalh report --scores` again, from the records and maps, with the functions of scripts/reference_scores.py;
the localisation that `evalh rescore` finds without those records; and which method the page names first."""

import csv
import json
import re
import sys

import h5py
import numpy as np

sys.path.insert(0, sys.argv[3])
import reference_scores as ref  # noqa: E402


def tiles_of(m, side, q):
    """Rounded to float32, so that tiles of a symmetric map tie."""
    return ref.tile_heat(ref.upsample(m.astype(float), side), q).astype(np.float32)


def drops(left):
    return left[0] - left[1:]


class Ratio:
    """Of totals: the mean over images is Σ top / Σ bottom."""

    def __init__(self, top, bottom):
        self.top, self.bottom = top, bottom


def mean(scores):
    if isinstance(scores[0], Ratio):
        bottom = sum(s.bottom for s in scores)
        return sum(s.top for s in scores) / bottom if bottom > 0 else None
    scores = np.array(scores)
    return np.nanmean(scores) if not np.isnan(scores).all() else None


def curves_of(f, at, i):
    return {d: f[f"perturbation/{at}/{d}/prob_class"][i].astype(float) for d in ("positive", "negative")}


def curve_scores(f, at, i, side, m):
    """Normalised, ranged, monotonicity, MAS; the gaps to the random control."""
    share, p, out = f["removed"][:].astype(float), curves_of(f, at, i), {}
    blank, reach = float(f["blank/prob"][f["images/predicted"][i]]), float(f["removed"][-1])
    noise = curves_of(f, "random/predicted", i)
    rand = np.mean([ref.area(c, share) for c in noise.values()])
    out["mrg"] = 100 * (rand - ref.area(p["positive"], share))
    out["lrg"] = 100 * (ref.area(p["negative"], share) - rand)
    h = ref.upsample(m, side)
    h = ((h - h.min()) / np.ptp(h) if np.ptp(h) > 0 else h * 0).astype(np.float32)
    moved = np.append(ref.heat_moved(h, len(share) - 1, 90), 1.0)
    for kind, d in (("deletion", "positive"), ("insertion", "negative")):
        c, area = p[d], ref.area(p[d], share)
        out[f"{kind}_relative"] = 100 * ref.area(ref.relative(c), share) / reach
        out[f"{kind}_ranged"] = 100 * ref.area(ref.ranged(c, blank), share) / reach
        out[f"{kind}_relative_of_means"] = Ratio(100 * area / reach, c[0])
        out[f"{kind}_ranged_of_means"] = Ratio(100 * (area / reach - blank), c[0] - blank)
        kept = share if kind == "deletion" else -share
        out[f"{kind}_monotonicity"] = ref.correlation("spearman", kept, c)
        walk = np.append(c, blank)
        walk = walk if kind == "deletion" else walk[::-1]
        moves = np.full(len(moved), np.nan) if np.ptp(m) == 0 else moved
        out[f"{kind}_mas"] = 100 * ref.mas(walk, moves, kind == "insertion")
    out["sufficiency"] = 100 * ref.aopc(p["negative"], 1)
    return out


def image_scores(f, method, i, side):
    """Scores of image i by their keys; those that this file has."""
    at = f"{method}/predicted"
    f_share, m = f["removed"][:].astype(float), f[f"explain/{at}/map"][i].astype(float)
    hit = {d: f[f"perturbation/{at}/{d}/hit"][i].astype(float) for d in ("positive", "negative")}
    p = {d: f[f"perturbation/{at}/{d}/prob_class"][i].astype(float) for d in hit}
    blank = float(f["blank/prob"][f["images/predicted"][i]])
    out = {f"{d}_auc": 100 * ref.area(hit[d], f_share) for d in hit}
    out["srg"] = 100 * (ref.area(p["negative"], f_share) - ref.area(p["positive"], f_share))
    out["deletion"] = 100 * ref.area_to_blank(p["positive"], f_share, blank)
    out["insertion"] = 100 * ref.area_to_blank(p["negative"], f_share, blank)
    out["aopc"] = 100 * ref.aopc(p["positive"], 1)
    out["log_odds"] = ref.log_odds(p["positive"])
    s, d = f[f"groups/{at}/heat"][i].astype(float), drops(f[f"groups/{at}/prob"][i].astype(float))
    out["saco"], out["estimate"] = ref.saco(s, d), ref.correlation("pearson", s, d)
    tiles = drops(f["tiles/predicted/logit"][i].astype(float))
    q = round(len(tiles) ** 0.5)
    out["single_deletion"] = ref.correlation("spearman", tiles_of(m, side, q), tiles)
    sums = f["subsets/mask"][:].astype(float) @ m.ravel()
    subsets = drops(f["subsets/predicted/logit"][i].astype(float))
    out["correlation"] = ref.correlation("pearson", sums, subsets)
    for key, name in (("mass", "mass"), ("pointing0", "pointing0"), ("pointing15", "pointing15"),
                      ("top_k", "top_k"), ("rank", "rank"), ("roc_auc", "auc")):
        out[key] = 100 * float(f[f"localisation/{at}/{name}"][i])
    out["ap"] = 100 * float(f[f"segmentation/{at}/ap"][i])
    far = f[f"robustness/{at}/distance"][i].astype(float)
    out["sensitivity_max"], out["sensitivity"] = far.max(), far.mean()
    out["changed"] = 100 * f[f"robustness/{at}/changed"][i].mean()
    for scheme in ("cascade", "independent"):
        for name in ("spearman", "spearman_abs", "pearson", "ssim"):
            like = f[f"randomisation/{at}/{scheme}/{name}"][i].astype(float)
            out[f"{scheme}_{name}"] = np.nanmean(like) if not np.isnan(like).all() else np.nan
    out["emprt"] = float(f[f"randomisation/{at}/cascade/emprt"][i])
    out.update(curve_scores(f, at, i, side, m))
    out["gini"], out["entropy"] = ref.gini(m), ref.entropy(m) / np.log(m.size)
    return out


def check_localisation(table):
    keys = {"auc": "roc_auc", "gini": "gini", "entropy": "entropy", "top_k": "top_k", "mass": "mass",
            "rank": "rank", "pointing0": "pointing0", "pointing15": "pointing15"}
    values = {(m["key"], v["method"]): v["value"] for m in table["metrics"] for v in m["values"]}
    with open(sys.argv[4]) as f:
        rows = [r for r in csv.DictReader(f) if r["class"] == "predicted"]
    assert len(rows) == len({m for _, m in values}), "rows of rescore"
    for row in rows:
        for name, key in keys.items():
            want = values[key, row["method"]]
            scale = 100 if name in ("gini", "entropy") else 1
            assert (row[name] == "") == (want is None), (name, row)
            # heat comes from another sum there, so that single pixels may change their order
            assert want is None or abs(float(row[name]) - scale * want) < 0.05, (name, row, want)


def check_layers(f, told, ok):
    """Means by layer, of every method, scheme and measure."""
    assert told["layer"] == list(f["layer"][:]) and told["images"] == len(ok)
    assert {m["method"] for m in told["methods"]} == set(f["randomisation"])
    for m in told["methods"]:
        for scheme in ("cascade", "independent"):
            at = f[f"randomisation/{m['method']}/predicted/{scheme}"]
            for name, values in m[scheme].items():
                stored = at[name][:][ok].astype(float)
                for layer, value in enumerate(values):
                    one = stored[:, layer]
                    if value is None:
                        assert np.isnan(one).all(), (m["method"], name)
                    else:
                        assert abs(np.nanmean(one) - value) < 1e-6, (m["method"], scheme, name)
        want = f[f"randomisation/{m['method']}/predicted/cascade/emprt"][:][ok].astype(float)
        assert m["emprt"] is None or abs(np.nanmean(want) - m["emprt"]) < 1e-6


def main():
    with open(sys.argv[2]) as j:
        run = json.load(j)["runs"][0]
        table = run["scores"]
    check_localisation(table)
    compared, worst = 0, 0.0
    with h5py.File(sys.argv[1]) as f:
        ok, side = np.nonzero(f["images/status"][:] == 0)[0], int(f.attrs["image_size"])
        check_layers(f, run["randomisation"], ok)
        scores = {v["method"]: [image_scores(f, v["method"], i, side) for i in ok]
                  for v in table["metrics"][0]["values"]}
        for metric in table["metrics"]:
            values, higher = [], metric["higher_is_better"]
            for v in metric["values"]:
                want = mean([s[metric["key"]] for s in scores[v["method"]]])
                assert (v["value"] is None) == (want is None), (metric["key"], v)
                if want is None:
                    continue
                far = abs(v["value"] - want) / max(1, abs(want))
                assert far < 1e-5, (metric["key"], v, want)
                compared, worst = compared + 1, max(worst, far)
                if not v["control"]:
                    values.append((v["value"], v["rank"]))
            if all(rank is not None for _, rank in values):
                want = ref.rank_methods(np.array([v for v, _ in values]), higher)
                assert (want == [rank for _, rank in values]).all(), metric["key"]
        assert all(m["tau_truth"] is None for m in table["metrics"])
        votes = [m for m in table["metrics"] if m["votes"]]
        ranks = np.array([[v["rank"] for v in m["values"] if not v["control"]] for m in votes])
        if len(votes) > 0:
            means = [m["mean_rank"] for m in table["mean_ranks"]]
            assert np.allclose(means, ranks.mean(0)), "mean ranks"
            # The page names first, in words, whoever has the lowest mean, at the head of its matrix.
            with open(sys.argv[5]) as page:
                lead = re.search('<p class="lead">First by the mean rank over %d metric.*' % len(votes),
                                 page.read()).group()
            first = [m["method"] for m in table["mean_ranks"] if m["mean_rank"] == min(means)]
            assert re.findall("<b>(.*?)</b>", lead) == first, lead
            assert np.isclose(table["kendalls_w"], ref.kendalls_w(ranks)), "Kendall's W"
    print(f"{compared} values and their ranks come out the same; largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
