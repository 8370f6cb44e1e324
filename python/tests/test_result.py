"""Result files of both schemas, made here; scripts/test.sh also reads one that evalh wrote."""

import os

import h5py
import numpy as np
import pytest

import evalh

N, POINTS = 5, 10


def make(path, schema):
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as f:
        f.attrs.update({"schema": schema, "arch": "vit", "dataset": "demo", "protocol": "released"})
        f["images/id"] = np.array([f"image {i}".encode() for i in range(N)])
        for name, kind in (("label", "i4"), ("predicted", "i4"), ("status", "u1")):
            f[f"images/{name}"] = np.zeros(N, kind)
        for m in ("raw", "random"):
            for c in ("predicted", "target"):
                if (m, c) == ("random", "target"):
                    for table in ("explain", "perturbation", "segmentation"):
                        f[f"{table}/{m}/{c}"] = f[f"{table}/{m}/predicted"]  # a hard link
                    continue
                f[f"explain/{m}/{c}/map"] = rng.random((N, 4, 4), np.float32)
                f[f"explain/{m}/{c}/constant"] = np.zeros(N, "u1")
                for d in ("positive", "negative"):
                    at = f"perturbation/{m}/{c}/{d}"
                    f[f"{at}/hit"] = rng.integers(0, 2, (N, POINTS), "u1")
                    f[f"{at}/prob"] = rng.random((N, POINTS), np.float32)
                    f[f"{at}/predicted"] = rng.integers(0, 9, (N, POINTS), "i4")
                for name in ("intersection", "union"):
                    f[f"segmentation/{m}/{c}/{name}"] = rng.integers(0, 99, (N, 2), "i4")
                f[f"segmentation/{m}/{c}/correct"] = rng.integers(0, 99, N, "i4")
                f[f"segmentation/{m}/{c}/labelled"] = np.full(N, 100, "i4")
                f[f"segmentation/{m}/{c}/ap"] = rng.random(N, np.float32)
        summary = f.create_group("summary/perturbation/raw/predicted/positive")
        summary.attrs.update({"auc": 20.0, "auc_low": 18.0, "auc_high": 22.0, "images": N})
        f["summary"].attrs["top1"] = 80.0
        if schema == 2:
            at = "perturbation/raw/predicted/positive"
            f[f"{at}/prob_class"] = rng.random((N, POINTS), np.float32)
            f["removed"] = np.arange(POINTS, dtype="f4") / np.float32(20)
            f[f"{at}/prob_class"].attrs["units"] = "1"
            f[f"{at}/prob_class"].dims[1].label = "removed"
            f["groups/raw/predicted/heat"] = rng.random((N, 3), np.float32)
            f["groups/raw/predicted/prob"] = rng.random((N, 4), np.float32)
            f["tiles/predicted/logit"] = rng.random((N, 17), np.float32)
            f["subsets/predicted/prob"] = rng.random((N, 8), np.float32)
            f["subsets/mask"] = np.zeros((7, 16), "u1")
            f["blank/prob"] = rng.random(9, np.float32)
            f["localisation/raw/predicted/mass"] = rng.random(N, np.float32)
            f["robustness/raw/predicted/distance"] = rng.random((N, 10), np.float32)
            for scheme in ("cascade", "independent"):
                f[f"randomisation/raw/predicted/{scheme}/ssim"] = rng.random((N, 3), np.float32)
            f["randomisation/raw/predicted/cascade/emprt"] = rng.random(N, np.float32)
    return path


def step(result):
    """Points of a curve per 100 % of the pixels: schema 1 always has ten."""
    return 10 if result.attributes["schema"] == 1 else 20


@pytest.fixture(params=[1, 2])
def result(request, tmp_path):
    return evalh.load(make(tmp_path / "r.h5", request.param))


def test_numpy(result):
    assert result.methods == ["random", "raw"] and list(result.ids[:2]) == ["image 0", "image 1"]
    assert result.column("perturbation/raw/target/negative/hit").shape == (N, POINTS)
    assert "vit, demo, released, 5 images" in repr(result)
    with pytest.raises(KeyError, match="no column 'perturbation/other'"):
        result.column("perturbation/other")


def test_not_a_result(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as f:
        f.attrs["schema"] = 3
    with pytest.raises(ValueError, match="'schema' is 3; a result file of evalh has one of"):
        evalh.load(tmp_path / "x.h5")


def test_frames(result):
    pytest.importorskip("pandas")
    images = result.images()
    assert list(images.columns) == ["label", "predicted", "status"] and len(images) == N
    records = result.records("perturbation")
    assert len(records) == 2 * 2 * 2 * N * POINTS
    some = records.query(
        "method == 'raw' and `class` == 'target' and direction == 'negative' and id == 'image 3'"
    )
    want = result.column("perturbation/raw/target/negative/hit")[3]
    np.testing.assert_array_equal(some.sort_values("removed").hit, want)
    np.testing.assert_array_equal(some.removed, np.arange(10) / step(result))
    seg = result.records("segmentation")
    want = result.column("segmentation/raw/predicted/union")[:, 1]
    np.testing.assert_array_equal(
        seg.query("method == 'raw' and `class` == 'predicted'").union_foreground, want
    )
    assert "map" not in result.records("explain").columns
    with pytest.raises(KeyError, match="no table 'nothing'; there are: "):
        result.records("nothing")


def test_scores_of_images(result):
    pytest.importorskip("pandas")
    scores = result.image_scores()
    assert len(scores) == 2 * 2 * N
    raw = scores.query("method == 'raw' and `class` == 'predicted'")
    hits = result.column("perturbation/raw/predicted/positive/hit").astype(float)
    want = [sum((h[k] + h[k + 1]) / 2 * 100 / step(result) for k in range(9)) for h in hits]
    np.testing.assert_allclose(raw.positive_auc, want)
    np.testing.assert_allclose(
        raw.pixel_accuracy, result.column("segmentation/raw/predicted/correct")
    )
    assert ("mass" in scores) == (result.attributes["schema"] == 2)


def test_a_skipped_image_stays_skipped(tmp_path):
    """Methods whose maps come from files have a status of their own."""
    pytest.importorskip("pandas")
    path = make(tmp_path / "r.h5", 2)
    with h5py.File(path, "r+") as f:
        f["images/status"][:] = [0, 1, 3, 0, 0]
        f["explain/raw/predicted/status"] = np.array([0, 0, 1, 0, 0], "u1")
    scores = evalh.load(path).image_scores()
    for _, some in scores.groupby(["method", "class"], observed=True):
        np.testing.assert_array_equal(some.status, [0, 1, 3, 0, 0])
    raw = scores.query("method == 'raw' and `class` == 'predicted'")
    np.testing.assert_array_equal(raw.map_status, [0, 0, 1, 0, 0])


def test_scores_of_the_tables(result):
    pytest.importorskip("pandas")
    scores = result.scores()
    auc = scores.query("score == 'auc'").iloc[0]
    assert (auc.method, auc["class"], auc.direction) == ("raw", "predicted", "positive")
    assert (auc.value, auc.low, auc.high) == (20, 18, 22)
    assert not scores.score.str.endswith("_low").any()
    assert scores.query("score == 'top1'").value.item() == 80


def test_xarray(result):
    pytest.importorskip("xarray")
    data = result.dataset("perturbation")
    assert data.hit.dims == ("method", "class", "direction", "image", "removed")
    assert data.hit.dtype == np.uint8
    np.testing.assert_array_equal(
        data.hit.sel({"method": "raw", "class": "target", "direction": "negative"}),
        result.column("perturbation/raw/target/negative/hit"),
    )
    np.testing.assert_array_equal(
        data.prob.sel({"method": "random", "class": "target", "direction": "positive"}),
        result.column("perturbation/random/predicted/positive/prob"),
    )
    seg = result.dataset("segmentation", methods=["raw"])
    assert list(seg.region.values) == ["background", "foreground"] and seg.sizes["method"] == 1
    assert result.maps("raw").dims == ("image", "row", "column")
    assert result.dataset("images").label.dims == ("image",)


def test_schema_2_in_xarray(tmp_path):
    pytest.importorskip("xarray")
    result = evalh.load(make(tmp_path / "r.h5", 2))
    data = result.dataset("perturbation")
    some = data.prob_class.sel({"method": "random", "class": "predicted"})
    assert np.isnan(some).all(), "what a method does not have is NaN"
    assert data.prob_class.attrs == {"units": "1"} and data.prob_class.dims[-1] == "removed"
    assert result.dataset("groups").prob.shape == (1, 1, N, 4)
    assert result.dataset("tiles").logit.dims[:2] == ("class", "image")
    assert "mask" not in result.dataset("subsets"), "not a row per image"
    assert result.dataset("robustness").distance.shape == (1, 1, N, 10)
    random = result.dataset("randomisation")
    assert random.ssim.shape == (1, 1, 2, N, 3) and random.ssim.dims[2] == "scheme"
    assert np.isnan(random.emprt.sel(scheme="independent")).all()


def test_maps_of_two_sizes(tmp_path):
    pytest.importorskip("xarray")
    path = make(tmp_path / "r.h5", 1)
    with h5py.File(path, "a") as f:
        f["explain/mine/predicted/map"] = np.zeros((N, 7, 7), np.float32)
    result = evalh.load(path)
    with pytest.raises(ValueError, match="another size for another method .*mine 7x7"):
        result.dataset("explain")
    assert result.dataset("explain", methods=["raw"])["map"].shape == (1, 2, N, 4, 4)


def test_without_pandas(result, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"records\(\) needs pandas, .* 'evalh\[frames\]'"):
        result.records("perturbation")


@pytest.mark.skipif("EVALH_RESULT" not in os.environ, reason="EVALH_RESULT names no result file")
def test_a_result_of_evalh():
    """What follows from the records is what evalh put into the summary."""
    pytest.importorskip("pandas")
    result = evalh.load(os.environ["EVALH_RESULT"])
    images = result.image_scores().query("status == 0")
    summary = result.scores()
    checked = 0
    for _, row in summary[summary.score.isin(["auc", "map", "pixel_accuracy"])].iterrows():
        some = images[(images["method"] == row.method) & (images["class"] == row["class"])]
        if row.score == "auc":
            want = some[f"{row.direction}_auc"].mean()
        elif row.score == "map":
            want = 100 * some.ap.mean()
        else:
            want = some.pixel_accuracy.mean()  # all images have as many labelled pixels
        assert abs(row.value - want) < 1e-4, row
        assert row.low <= row.value <= row.high
        checked += 1
    assert checked >= 8
