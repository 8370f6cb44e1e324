"""The workers that are ready to use, on small models with random weights, where their packages are
installed."""

import sys

import numpy as np
import pytest
from driver import Driver


def worker(name, *options):
    return [sys.executable, "-m", f"evalh.workers.{name}", *map(str, options)]


def tiny_onnx(path, batch):
    """logits[n, k] = sum over c of W[k, c] * mean of channel c."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    w = np.random.default_rng(2).standard_normal((3, 6)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 6])],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return w


@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_onnx(tmp_path, batch):
    pytest.importorskip("onnxruntime")
    w = tiny_onnx(tmp_path / "m.onnx", batch)
    options = ["--methods", "occlusion", "--side", 4, "--batch", 3]
    d = Driver(worker("onnx", tmp_path / "m.onnx", *options)).start()
    assert d.hello["name"] == "m" and d.hello["classes"] == 6 and d.hello["size"] == 16
    x = d.images(3)
    np.testing.assert_allclose(d.classify(3), x.mean((2, 3)) @ w, atol=1e-5)
    maps = d.explain(3, "occlusion", [0, 5, 2])
    for i, k in enumerate([0, 5, 2]):  # a square's part of the mean
        tiles = x[i].reshape(3, 4, 4, 4, 4).sum((2, 4)) / 256
        np.testing.assert_allclose(maps[i], np.einsum("chw,c->hw", tiles, w[:, k]), atol=1e-5)
    assert d.end()[0] == 0


@pytest.mark.parametrize(
    "options, message",
    [
        (["none.onnx"], "none.onnx: there is no such file"),
        (["m.onnx", "--input", "x"], "--input x: m.onnx has images"),
        (["m.onnx", "--methods", "gradcam"], "--methods gradcam: there is: occlusion"),
        (["m.onnx", "--providers", "Abacus"], "--providers: Abacus is not in this onnxruntime"),
        (["m.onnx", "--mean", "1,2"], "three numbers"),
    ],
)
def test_onnx_refuses(tmp_path, monkeypatch, options, message):
    pytest.importorskip("onnxruntime")
    tiny_onnx(tmp_path / "m.onnx", "n")
    monkeypatch.chdir(tmp_path)
    code, said = Driver(worker("onnx", *options)).process.communicate(timeout=60)
    assert message in said.decode()


def torchvision_model(tmp_path):
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(3)
    model = torchvision.models.resnet18(weights=None, num_classes=7).eval()
    torch.save({"state_dict": model.state_dict()}, tmp_path / "w.pth")
    return torch, model


def methods_here():
    from evalh.workers import _torch

    return [m for m in _torch.available() if m not in ("scorecam", "ablationcam")]


def test_torchvision(tmp_path):
    torch, model = torchvision_model(tmp_path)
    names = methods_here()
    options = ["resnet18", "--weights", tmp_path / "w.pth", "--classes", 7, "--size", 64]
    options += ["--batch", 4, "--side", 4, "--methods", ",".join(names)]
    d = Driver(worker("torchvision", *options)).start()
    assert d.hello["classes"] == 7 and d.hello["size"] == 64
    assert [m["name"] for m in d.hello["methods"]] == names
    x = d.images(2)
    with torch.no_grad():
        want = model(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(d.classify(2), want, atol=1e-4)
    for m in d.hello["methods"]:
        d.images(2)
        first = d.explain(2, m["name"], [1, 5])
        assert first.std() > 0, m["name"]
        d.images(2)
        np.testing.assert_allclose(d.explain(2, m["name"], [1, 5]), first, rtol=1e-3, atol=1e-5)
    assert d.end()[0] == 0


def test_gradcam_is_that_of_its_definition(tmp_path):
    """Of the last block, scaled up to the image by pytorch-grad-cam: hottest where ReLU(sum of
    channels, weighted by the mean of their gradients) is largest."""
    pytest.importorskip("pytorch_grad_cam")
    torch, model = torchvision_model(tmp_path)
    options = ["resnet18", "--weights", tmp_path / "w.pth", "--classes", 7, "--size", 64]
    d = Driver(worker("torchvision", *options, "--methods", "gradcam")).start()
    x = d.images(1)
    got = d.explain(1, "gradcam", [4])[0]
    kept = {}
    model.layer4.register_forward_hook(lambda m, i, o: kept.update(a=o))
    logit = model(torch.from_numpy(x))[0, 4]
    (grad,) = torch.autograd.grad(logit, kept["a"])
    want = torch.relu((grad.mean((2, 3), keepdim=True) * kept["a"]).sum(1))[0].detach().numpy()
    at = np.unravel_index(want.argmax(), want.shape)
    # Halves of the image that hold the hottest of its 2 x 2 places.
    means = got.reshape(2, 32, 2, 32).mean((1, 3))
    assert want.max() > 0 and np.unravel_index(means.argmax(), means.shape) == at
    d.end()


@pytest.mark.parametrize(
    "options, message",
    [
        (["resnet17", "--random"], "has no such model"),
        (["resnet18"], "say which weights: --weights FILE or --random"),
        (["resnet18", "--weights", "none.pth"], "--weights none.pth: there is no such file"),
        (["resnet18", "--random", "--methods", "magic"], "--methods magic: there are "),
        (["resnet34", "--weights", "w.pth"], "Missing key"),
    ],
)
def test_torchvision_refuses(tmp_path, monkeypatch, options, message):
    torchvision_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    d = Driver(worker("torchvision", *options))
    said = d.process.communicate(timeout=120)[1].decode()
    assert d.process.returncode == 1 and message in said and "Traceback" not in said


def test_timm(tmp_path):
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=5).eval()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    options = ["vit_tiny_patch16_224", "--weights", tmp_path / "w.pth", "--classes", 5]
    options += ["--methods", "saliency"] if "saliency" in methods_here() else []
    d = Driver(worker("timm", *options)).start()
    assert d.hello["mean"] == [0.5, 0.5, 0.5] and d.hello["size"] == 224
    x = d.images(1)
    with torch.no_grad():
        want = model(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(d.classify(1), want, atol=1e-4)
    d.end()
