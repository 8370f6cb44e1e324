"""compare_runs.py NATIVE WORKER [SECONDS]: holds a run through a worker to a native one of the same
weights. SECONDS: a file with the time that the worker spent in its own model."""

import sys

import evalh
import numpy as np

native, worker = evalh.load(sys.argv[1]), evalh.load(sys.argv[2])
failures = []


def check(what, value, most):
    print(f"{what}: {value:.3g} (at most {most:g})")
    if not value <= most:
        failures.append(what)


assert list(native.ids) == list(worker.ids), "other images"
assert set(worker.methods) == {"raw", "rollout", "random", "center"}, worker.methods
for method in worker.methods:
    a, b = (r.column(f"explain/{method}/predicted/map") for r in (native, worker))
    most = {"raw": 1e-4, "rollout": 1e-4}.get(method, 0)  # controls are the same bits
    check(f"{method}: map, of its maximum", np.abs(a - b).max() / np.abs(a).max(), most)
    for direction in ("positive", "negative"):
        at = f"perturbation/{method}/predicted/{direction}/hit"
        a, b = (r.column(at).astype(float) for r in (native, worker))
        auc = [100 * ((h[:, 1:] + h[:, :-1]) / 20).sum(1).mean() for h in (a, b)]
        check(f"{method}, {direction}: hits that differ, share", np.abs(a - b).mean(), 1e-3)
        check(f"{method}, {direction}: AUC, difference", abs(auc[0] - auc[1]), 0.05)
    a, b = (r.column(f"segmentation/{method}/predicted/ap") for r in (native, worker))
    check(f"{method}: average precision, difference", np.abs(a - b).max(), 1e-4)

attributes = worker.attributes
assert attributes["worker"] == "demo_vit" and attributes["worker_fingerprint"].startswith("sha256:"), attributes
assert "demo_vit.py" in attributes["worker_command"] and len(attributes["checkpoint_sha256"]) == 64
if len(sys.argv) > 3:
    with open(sys.argv[3]) as f:
        own = float(f.read())
    whole = attributes["seconds"]
    print(f"run {whole:.2f} s, the worker's own model {own:.2f} s, overhead {whole / own - 1:.1%}")
sys.exit(f"differs: {', '.join(failures)}" if failures else 0)
