#!/usr/bin/python3
"""compare_torch.py DUMP_CHECKPOINT SHARED: every tensor that the C reader finds equals what torch
finds, bit for bit, in the golden checkpoints and in files that torch writes here in all its ways.
Exit 77 (skipped) without torch."""
import collections
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this python3 (Debian: python3-torch); nothing was compared")
    sys.exit(77)


def read_safetensors(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    out = {}
    for name, e in header.items():
        if name != "__metadata__":
            b, end = e["data_offsets"]
            raw = torch.frombuffer(bytearray(data[b:end]), dtype=types[e["dtype"]]) if end > b \
                else torch.zeros(0)
            out[name] = raw.reshape(e["shape"])
    return out


def expected(path):
    if path.endswith(".safetensors"):
        return read_safetensors(path)
    o = torch.load(path, map_location="cpu")
    for key in ("model", "state_dict", "model_ema", "module"):
        if not all(torch.is_tensor(v) for v in o.values()):
            o = o.get(key, o)
    if all(k.startswith("module.") for k in o):
        o = {k[len("module."):]: v for k, v in o.items()}
    return o


def compare(dump, path):
    out = os.path.join(tempfile.gettempdir(), "evalh_dump_%d.safetensors" % os.getpid())
    subprocess.run([dump, path, out], check=True, stdout=subprocess.DEVNULL)
    ours, theirs = read_safetensors(out), expected(path)
    os.unlink(out)
    assert ours.keys() == theirs.keys(), set(ours) ^ set(theirs)
    for k, v in theirs.items():
        v = v.detach().to(torch.float32)
        assert ours[k].shape == v.shape and torch.equal(ours[k], v), (path, k)
    print("%s: %d tensors equal" % (os.path.basename(path), len(ours)))


def variants(folder):
    torch.manual_seed(0)
    w = torch.randn(5, 7)
    big = torch.randn(1000)
    state = collections.OrderedDict(
        cls_token=torch.randn(1, 1, 3), transposed=w.t(), cut=w[1:4, 2:6], shared=w,
        expanded=torch.randn(3, 1).expand(3, 4), slice_of_big=big[::7], scalar=torch.tensor(3.5),
        empty=torch.zeros(0, 4), half=w.half(), bf16=w.bfloat16(), double=w.double(),
        int64=torch.tensor([1, -2, 2**40]), int32=torch.arange(-3, 3, dtype=torch.int32),
        uint8=torch.arange(250, 256, dtype=torch.uint8), int8=torch.tensor([-128, 127]).char(),
        int16=torch.tensor([-300, 300]).short(), flag=torch.tensor([True, False]),
        subnormal=torch.tensor([6e-8, -6e-5, 65504.0]).half(), param=torch.nn.Parameter(w))
    state["param with attribute"] = torch.nn.Parameter(w)
    state["param with attribute"].note = {"a": (1, [2])}
    state["tensor with attribute"] = torch.randn(3)
    state["tensor with attribute"].note = {"a": (1, [2])}
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    opt = torch.optim.AdamW(net.parameters())
    net(torch.randn(8, 3)).sum().backward()
    opt.step()
    training = dict(epoch=3, optimizer=opt.state_dict(), scaler={"scale": 2.0**70, "n": None},
                    big=2**100, model=net.state_dict(), names={"a", "b"}, rng=torch.get_rng_state(),
                    lr=torch.tensor(0.1), history=[dict(loss=0.1)] * 2000,
                    groups=collections.defaultdict(list, a=[1]))
    cases = dict(state=state, training=training, nested=dict(model_ema=dict(module=net.state_dict())),
                 module=dict(state_dict={"module." + k: v for k, v in state.items()}))
    for name, obj in cases.items():
        for protocol in (2, 3, 4, 5):
            for zipped in (True, False):
                path = os.path.join(folder, "%s_p%d_%s.pth" % (name, protocol,
                                                               "zip" if zipped else "stream"))
                torch.save(obj, path, pickle_protocol=protocol,
                           _use_new_zipfile_serialization=zipped)
                yield path


def main():
    dump, places = sys.argv[1], [os.environ.get("EVALH_SHARED", ""), sys.argv[2], "/work/shared"]
    golden = next((g for g in (os.path.join(p, "golden") for p in places if p)
                   if os.path.isdir(g)), None)
    if golden:
        for name in sorted(os.listdir(golden)):
            if name.endswith((".pth", ".safetensors")):
                compare(dump, os.path.join(golden, name))
    else:
        print("SKIPPED: no ../shared/golden; only files written here are compared")
    with tempfile.TemporaryDirectory() as folder:
        for path in variants(folder):
            compare(dump, path)


main()
