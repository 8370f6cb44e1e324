#!/usr/bin/env python3
"""A stand-in for ILSVRC2012_img_val.tar, of photographs that are there, over and over.

    make_tar.py SAMPLES OUT.tar LABELS.txt [--megabytes N]

SAMPLES holds labels.txt ('file class' lines) and the photographs. Members are named as ImageNet names
them and follow each other until N megabytes (1000) are full. Of every 50 members one is grey, one CMYK
(both re-encoded from the photograph), and of every 200 one each is cut in half, empty, and noise: those
that a run has to leave out. LABELS.txt lists 'member class'. Prints what is in the tar. Needs Pillow.
"""
import argparse
import collections
import io
import pathlib
import random
import tarfile

from PIL import Image


def recoded(data, mode):
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert(mode).save(out, "JPEG", quality=85)
    return out.getvalue()


def member(number, data, noise):
    """The kind and the bytes of the number-th member."""
    if number % 50 == 7:
        return "grey", recoded(data, "L")
    if number % 50 == 17:
        return "CMYK", recoded(data, "CMYK")
    if number % 200 == 29:
        return "cut", data[: len(data) // 2]
    if number % 200 == 79:
        return "empty", b""
    if number % 200 == 129:
        return "noise", noise.randbytes(5000)
    return "photograph", data


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("samples", type=pathlib.Path)
    p.add_argument("tar", type=pathlib.Path)
    p.add_argument("labels", type=pathlib.Path)
    p.add_argument("--megabytes", type=int, default=1000)
    a = p.parse_args()
    lines = [line.split() for line in (a.samples / "labels.txt").read_text().splitlines()]
    photographs = [((a.samples / name).read_bytes(), label) for name, label in lines]
    counts, noise, number, size = collections.Counter(), random.Random(1), 0, 0
    with tarfile.open(a.tar, "w", format=tarfile.USTAR_FORMAT) as tar, open(a.labels, "w") as labels:
        while size < a.megabytes * 10**6:
            data, label = photographs[number % len(photographs)]
            kind, data = member(number, data, noise)
            number += 1
            info = tarfile.TarInfo(f"ILSVRC2012_val_{number:08d}.JPEG")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            labels.write(f"{info.name} {label}\n")
            counts[kind] += 1
            size += 512 + (len(data) + 511) // 512 * 512
    print(f"members {number}", *(f"{kind} {n}" for kind, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
