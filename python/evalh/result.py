"""Result files of evalh (results/schema.md, schemas 1 and 2) as numpy arrays, pandas frames and
xarray.

A table is a group at the top of the file. Under it, groups say which method, explained class and
direction of removal a column belongs to; a column's first axis is the image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Union

import h5py
import numpy as np

Path = Union[str, "os.PathLike[str]"]
Labels = tuple[str, ...]
Axis = tuple[str, Union[Sequence[Any], np.ndarray, None]]

SCHEMAS = (1, 2)
# The meaning of the groups between a table and its columns.
GROUPS: dict[str, Labels] = {
    "explain": ("method", "class"),
    "perturbation": ("method", "class", "direction"),
    "segmentation": ("method", "class"),
    "groups": ("method", "class"),
    "localisation": ("method", "class"),
    "robustness": ("method", "class"),
    "randomisation": ("method", "class", "scheme"),
    "tiles": ("class",),
    "subsets": ("class",),
    "blank": (),
    "images": (),
}
REGIONS = ["background", "foreground"]
_OF_IMAGES = ("id", "method", "class", "status")  # columns that every frame of scores has
REMOVED = [k / 10 for k in range(10)]  # where the file does not say: 0 %, 10 % ... 90 %


def _need(module: str, what: str) -> ModuleType:
    try:
        return __import__(module)
    except ImportError as e:
        raise ImportError(
            f"{what} needs {module}, which is not installed: pip install 'evalh[frames]'"
        ) from e


def _text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _trapezoid(curve: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """curve [..., P] over `removed` [P] -> [...], in percent; at most 90 over 0 ... 90 %."""
    return 100 * ((curve[..., 1:] + curve[..., :-1]) / 2 * np.diff(removed)).sum(-1)


class Result:
    """One result file. Data are read when asked for; the file is closed in between."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        with h5py.File(self.path, "r") as f:
            self.attributes: dict[str, Any] = {
                k: _text(v.item() if isinstance(v, np.generic) else v) for k, v in f.attrs.items()
            }
            schema = self.attributes.get("schema")
            if schema not in SCHEMAS:
                raise ValueError(
                    f"{self.path}: attribute 'schema' is {schema!r}; a result file of evalh has "
                    f"one of {SCHEMAS}"
                )
            self.tables: list[str] = [
                t for t in f if isinstance(f[t], h5py.Group) and t != "summary"
            ]
            self.ids: np.ndarray = np.array([_text(i) for i in f["images/id"][()]], object)
            self.methods: list[str] = list(f["explain"]) if "explain" in f else []
            # The shares of the pixels that the points of a curve have removed, [P].
            said = f["removed"][()].astype(np.float64) if "removed" in f else REMOVED
            self.removed: np.ndarray = np.round(said, 6)

    def __repr__(self) -> str:
        said = [str(self.attributes.get(k)) for k in ("arch", "dataset", "protocol")]
        said += [f"{len(self.ids)} images", *self.methods]
        return f"<evalh result {self.path}: {', '.join(said)}>"

    # --- columns
    def column(self, path: str) -> np.ndarray:
        """A column by its name in the file: "perturbation/raw/predicted/positive/hit"
        [N, 10]."""
        with h5py.File(self.path, "r") as f:
            if path not in f or not isinstance(f[path], h5py.Dataset):
                raise KeyError(f"{self.path} has no column {path!r}")
            return f[path][()]

    def _columns(self, f: h5py.File, table: str) -> Iterator[tuple[Labels, str, h5py.Dataset]]:
        """(labels, name, data) of every column of a table that has all labels of its table."""
        if table not in f:
            raise KeyError(
                f"{self.path} has no table {table!r}; there are: {', '.join(self.tables)}"
            )

        def walk(group: h5py.Group, labels: Labels) -> Iterator[tuple[Labels, str, h5py.Dataset]]:
            for name in group:  # not visititems, which shows one name of a hard link only
                if isinstance(group[name], h5py.Group):
                    yield from walk(group[name], (*labels, name))
                else:
                    yield labels, name, group[name]

        for labels, name, data in walk(f[table], ()):
            if (
                len(labels) == len(self._labels(table))
                and data.ndim > 0
                and len(data) == len(self.ids)
            ):
                yield labels, name, data

    @staticmethod
    def _labels(table: str) -> Labels:
        return GROUPS.get(table, ("method", "class"))

    def _axes(self, table: str, name: str, data: h5py.Dataset) -> list[Axis]:
        """Name and labels of the axes behind the image's."""
        found: list[Axis] = []
        for i, size in enumerate(data.shape[1:], 1):
            if table == "perturbation" and size == len(self.removed):
                found.append(("removed", self.removed))
            elif table == "segmentation" and size == len(REGIONS):
                found.append(("region", REGIONS))
            elif name == "map":
                found.append((("row", "column")[i - 1], None))
            else:
                found.append((data.dims[i].label or f"{name}_{'i' * i}", None))
        return found

    # --- pandas
    def images(self) -> Any:
        """A frame with a row per image, indexed by id: label, predicted, status (0 = ok) and what
        else there is."""
        pd = _need("pandas", "images()")
        with h5py.File(self.path, "r") as f:
            columns = {
                k: v[()]
                for k, v in f["images"].items()
                if k != "id" and v.shape == (len(self.ids),)
            }
        return pd.DataFrame(columns, index=pd.Index(self.ids, name="id"))

    def records(self, table: str) -> Any:
        """A frame with a row per image, method, class and so on, as far as the table has them; a
        curve has a row per point (`removed`), other short rows have a column per number. Maps
        are left out: see `maps`."""
        pd = _need("pandas", "records()")
        blocks: dict[Labels, dict[str, np.ndarray]] = {}
        with h5py.File(self.path, "r") as f:
            for labels, name, data in self._columns(f, table):
                if data.ndim > 2 or name == "map":
                    continue
                block, values, axes = (
                    blocks.setdefault(labels, {}),
                    data[()],
                    self._axes(table, name, data),
                )
                if not axes:
                    block[name] = values
                elif axes[0][0] == "removed":
                    block[name] = values.reshape(-1)
                else:
                    ends = range(values.shape[1]) if axes[0][1] is None else axes[0][1]
                    block.update({f"{name}_{end}": values[:, i] for i, end in enumerate(ends)})
        points, names = self.removed, self._labels(table)
        frames = []
        for labels, block in blocks.items():
            long = table == "perturbation"
            head: dict[str, Any] = {"id": np.repeat(self.ids, len(points)) if long else self.ids}
            head.update(dict(zip(names, labels)))
            if long:
                head["removed"] = np.tile(points, len(self.ids))
            frames.append(pd.DataFrame({**head, **block}))
        whole = (
            pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["id", *names])
        )
        return whole.astype({n: "category" for n in names})

    def image_scores(self) -> Any:
        """A frame with a row per image, method and class: every score that one image has by itself.

        positive_auc, negative_auc: of the image's own hits, in percent (at most 90 over 0 ... 90 %,
          100 over 0 ... 100 %), and *_prob_auc of the label's probability; their means over images
          with status 0 are the published scores. status: the image's; map_status: what was wrong
          with its map in a file of maps. pixel_accuracy in percent; further columns as they are
          named in the file.
        """
        pd = _need("pandas", "image_scores()")
        rows: dict[Labels, dict[str, np.ndarray]] = {}
        with h5py.File(self.path, "r") as f:
            for table in self.tables:
                if self._labels(table)[:2] != ("method", "class"):
                    continue
                for labels, name, data in self._columns(f, table):
                    row = rows.setdefault(labels[:2], {})
                    if table == "perturbation" and name in ("hit", "prob"):
                        stem = f"{labels[2]}_auc" if name == "hit" else f"{labels[2]}_prob_auc"
                        row[stem] = _trapezoid(data[()].astype(np.float64), self.removed)
                    elif data.ndim == 1:
                        taken = name in _OF_IMAGES or name in row
                        prefix = "map" if table == "explain" else table
                        row[f"{prefix}_{name}" if taken else name] = data[()]
        for row in rows.values():
            if "correct" in row:
                with np.errstate(invalid="ignore", divide="ignore"):
                    row["pixel_accuracy"] = (
                        100 * row.pop("correct") / row.pop("labelled").astype(np.float64)
                    )
        frames = [
            pd.DataFrame(
                {
                    "id": self.ids,
                    "method": m,
                    "class": c,
                    "status": self.column("images/status"),
                    **row,
                }
            )
            for (m, c), row in rows.items()
        ]
        return pd.concat(frames, ignore_index=True).astype(
            {"method": "category", "class": "category"}
        )

    def scores(self) -> Any:
        """A frame of what evalh's tables print: task, method, class, direction (where there is
        one), score, value, low and high (a 95 % interval; NaN where there is none)."""
        pd = _need("pandas", "scores()")
        rows: list[dict[str, Any]] = []

        def visit(group: h5py.Group, labels: Labels) -> None:
            attributes: dict[str, Any] = dict(group.attrs)
            for name, value in attributes.items():
                if (
                    name.rpartition("_")[2] in ("low", "high")
                    and name.rpartition("_")[0] in attributes
                ):
                    continue
                if not isinstance(value, (int, float, np.number)):
                    continue
                task, method, klass, direction = (*labels, None, None, None, None)[:4]
                rows.append(
                    {
                        "task": task,
                        "method": method,
                        "class": klass,
                        "direction": direction,
                        "score": name,
                        "value": float(value),
                        "low": float(attributes.get(f"{name}_low", np.nan)),
                        "high": float(attributes.get(f"{name}_high", np.nan)),
                    }
                )
            for name in group:
                if isinstance(group[name], h5py.Group):
                    visit(group[name], (*labels, name))

        with h5py.File(self.path, "r") as f:
            if "summary" in f:
                visit(f["summary"], ())
        return pd.DataFrame(
            rows, columns=["task", "method", "class", "direction", "score", "value", "low", "high"]
        )

    # --- xarray
    def maps(self, method: str, klass: str = "predicted") -> Any:
        """Maps of one method as an xarray.DataArray (image, row, column)."""
        xr = _need("xarray", "maps()")
        return xr.DataArray(
            self.column(f"explain/{method}/{klass}/map"),
            dims=("image", "row", "column"),
            coords={"image": self.ids},
            name="map",
            attrs={"long_name": "heat map, larger is hotter", "method": method, "class": klass},
        )

    def dataset(self, table: str, methods: Sequence[str] | None = None) -> Any:
        """A table as an xarray.Dataset: a variable per column name, dimensions (method, class,
        direction, image, ...) as far as the table has them, each with its labels. Where not
        every method has a variable, numbers become float and the gaps NaN."""
        xr = _need("xarray", "dataset()")
        names = self._labels(table)
        found: dict[str, list] = {}
        with h5py.File(self.path, "r") as f:
            labels_of = [
                sorted({at[i] for at, _, _ in self._columns(f, table)}) for i in range(len(names))
            ]
            if "method" in names:
                labels_of[names.index("method")] = [
                    m for m in labels_of[names.index("method")] if not methods or m in methods
                ]
            for at, name, data in self._columns(f, table):
                if name == "id" or any(label not in known for label, known in zip(at, labels_of)):
                    continue
                found.setdefault(name, []).append(
                    (at, data[()], self._axes(table, name, data), dict(data.attrs))
                )
        coords: dict[str, Any] = {**dict(zip(names, labels_of)), "image": self.ids}
        variables = {}
        shape = tuple(map(len, labels_of))
        for name, parts in found.items():
            _, first, axes, attrs = parts[0]
            if any(p[1].shape != first.shape for p in parts):
                sizes = ", ".join(f"{p[0][0]} {'x'.join(map(str, p[1].shape[1:]))}" for p in parts)
                raise ValueError(
                    f"{table}: '{name}' has another size for another method ({sizes}); choose "
                    f"with methods=[...]"
                )
            whole = len(parts) == int(np.prod(shape))
            kind = first.dtype if whole or first.dtype.kind == "f" else np.dtype(np.float64)
            block = (
                np.empty(shape + first.shape, kind)
                if whole
                else np.full(shape + first.shape, np.nan, kind)
            )
            for at, values, _, _ in parts:
                block[tuple(known.index(label) for label, known in zip(at, labels_of))] = values
            said = {
                k: _text(v) for k, v in attrs.items() if k in ("units", "long_name", "description")
            }
            variables[name] = ((*names, "image", *(a for a, _ in axes)), block, said)
            coords.update({a: known for a, known in axes if known is not None})
        return xr.Dataset(
            variables,
            coords=coords,
            attrs={k: v for k, v in self.attributes.items() if k != "config"},
        )


def load(path: Path) -> Result:
    """Opens a result file of `evalh run`."""
    return Result(path)
