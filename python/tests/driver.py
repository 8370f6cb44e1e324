"""evalh's side of the protocol, for tests: starts a worker and asks it."""

import json
import os
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Driver:
    def __init__(self, command, **environment):
        path = os.pathsep.join([os.path.dirname(HERE), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "EVALH_WORKER": "1", **environment},
        )
        self.id = 0
        self.memory = None

    def ask(self, op, **keys):
        self.id += 1
        line = json.dumps({"op": op, "id": self.id, **keys}).encode() + b"\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        if op == "quit":
            return None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()
        reply = json.loads(line)
        assert reply["id"] == self.id
        return reply

    def start(self):
        self.hello = self.ask("hello", protocol=1, evalh="0", threads=1, device=0)
        assert self.hello["ok"], self.hello
        count = 4 << 20
        self.fd = os.memfd_create("evalh-test")
        os.ftruncate(self.fd, count)
        path = f"/proc/{os.getpid()}/fd/{self.fd}"
        assert self.ask("memory", path=path, bytes=count) == {"id": self.id, "ok": True}
        self.memory = np.memmap(path, np.float32, "r+")
        return self

    def images(self, n, seed=0):
        """Noise in place, and a copy of it."""
        size = self.hello["size"]
        x = np.random.default_rng(seed).standard_normal((n, 3, size, size)).astype(np.float32)
        self.memory[: x.size] = x.reshape(-1)
        return x

    def answer(self, op, n, shape, key, **keys):
        at = 2 << 20
        self.memory[at // 4 :] = np.nan
        reply = self.ask(op, n=n, images=0, **{key: at}, **keys)
        if not reply["ok"]:
            return reply
        assert reply["shape"] == [n, *shape]
        count = n * int(np.prod(shape))
        assert np.isnan(self.memory[at // 4 + count :]).all(), "written beyond the answer"
        return np.array(self.memory[at // 4 :][:count]).reshape(n, *shape)

    def classify(self, n):
        return self.answer("classify", n, [self.hello["classes"]], "logits")

    def explain(self, n, method, classes):
        side = next(m["side"] for m in self.hello["methods"] if m["name"] == method)
        return self.answer("explain", n, [side, side], "maps", method=method, classes=classes)

    def end(self):
        """(exit code, standard error)"""
        if self.process.poll() is None:
            self.ask("quit")
        rest, said = self.process.communicate(timeout=60)
        assert rest == b"", rest
        return self.process.returncode, said.decode()


def script(tmp_path, text):
    path = tmp_path / "model.py"
    path.write_text(text)
    return [sys.executable, str(path)]
