"""An ONNX file as a worker, through onnxruntime.

The file has one image input, float32 [n, 3, S, S] (its first axis free, or of size 1), and logits
[n, classes] as its first output. Methods need no gradients: `occlusion` is the drop of the class's
logit while a square is greyed.
"""

from __future__ import annotations

import os
from typing import Any

import evalh
from evalh import _channel
from evalh.workers import _options, _perturb


def open_session(path: str, providers: Any) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise SystemExit("evalh.workers.onnx needs onnxruntime: pip install onnxruntime") from None
    settings = onnxruntime.SessionOptions()
    if _options.threads() is not None:
        settings.intra_op_num_threads = _options.threads()
    # Threads that spin between two requests would take the cores from evalh.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not os.path.isfile(path):
        raise SystemExit(f"{path}: there is no such file")
    known = onnxruntime.get_available_providers()
    for p in providers:
        if p not in known:
            raise SystemExit(
                f"--providers: {p} is not in this onnxruntime, which has {', '.join(known)}"
            )
    return onnxruntime.InferenceSession(path, settings, providers=providers)


def fixed(size: Any) -> bool:
    return isinstance(size, int) and size > 0


def main() -> None:
    p = _options.parser("onnx", __doc__ or "")
    p.add_argument("model", help=".onnx file")
    p.add_argument(
        "--size", type=int, help="side of the input in pixels, where the file leaves it open"
    )
    p.add_argument(
        "--mean",
        type=_options.triple,
        default=_options.MEAN,
        help="of the normalisation (default: ImageNet's)",
    )
    p.add_argument(
        "--std",
        type=_options.triple,
        default=_options.STD,
        help="of the normalisation (default: ImageNet's)",
    )
    p.add_argument("--input", help="name of the image input; default: the only one")
    p.add_argument("--output", help="name of the logits; default: the first output")
    p.add_argument(
        "--providers",
        type=_options.names,
        default=["CPUExecutionProvider"],
        help="of onnxruntime, in order (default: CPUExecutionProvider)",
    )
    p.add_argument("--methods", type=_options.names, default=[], help="occlusion")
    p.add_argument(
        "--side", type=int, default=14, help="squares on a side for occlusion (default: 14)"
    )
    args = p.parse_args()
    _channel.claim_if_worker()
    session = open_session(args.model, args.providers)
    inputs = {i.name: i for i in session.get_inputs()}
    if args.input is None and len(inputs) != 1:
        raise SystemExit(
            f"{args.model} has the inputs {', '.join(inputs)}; say which one takes images: --input"
        )
    name = args.input or next(iter(inputs))
    if name not in inputs:
        raise SystemExit(f"--input {name}: {args.model} has {', '.join(inputs)}")
    shape = inputs[name].shape
    if len(shape) != 4 or (fixed(shape[1]) and shape[1] != 3):
        raise SystemExit(f"{args.model}: input {name} is {shape}; [n, 3, S, S] is wanted")
    size = args.size or (shape[2] if fixed(shape[2]) else None)
    if size is None:
        raise SystemExit(f"{args.model} does not say the size of its images; --size does")
    outputs = [args.output] if args.output else [session.get_outputs()[0].name]
    single = fixed(shape[0])

    def predict(images: Any) -> Any:
        import numpy as np

        if not single or len(images) == shape[0]:
            return session.run(outputs, {name: images})[0]
        step = shape[0]
        if len(images) % step != 0:  # the last batch is filled up
            short = np.concatenate(
                [images, np.zeros((-len(images) % step, *images.shape[1:]), images.dtype)]
            )
        else:
            short = images
        parts = [
            session.run(outputs, {name: short[i : i + step]})[0] for i in range(0, len(short), step)
        ]
        return np.concatenate(parts)[: len(images)]

    methods: dict[str, Any] = {}
    for method in args.methods:
        if method != "occlusion":
            raise SystemExit(f"--methods {method}: there is: occlusion")
        methods[method] = _perturb.occlusion(predict, args.side, args.batch)
    evalh.serve(
        predict,
        methods=methods,
        name=args.name or os.path.splitext(os.path.basename(args.model))[0],
        fingerprint=evalh.fingerprint(args.model),
        size=size,
        mean=args.mean,
        std=args.std,
        batch=args.batch,
        grid=args.grid,
    )


if __name__ == "__main__":
    main()
