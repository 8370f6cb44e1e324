"""Files of maps: what is written is what is read, and what is wrong is refused by name."""

import os

import h5py
import numpy as np
import pytest

import evalh


def some(n, side=7, seed=0):
    return np.random.default_rng(seed).standard_normal((n, side, side)).astype(np.float32)


def test_round_trip(tmp_path):
    path, ids = tmp_path / "m.h5", ["val/a.JPEG", "val/ä.JPEG", "c"]
    evalh.write_maps(path, ids, some(3), some(3, seed=1))
    got, maps, targets = evalh.read_maps(path)
    assert got == ids
    np.testing.assert_array_equal(maps, some(3))
    np.testing.assert_array_equal(targets, some(3, seed=1))
    with h5py.File(path) as f:
        assert f["id"].dtype == np.dtype("S11") and f["map"].dtype == np.float32
    evalh.write_maps(path, np.array([b"x"]), some(1).astype(np.float64))
    got, maps, targets = evalh.read_maps(path)
    assert got == ["x"] and targets is None and maps.dtype == np.float32
    assert os.listdir(tmp_path) == ["m.h5"]


def test_piece_by_piece(tmp_path):
    whole = some(103, side=64)
    with evalh.MapWriter(tmp_path / "m.h5") as out:
        for at in range(0, 103, 10):
            part = whole[at : at + 10]
            out.add([f"image {at + i}" for i in range(len(part))], part)
        out.add([], np.zeros((0, 64, 64)))
    ids, maps, _ = evalh.read_maps(tmp_path / "m.h5")
    assert ids == [f"image {i}" for i in range(103)]
    np.testing.assert_array_equal(maps, whole)


def test_maps_that_are_not_square(tmp_path):
    evalh.write_maps(tmp_path / "m.h5", ["a", "b"], some(2)[:, 2:])
    assert evalh.read_maps(tmp_path / "m.h5")[1].shape == (2, 5, 7)


@pytest.mark.parametrize(
    "ids, maps, targets, message",
    [
        (["a", "a"], some(2), None, "'a' comes twice"),
        (["a", ""], some(2), None, "id 2 is ''"),
        (["a"], some(2), None, r"shape \[2, 7, 7\]; \[1, h, w\]"),
        (["a"], some(1)[0], None, r"shape \[7, 7\]"),
        (["a"], some(1)[:, 7:], None, r"shape \[1, 0, 7\]; \[1, h, w\] is wanted"),
        (["a", "b"], some(2) * np.array([1, np.nan])[:, None, None], None, "map of 'b' holds NaN"),
        (["a"], some(1), some(2), "target_maps has shape"),
        ([], np.zeros((0, 7, 7)), None, "no maps were added"),
    ],
)
def test_refused(tmp_path, ids, maps, targets, message):
    with pytest.raises(ValueError, match=message):
        evalh.write_maps(tmp_path / "m.h5", ids, maps, targets)
    assert os.listdir(tmp_path) == [], "nothing is left of a file that was not finished"


def test_one_size_and_targets_throughout(tmp_path):
    with pytest.raises(ValueError, match="all of one file have one size"):
        with evalh.MapWriter(tmp_path / "m.h5") as out:
            out.add(["a"], some(1))
            out.add(["b"], some(1, side=8))
    with pytest.raises(ValueError, match="with all maps of a file, or with none"):
        with evalh.MapWriter(tmp_path / "m.h5") as out:
            out.add(["a"], some(1), some(1))
            out.add(["b"], some(1))
