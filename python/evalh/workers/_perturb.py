"""Methods that need nothing but predictions."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from evalh.worker import Method, _array


def occlusion(predict: Callable[[np.ndarray], Any], side: int, batch: int) -> Method:
    """How far the logit of the class falls while one of side x side squares has the value 0, the
    mean colour (Zeiler and Fergus 2014, squares that do not overlap)."""

    def explain(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        edges = np.linspace(0, images.shape[2], side + 1).round().astype(int)
        cells = [(r, c) for r in range(side) for c in range(side)]
        maps = np.empty((len(images), side, side), np.float32)
        for i, (image, k) in enumerate(zip(images, classes)):
            whole = float(_array(predict(image[None].copy()))[0, k])
            for at in range(0, len(cells), batch):
                some = cells[at : at + batch]
                masked = np.repeat(image[None], len(some), 0)
                for one, (r, c) in zip(masked, some):
                    one[:, edges[r] : edges[r + 1], edges[c] : edges[c + 1]] = 0
                logits = _array(predict(masked))[:, k]
                for (r, c), value in zip(some, logits):
                    maps[i, r, c] = whole - value
        return maps

    return Method(explain, side, summary="drop of the logit while a square is greyed")
