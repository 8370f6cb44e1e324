"""Heat maps in an HDF5 file, which evalh scores as one more method ([maps] NAME = FILE).

/id          strings [N]        as in a result's /images/id
/map         float32 [N, h, w]  larger is hotter; of the model's input size it is taken as it
                                is, a smaller map is scaled up as evalh's own are
/target_map  float32 [N, h, w]  optional: maps of the label, where /map explains the prediction
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

import h5py
import numpy as np

Path = Union[str, "os.PathLike[str]"]


def _as_maps(maps: Any, count: int, what: str) -> np.ndarray:
    if hasattr(maps, "detach"):
        maps = maps.detach().cpu().float().numpy()
    array = np.asarray(maps, np.float32)
    if array.ndim != 3 or 0 in array.shape[1:] or len(array) != count:
        raise ValueError(
            f"{what} has shape {list(array.shape)}; [{count}, h, w] is wanted, a map for each of "
            f"{count} ids"
        )
    return array


class MapWriter:
    """Writes maps piece by piece, for sets that do not fit into memory.

        with evalh.MapWriter("maps.h5") as out:
            for ids, images, classes in batches:
                out.add(ids, gradcam(images, classes))

    The file appears whole when the block ends, and not at all where it ends with an exception.
    """

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self.part = f"{self.path}.{os.getpid()}.part"
        self.ids: list = []
        self.seen: set = set()
        self.file = h5py.File(self.part, "w")

    def _append(self, name: str, maps: np.ndarray, first: bool) -> None:
        if first:
            self.file.create_dataset(
                name,
                data=maps,
                maxshape=(None, *maps.shape[1:]),
                chunks=(max(1, min(len(maps), (1 << 20) // maps[0].nbytes)), *maps.shape[1:]),
            )
            return
        data = self.file[name]
        if data.shape[1:] != maps.shape[1:]:
            raise ValueError(
                f"{name}: maps of {list(maps.shape[1:])} after maps of {list(data.shape[1:])}; "
                f"all of one file "
                "have one size"
            )
        data.resize(len(data) + len(maps), 0)
        data[-len(maps) :] = maps

    def add(self, ids: Iterable[str], maps: Any, target_maps: Any = None) -> None:
        """ids [n]; maps [n, h, w]; target_maps [n, h, w] in every call or in none."""
        names = [i.decode() if isinstance(i, bytes) else str(i) for i in ids]
        first = not self.ids
        arrays = {"map": _as_maps(maps, len(names), "maps")}
        if target_maps is not None:
            arrays["target_map"] = _as_maps(target_maps, len(names), "target_maps")
        if not names:
            return
        if not first and set(arrays) != set(self.file):
            raise ValueError("target_maps go with all maps of a file, or with none")
        for i, name in enumerate(names):
            if not name or "\0" in name:
                raise ValueError(
                    f"id {len(self.ids) + i + 1} is {name!r}; the id of an image is wanted, as "
                    f"in /images/id"
                )
            if name in self.seen:
                raise ValueError(f"id {name!r} comes twice")
            self.seen.add(name)
            for key, array in arrays.items():
                if not np.isfinite(array[i]).all():
                    raise ValueError(f"{key} of {name!r} holds NaN or infinity")
        for key, array in arrays.items():
            self._append(key, array, first)
        self.ids += names

    def __enter__(self) -> MapWriter:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            if kind is None:
                if not self.ids:
                    raise ValueError(f"{self.path}: no maps were added")
                self.file.create_dataset("id", data=np.array([i.encode() for i in self.ids], "S"))
            self.file.close()
            if kind is None:
                os.replace(self.part, self.path)
        finally:
            self.file.close()
            if os.path.exists(self.part):
                os.remove(self.part)


def write_maps(path: Path, ids: Sequence[str], maps: Any, target_maps: Any = None) -> None:
    """Writes maps [N, h, w] of the images `ids` [N] (as in a result's /images/id) for evalh to
    score; `target_maps` [N, h, w], if any, explain the label where `maps` explain the
    prediction."""
    with MapWriter(path) as out:
        out.add(ids, maps, target_maps)


def read_maps(path: Path) -> tuple[list, np.ndarray, np.ndarray | None]:
    """(ids [N], maps float32 [N, h, w], target maps or None) of a file of `write_maps` or `evalh
    export`."""
    with h5py.File(path, "r") as f:
        ids = [i.decode() if isinstance(i, bytes) else i for i in f["id"][()]]
        return ids, f["map"][()], f["target_map"][()] if "target_map" in f else None
