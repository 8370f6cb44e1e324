"""The worker side of evalh's protocol: a model in a process of its own (docs/worker.md)."""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from . import _channel

PROTOCOL = 1
CONTROLS = ("random", "center")  # evalh's own

# images [n, 3, size, size] -> logits [n, classes]; a numpy array, a tensor, or nested lists
Predict = Callable[[np.ndarray], Any]
# images [n, 3, size, size], classes int64 [n] -> maps [n, side, side]
Explain = Callable[[np.ndarray, np.ndarray], Any]


@dataclass(frozen=True)
class Method:
    """An explanation method of a worker.

    explain: (images float32 [n, 3, size, size], classes int64 [n]) -> [n, side, side]; larger:
      hotter
    side: of its maps; None: told by one call with a black image
    class_agnostic: the map is the same whichever class is explained
    summary: a line for people
    """

    explain: Explain
    side: int | None = None
    class_agnostic: bool = False
    summary: str = ""


def _hash_object(digest: hashlib._Hash, thing: Any) -> None:
    if isinstance(thing, (bytes, bytearray, memoryview)):
        digest.update(thing)
    elif isinstance(thing, (str, os.PathLike)):
        with open(thing, "rb") as f:
            while chunk := f.read(1 << 20):
                digest.update(chunk)
    elif hasattr(thing, "state_dict"):
        for key, tensor in sorted(thing.state_dict().items()):
            array = _array(tensor, None) if hasattr(tensor, "detach") else np.asarray(tensor)
            digest.update(f"{key} {array.dtype} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
    elif isinstance(thing, np.ndarray):
        digest.update(f"{thing.dtype} {thing.shape}\n".encode())
        digest.update(np.ascontiguousarray(thing).data)
    else:
        raise TypeError(
            f"fingerprint takes file names, bytes, arrays and PyTorch modules, not "
            f"{type(thing).__name__}"
        )


def fingerprint(*things: Any) -> str:
    """SHA-256 over all of `things`: files by name (weights, the script itself), bytes, numpy
    arrays, PyTorch modules (their state_dict). For `serve`."""
    if not things:
        raise TypeError("fingerprint needs something to hash: a weights file, a module")
    digest = hashlib.sha256()
    for thing in things:
        _hash_object(digest, thing)
    return "sha256:" + digest.hexdigest()


def _array(answer: Any, dtype: Any = np.float32) -> np.ndarray:
    """What a function answered, as numpy; PyTorch tensors from any device and of any float type."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu()
        if "bfloat16" in str(answer.dtype):
            answer = answer.float()
        answer = answer.numpy()
    return np.asarray(answer, dtype=dtype)


def _checked(answer: Any, shape: tuple, what: str) -> np.ndarray:
    """`answer` as finite float32 of `shape`, whose first axis is images."""
    array = _array(answer)
    if array.shape != shape:
        raise ValueError(
            f"{what} answered the shape {list(array.shape)}; {list(shape)} was asked for"
        )
    if not np.isfinite(array).all():
        first = int(np.argmin(np.isfinite(array.reshape(len(array), -1)).all(1)))
        raise ValueError(f"{what} answered NaN or infinity for image {first + 1} of {len(array)}")
    return array


class _Refusal(Exception):
    """Becomes the error of a reply, without a traceback."""


def _numbers(values: Sequence[float], key: str) -> list:
    found = [float(v) for v in values]
    if len(found) != 3 or not all(map(math.isfinite, found)):
        raise ValueError(f"{key} is {values!r}; three numbers are wanted, one a channel")
    return found


def _whole(value: Any, key: str, low: int, high: int) -> int:
    if isinstance(value, bool) or int(value) != value or not low <= value <= high:
        raise ValueError(f"{key} is {value!r}; a whole number from {low} to {high} is wanted")
    return int(value)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= 127 or not value.isprintable():
        raise ValueError(f"{key} is {value!r}; printable text of 1 to 127 bytes is wanted")
    return value


class Worker:
    """What `serve` runs: the requests of one evalh, one after the other."""

    def __init__(
        self,
        predict: Predict,
        methods: Mapping[str, Method | Explain],
        *,
        name: str,
        fingerprint: str,
        classes: int | None,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        batch: int,
        grid: int | None,
        configure: Callable[[dict], None] | None,
    ) -> None:
        self.predict, self.configure = predict, configure
        self.name, self.fingerprint = _text(name, "name"), _text(fingerprint, "fingerprint")
        self.classes = None if classes is None else _whole(classes, "classes", 1, 1_000_000)
        self.size, self.batch = _whole(size, "size", 1, 4096), _whole(batch, "batch", 1, 4096)
        self.mean, self.std = _numbers(mean, "mean"), _numbers(std, "std")
        if min(self.std) <= 0:
            raise ValueError(f"std is {std!r}; three numbers above 0 are wanted")
        self.grid = None if grid is None else _whole(grid, "grid", 1, self.size)
        self.methods = {}
        for key, method in methods.items():
            if not re.fullmatch(r"[A-Za-z0-9_+.-]{1,63}", key) or key in CONTROLS:
                raise ValueError(
                    f"methods: {key!r}: a name is 1 to 63 letters, digits, '_', '-', '+' or '.', "
                    f"and not "
                    f"{' or '.join(CONTROLS)}, which are evalh's own"
                )
            self.methods[key] = method if isinstance(method, Method) else Method(method)
        self.sides: dict[str, int] = {}
        self.memory: mmap.mmap | None = None

    # --- what the model tells of itself
    def probe(self) -> None:
        """One black image through predict and every method: what is not said is learned, what is
        said is checked, and what does not work fails at the start."""
        black = -np.asarray(self.mean, np.float32) / np.asarray(self.std, np.float32)
        image = np.empty((1, 3, self.size, self.size), np.float32)

        def fresh() -> np.ndarray:
            image[:] = black[:, None, None]
            return image

        logits = _array(self.predict(fresh()))
        if logits.ndim != 2 or len(logits) != 1:
            raise ValueError(
                f"predict answered the shape {list(logits.shape)} for one image; [1, classes] is "
                f"wanted"
            )
        if self.classes is None:
            self.classes = _whole(logits.shape[1], "classes", 1, 1_000_000)
        _checked(logits, (1, self.classes), "predict")
        for key, method in self.methods.items():
            maps, side = _array(method.explain(fresh(), np.zeros(1, np.int64))), method.side
            if maps.ndim != 3 or len(maps) != 1 or maps.shape[1] != maps.shape[2]:
                raise ValueError(
                    f"method {key} answered the shape {list(maps.shape)} for one image; "
                    "[1, side, side] is wanted"
                )
            self.sides[key] = _whole(
                maps.shape[1] if side is None else side, f"side of method {key}", 1, self.size
            )
            if maps.shape[1] != self.sides[key]:
                raise ValueError(
                    f"method {key} answered maps of side {maps.shape[1]}; its side is said to be "
                    f"{side}"
                )

    def described(self) -> dict:
        found: dict[str, Any] = {
            "protocol": PROTOCOL,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "classes": self.classes,
            "size": self.size,
            "mean": self.mean,
            "std": self.std,
            "batch": self.batch,
            "methods": [
                {
                    "name": k,
                    "side": self.sides[k],
                    "class_agnostic": bool(m.class_agnostic),
                    "summary": m.summary,
                }
                for k, m in self.methods.items()
            ],
        }
        if self.grid is not None:
            found["grid"] = self.grid
        return found

    # --- requests
    def hello(self, request: dict) -> dict:
        if request.get("protocol", 0) < PROTOCOL:
            raise _Refusal(
                f"evalh speaks protocol {request.get('protocol')!r}, this package {PROTOCOL}: "
                f"update evalh, or "
                "take the package that came with it"
            )
        torch = sys.modules.get("torch")
        if torch is not None and "threads" in request and "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(int(request["threads"]))
        if self.configure is not None:
            self.configure(dict(request))
        self.probe()
        return self.described()

    def attach(self, request: dict) -> dict:
        fd = os.open(request["path"], os.O_RDWR | os.O_CLOEXEC)
        try:
            self.memory = mmap.mmap(
                fd, request["bytes"], mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
            )
        finally:
            os.close(fd)
        return {}

    def view(self, offset: int, *shape: int) -> np.ndarray:
        """float32 [shape] at byte `offset` of the shared memory."""
        if self.memory is None:
            raise _Refusal("there is no memory yet: 'memory' comes before 'classify' and 'explain'")
        count = math.prod(shape)
        if offset < 0 or offset + 4 * count > len(self.memory):
            raise _Refusal(
                f"{count} numbers at byte {offset} are beyond the {len(self.memory)} bytes of "
                f"memory"
            )
        return np.frombuffer(self.memory, "<f4", count, offset).reshape(shape)

    def images(self, request: dict) -> np.ndarray:
        return self.view(request["images"], request["n"], 3, self.size, self.size)

    def classify(self, request: dict) -> dict:
        assert self.classes is not None
        out = self.view(request["logits"], request["n"], self.classes)
        out[...] = _checked(self.predict(self.images(request)), out.shape, "predict")
        return {"shape": list(out.shape)}

    def explain(self, request: dict) -> dict:
        key = request["method"]
        if key not in self.methods:
            raise _Refusal(
                f"there is no method {key!r} here; there are: {', '.join(self.methods) or 'none'}"
            )
        out = self.view(request["maps"], request["n"], self.sides[key], self.sides[key])
        classes = np.asarray(request["classes"], np.int64)
        if classes.shape != (request["n"],):
            raise _Refusal(f"{classes.size} classes for {request['n']} images")
        out[...] = _checked(
            self.methods[key].explain(self.images(request), classes), out.shape, f"method {key}"
        )
        return {"shape": list(out.shape)}

    def answer(self, request: dict) -> dict:
        do = {
            "hello": self.hello,
            "memory": self.attach,
            "classify": self.classify,
            "explain": self.explain,
        }
        said = {"id": request.get("id")}
        try:
            op = request.get("op")
            if op not in do:
                raise _Refusal(f"unknown op {op!r}; there are: {', '.join(do)}, quit")
            return {**said, "ok": True, **do[op](request)}
        except _Refusal as e:
            return {**said, "ok": False, "error": str(e)}
        except Exception as e:  # whatever a model raises is reported, and ends the run
            traceback.print_exc()
            return {**said, "ok": False, "error": f"{type(e).__name__}: {e}"[:4000]}

    def run(self) -> None:
        while (request := _channel.receive()) is not None and request.get("op") != "quit":
            _channel.send(self.answer(request))

    def introduce(self) -> None:
        """For a person who starts the script by hand."""
        self.probe()
        print(
            f"{self.name}: {self.classes} classes, {self.size} x {self.size} pixels, up to "
            f"{self.batch} images at a time"
        )
        for key, method in self.methods.items():
            print(
                f"  method {key}: maps of {self.sides[key]} x {self.sides[key]}"
                f"{', the same for every class' if method.class_agnostic else ''}"
            )
        print(
            "This is a worker for evalh, which starts it itself. In a config:\n\n[model]\narch = "
            "worker\n"
            f"command = {' '.join(['python3', *sys.argv])}"
        )


def _script_name() -> str:
    stem = os.path.splitext(os.path.basename(sys.argv[0] or ""))[0]
    return stem if stem and stem != "-c" else "worker"


def serve(
    predict: Predict,
    *,
    fingerprint: str,
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    methods: Mapping[str, Method | Explain] | None = None,
    classes: int | None = None,
    name: str | None = None,
    batch: int = 16,
    grid: int | None = None,
    configure: Callable[[dict], None] | None = None,
) -> None:
    """Answers evalh's requests until it has no more.

    predict: images float32 [n, 3, size, size], normalised with mean and std -> logits [n, classes]
    methods: explanation methods by name; each a Method or a function
      (images, classes) -> [n, side, side]
    fingerprint: tells these weights from others, see `fingerprint()`
    classes: None: told by one call with a black image
    name: what tables call the model; default: the script's name
    batch: the largest n
    grid: side of the maps of evalh's controls, `random` and `center`; default 14
    configure: hears evalh's hello (`threads`, `device`, ...) before the model is first called

    On a terminal, where no evalh is at the other end, it says what evalh would hear.
    """
    worker = Worker(
        predict,
        methods or {},
        name=_script_name() if name is None else name,
        fingerprint=fingerprint,
        classes=classes,
        size=size,
        mean=mean,
        std=std,
        batch=batch,
        grid=grid,
        configure=configure,
    )
    if not os.environ.get("EVALH_WORKER") and sys.stdin is not None and sys.stdin.isatty():
        worker.introduce()
        return
    _channel.claim()
    worker.run()
