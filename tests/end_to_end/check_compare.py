"""check_compare.py EVALH RESULT.h5 OTHER.h5: every dataset that a result file holds is compared. One number of
each is changed in a copy at OTHER.h5, and `evalh compare` must say which dataset it is."""

import subprocess
import sys

import h5py
import numpy as np


def paths(f):
    """Of every dataset one name, but for what is never read back."""
    seen, out = set(), []

    def visit(name, item):
        at = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Dataset) and at not in seen and not name.startswith("summary"):
            out.append(name)
        seen.add(at)

    f.visititems(visit)
    return out


def change(value):
    if value.dtype.kind == "S":
        return value[:-1] + b"?" if isinstance(value, bytes) else np.bytes_(b"?" + bytes(value)[1:])
    if value.dtype.kind == "f":
        return value.dtype.type(0.5 if np.isnan(value) else value * 1.5 + 0.5)
    return value.dtype.type(value ^ 1)


def main():
    evalh, path, other = sys.argv[1:]
    whole = open(path, "rb").read()
    with h5py.File(path) as f:
        names = paths(f)
    for name in names:
        with open(other, "wb") as f:
            f.write(whole)
        with h5py.File(other, "a") as f:
            last = tuple(d - 1 for d in f[name].shape)
            f[name][last] = change(f[name][last])
        r = subprocess.run([evalh, "compare", path, other], capture_output=True, text=True)
        words = {"images/id": "other images"}
        for count in ("correct", "labelled", "intersection", "union"):
            words[count] = "{correct, labelled, intersection, union}"
        says = words.get(name, words.get(name.rsplit("/", 1)[-1], name))
        if name.startswith("images/"):
            says = words.get(name, name)
        told = r.stdout if name != "removed" else r.stderr  # other curves are refused
        assert r.returncode != 0 and says in told, f"{name} is changed: {r.stdout}{r.stderr}"
    print(f"{len(names)} datasets, each compared")


if __name__ == "__main__":
    main()
