"""The worker side of the protocol, through pipes and shared memory as evalh has them."""

import json
import os
import subprocess

import numpy as np
import pytest
from driver import HERE, Driver, script

import evalh

MODEL = """
import sys
import numpy as np
import evalh

W = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)

def predict(x):
    return x.mean((2, 3)) @ W.T

def heat(x, classes):
    return np.einsum("nchw,nc->nhw", x[:, :, ::2, ::2], W[classes])

COMMON = dict(fingerprint="f", size=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2), batch=4)
"""
SERVE = "evalh.serve(predict, methods={'heat': heat}, name='tiny', **COMMON)\n"


def weights():
    return np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)


def test_a_conversation(tmp_path):
    d = Driver(script(tmp_path, MODEL + SERVE)).start()
    assert d.hello["name"] == "tiny" and d.hello["classes"] == 5 and d.hello["protocol"] == 1
    assert d.hello["mean"] == [0.5, 0.4, 0.3] and d.hello["batch"] == 4
    assert d.hello["methods"] == [
        {"name": "heat", "side": 4, "class_agnostic": False, "summary": ""}
    ]
    for n in (1, 4, 3):
        x = d.images(n, seed=n)
        np.testing.assert_allclose(d.classify(n), x.mean((2, 3)) @ weights().T, rtol=1e-6)
        classes = [k % 5 for k in range(n)]
        want = np.einsum("nchw,nc->nhw", x[:, :, ::2, ::2], weights()[classes])
        np.testing.assert_allclose(d.explain(n, "heat", classes), want, rtol=1e-6)
    assert d.end() == (0, "")


def test_prints_do_not_hurt(tmp_path):
    noise = """
import os, subprocess
print("while loading")
old = predict
def predict(x):
    print("in predict")
    os.write(1, b"by descriptor\\n")
    subprocess.run(["echo", "by a child"], check=True)
    assert sys.stdin.read() == ""
    return old(x)
"""
    d = Driver(script(tmp_path, MODEL + noise + SERVE)).start()
    d.images(2)
    assert d.classify(2).shape == (2, 5)
    code, said = d.end()
    assert code == 0
    for text in ("while loading", "in predict", "by descriptor", "by a child"):
        assert text in said


@pytest.mark.parametrize(
    "body, message",
    [
        ("return x.mean((2, 3)) @ W.T[:, :4] if len(x) > 1 else x.mean((2, 3)) @ W.T", "[2, 4]"),
        ("y = x.mean((2, 3)) @ W.T; y[-1, 0] = np.nan if len(y) > 1 else 0; return y", "image 2"),
        ("return 1 // (2 - len(x)) * (x.mean((2, 3)) @ W.T)", "ZeroDivisionError"),
    ],
)
def test_what_predict_does_wrong(tmp_path, body, message):
    text = MODEL.replace("return x.mean((2, 3)) @ W.T", body)
    d = Driver(script(tmp_path, text + SERVE)).start()
    d.images(2)
    reply = d.classify(2)
    assert reply["ok"] is False and message in reply["error"]
    d.images(1)
    assert d.classify(1).shape == (1, 5), "a worker goes on after an error"
    assert "Traceback" in d.end()[1]


@pytest.mark.parametrize(
    "change, message",
    [
        ("predict = lambda x: x.mean((1, 2, 3))", "[1, classes]"),
        ("heat = lambda x, k: x", "[1, side, side]"),
        ("COMMON['classes'] = 6", "[1, 6] was asked for"),
        ("heat = evalh.Method(heat, side=3)", "side is said to be 3"),
    ],
)
def test_what_is_wrong_from_the_start(tmp_path, change, message):
    d = Driver(script(tmp_path, MODEL + change + "\n" + SERVE))
    reply = d.ask("hello", protocol=1)
    assert reply["ok"] is False and message in reply["error"]
    d.end()


@pytest.mark.parametrize(
    "change, message",
    [
        ("COMMON['std'] = (0, 1, 1)", "above 0"),
        ("COMMON['mean'] = 0.5, 0.5", "three numbers"),
        ("COMMON['size'] = 0", "size is 0"),
        ("COMMON['fingerprint'] = ''", "fingerprint is ''"),
        ("COMMON['batch'] = 2.5", "batch is 2.5"),
        ("COMMON['grid'] = 9", "grid is 9"),
        ("del COMMON['fingerprint']", "fingerprint"),
    ],
)
def test_serve_refuses(tmp_path, change, message):
    d = Driver(script(tmp_path, MODEL + change + "\n" + SERVE))
    code, said = d.process.wait(60), d.process.stderr.read().decode()
    assert code == 1 and message in said


@pytest.mark.parametrize("name", ["random", "a b", "", "x" * 64, "a/b"])
def test_names_of_methods(name):
    with pytest.raises(ValueError, match="methods: "):
        evalh.serve(
            lambda x: x,
            methods={name: lambda x, k: x},
            fingerprint="f",
            size=8,
            mean=(0, 0, 0),
            std=(1, 1, 1),
        )


def test_requests_that_are_wrong(tmp_path):
    d = Driver(script(tmp_path, MODEL + SERVE))
    assert "protocol 0" in d.ask("hello", protocol=0)["error"]
    assert d.ask("hello", protocol=7)["protocol"] == 1, "the worker says what it speaks"
    assert "'memory' comes before" in d.ask("classify", n=1, images=0, logits=4096)["error"]
    d.start()
    assert "unknown op 'dance'" in d.ask("dance")["error"]
    assert "beyond" in d.ask("classify", n=1, images=1 << 40, logits=0)["error"]
    reply = d.ask("explain", n=1, images=0, maps=0, method="other", classes=[0])
    assert "no method 'other' here; there are: heat" in reply["error"]
    reply = d.ask("explain", n=2, images=0, maps=4096, method="heat", classes=[0])
    assert "1 classes for 2 images" in reply["error"]
    d.end()


def test_the_end_of_input_is_the_end(tmp_path):
    d = Driver(script(tmp_path, MODEL + SERVE)).start()
    d.process.stdin.close()
    assert d.process.wait(60) == 0


def test_tensors_are_taken(tmp_path):
    tensor = """
class Tensor:  # as far as PyTorch's matters here
    dtype = "torch.bfloat16"
    def __init__(self, a): self.a = a
    def detach(self): return self
    def cpu(self): return self
    def float(self): return self
    def numpy(self): return self.a
old = predict
def predict(x): return Tensor(old(x))
"""
    d = Driver(script(tmp_path, MODEL + tensor + SERVE)).start()
    x = d.images(3)
    np.testing.assert_allclose(d.classify(3), x.mean((2, 3)) @ weights().T, rtol=1e-6)
    d.end()


def test_configure_hears_hello(tmp_path):
    text = MODEL + "COMMON['configure'] = lambda h: print('threads', h['threads'])\n" + SERVE
    d = Driver(script(tmp_path, text)).start()
    assert "threads 1" in d.end()[1]


def test_by_hand_on_a_terminal(tmp_path):
    pty = pytest.importorskip("pty")
    try:
        ours, theirs = pty.openpty()
    except OSError as e:  # a bare chroot
        pytest.skip(f"no terminal can be made here: {e}")
    env = {k: v for k, v in os.environ.items() if k != "EVALH_WORKER"}
    env["PYTHONPATH"] = os.path.dirname(HERE)
    done = subprocess.run(
        script(tmp_path, MODEL + SERVE), stdin=theirs, capture_output=True, env=env, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    text = done.stdout.decode()
    assert done.returncode == 0 and "tiny: 5 classes, 8 x 8 pixels" in text
    assert "method heat: maps of 4 x 4" in text and "arch = worker" in text


def test_fingerprints(tmp_path):
    file = tmp_path / "w"
    file.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of abc
    assert evalh.fingerprint(file) == evalh.fingerprint(b"abc") == "sha256:" + known
    a = np.arange(6, dtype=np.float32)
    assert evalh.fingerprint(a) != evalh.fingerprint(a.reshape(2, 3))

    class Module:
        def __init__(self, **state):
            self.state = state

        def state_dict(self):
            return self.state

    assert evalh.fingerprint(Module(x=a, y=a)) == evalh.fingerprint(Module(y=a, x=a))
    assert evalh.fingerprint(Module(x=a)) != evalh.fingerprint(Module(z=a))
    with pytest.raises(TypeError):
        evalh.fingerprint(3)
    with pytest.raises(TypeError):
        evalh.fingerprint()


def test_replies_are_strict_json(tmp_path):
    text = MODEL + "W = W * float('nan') * 0\nCOMMON['classes'] = 5\n" + SERVE
    d = Driver(script(tmp_path, text))
    reply = d.ask("hello", protocol=1)
    assert reply["ok"] is False and "NaN or infinity for image 1 of 1" in reply["error"]
    assert json.dumps(reply, allow_nan=False)
    d.end()
