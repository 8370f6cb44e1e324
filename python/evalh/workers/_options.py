"""Command-line options that the ready workers share."""

from __future__ import annotations

import argparse
import os

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which most models take


def triple(text: str) -> tuple[float, ...]:
    values = tuple(float(v) for v in text.split(","))
    if len(values) != 3:
        raise argparse.ArgumentTypeError(
            f"{text!r}: three numbers with commas between them are wanted"
        )
    return values


def names(text: str) -> list[str]:
    return [n.strip() for n in text.split(",") if n.strip()]


def parser(module: str, doc: str) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"python3 -m evalh.workers.{module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--name", help="what tables call the model; default: from its file or architecture"
    )
    p.add_argument("--batch", type=int, default=16, help="images at a time (default: 16)")
    p.add_argument(
        "--grid", type=int, help="side of the maps of the controls random and center (default: 14)"
    )
    return p


def threads() -> int | None:
    """Of the run, where evalh has started this process."""
    text = os.environ.get("EVALH_THREADS", "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def device() -> int:
    """Number of this process on its machine, by which GPUs are shared out."""
    text = os.environ.get("EVALH_DEVICE", "")
    return int(text) if text.isdigit() else 0
