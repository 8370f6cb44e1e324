"""What the torchvision and timm workers share: weights from a file, predictions, and the
explanation methods of captum and pytorch-grad-cam, where those are installed."""

from __future__ import annotations

import argparse
import importlib
import os
from typing import Any, Callable

import numpy as np

import evalh
from evalh import _channel
from evalh.worker import Method
from evalh.workers import _options, _perturb

WRAPPERS = (
    "model",
    "state_dict",
    "model_state_dict",
    "net",
    "module",
    "model_ema",
    "state_dict_ema",
)


def torch_or_exit() -> Any:
    try:
        import torch
    except ImportError:
        raise SystemExit("this worker needs PyTorch: pip install torch") from None
    return torch


def begin(library: str, doc: str) -> tuple[argparse.Namespace, Any]:
    """Reads the command line of evalh.workers.LIBRARY, and imports the library."""
    p = _options.parser(library, doc)
    add_arguments(p)
    args = p.parse_args()
    _channel.claim_if_worker()
    try:
        return args, importlib.import_module(library)
    except ImportError:
        raise SystemExit(
            f"evalh.workers.{library} needs {library}: pip install {library}"
        ) from None


def add_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", help="name of the architecture")
    p.add_argument("--weights", help="file of its state_dict (.pth, .pt or .safetensors)")
    p.add_argument(
        "--random", action="store_true", help="random weights, of seed 0, in place of --weights"
    )
    p.add_argument("--classes", type=int, help="number of classes; default: the architecture's")
    p.add_argument(
        "--size", type=int, help="side of the input in pixels; default: the architecture's"
    )
    p.add_argument(
        "--mean", type=_options.triple, help="of the normalisation; default: the architecture's"
    )
    p.add_argument(
        "--std", type=_options.triple, help="of the normalisation; default: the architecture's"
    )
    p.add_argument(
        "--device",
        default="cpu",
        help="cpu, or cuda: GPUs are shared out among ranks (default: cpu)",
    )
    p.add_argument(
        "--methods", type=_options.names, default=[], help=f"with commas: {', '.join(available())}"
    )
    p.add_argument(
        "--layer",
        help="module whose output grad-cam methods look at; default: the last before pooling",
    )
    p.add_argument(
        "--side", type=int, default=14, help="squares on a side for occlusion (default: 14)"
    )


def load_weights(model: Any, path: str) -> None:
    """Strictly: a tensor that is missing, left over or of another shape is an error."""
    torch = torch_or_exit()
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        try:  # tensors alone: nothing in the file is executed
            state = torch.load(path, map_location="cpu", weights_only=True)
        except TypeError:
            raise SystemExit(
                "this PyTorch is too old to read weights without running code from the file; "
                "1.13 or newer, "
                "please, or .safetensors"
            ) from None
    while isinstance(state, dict) and not any(torch.is_tensor(v) for v in state.values()):
        inner = next((state[w] for w in WRAPPERS if isinstance(state.get(w), dict)), None)
        if inner is None:
            raise SystemExit(f"{path} holds no state_dict: {', '.join(map(str, list(state)[:8]))}")
        state = inner
    if all(k.startswith("module.") for k in state):
        state = {k[len("module.") :]: v for k, v in state.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as e:
        raise SystemExit(f"{path}: {e}") from None


# --- methods: (model, options) -> Method
def _attribution(
    kind: str, summary: str, signed: bool, **fixed: Any
) -> Callable[[Any, Any], Method]:
    """Of captum: attributions [n, 3, S, S] become a map by their sum over channels, or that of
    their absolute values."""

    def build(model: Any, options: Any) -> Method:
        import captum.attr

        torch = torch_or_exit()
        attributor = getattr(captum.attr, kind)(model)

        def explain(images: np.ndarray, classes: np.ndarray) -> Any:
            x = torch.tensor(images, device=options.place, requires_grad=True)
            found = attributor.attribute(
                x, target=torch.tensor(classes, device=options.place), **fixed
            )
            return (found if signed else found.abs()).sum(1)

        return Method(explain, options.size, summary=summary)

    return build


def last_map_layer(model: Any, size: int) -> Any:
    """The last module with an output [1, C, h, w], h = w > 1, in a forward pass."""
    torch, seen = torch_or_exit(), []

    def watch(module: Any, _: Any, output: Any) -> None:
        if torch.is_tensor(output) and output.ndim == 4 and output.shape[2] == output.shape[3] > 1:
            seen.append(module)

    hooks = [m.register_forward_hook(watch) for m in model.modules()]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    if not seen:
        raise SystemExit(
            "no layer of this model has a map [C, h, w] as its output, so grad-cam methods need "
            "--layer and a model "
            "that has one"
        )
    return seen[-1]


def _cam(kind: str, summary: str) -> Callable[[Any, Any], Method]:
    """Of pytorch-grad-cam, at the size of the layer's map."""

    def build(model: Any, options: Any) -> Method:
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        torch = torch_or_exit()
        if options.layer is None:
            layer = last_map_layer(model, options.size)
        else:
            modules = dict(model.named_modules())
            if options.layer not in modules:
                raise SystemExit(
                    f"--layer {options.layer}: no such module; among the last are: "
                    f"{', '.join(list(modules)[-8:])}"
                )
            layer = modules[options.layer]
        cam = getattr(pytorch_grad_cam, kind)(model=model, target_layers=[layer])

        def explain(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
            x = torch.tensor(images, device=options.place)
            return np.asarray(
                cam(input_tensor=x, targets=[ClassifierOutputTarget(int(k)) for k in classes])
            )

        return Method(explain, options.size, summary=summary)

    return build


def _occlusion(model: Any, options: Any) -> Method:
    return _perturb.occlusion(predictor(model, options.place), options.side, options.batch)


CAPTUM: dict[str, Callable[[Any, Any], Method]] = {
    "saliency": _attribution("Saliency", "size of the gradient, summed over channels", False),
    "input_x_gradient": _attribution("InputXGradient", "input times gradient", True),
    "integrated_gradients": _attribution(
        "IntegratedGradients",
        "gradients along the way from the mean colour, 50 steps",
        True,
        n_steps=50,
        internal_batch_size=16,
    ),
    "guided_backprop": _attribution("GuidedBackprop", "guided backpropagation", False),
}
GRAD_CAM: dict[str, Callable[[Any, Any], Method]] = {
    "gradcam": _cam("GradCAM", "Grad-CAM"),
    "gradcam++": _cam("GradCAMPlusPlus", "Grad-CAM++"),
    "hirescam": _cam("HiResCAM", "HiResCAM"),
    "xgradcam": _cam("XGradCAM", "XGrad-CAM"),
    "layercam": _cam("LayerCAM", "LayerCAM"),
    "eigencam": _cam("EigenCAM", "Eigen-CAM"),
    "ablationcam": _cam("AblationCAM", "Ablation-CAM"),
    "scorecam": _cam("ScoreCAM", "Score-CAM"),
}
METHODS = {
    **{k: ("captum", v) for k, v in CAPTUM.items()},
    **{k: ("pytorch_grad_cam", v) for k, v in GRAD_CAM.items()},
    "occlusion": ("numpy", _occlusion),
}
PACKAGES = {"pytorch_grad_cam": "grad-cam"}  # as pip calls it


def installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def available() -> list[str]:
    return [name for name, (module, _) in METHODS.items() if installed(module)]


def predictor(model: Any, place: str) -> Callable[[np.ndarray], Any]:
    torch = torch_or_exit()

    def predict(images: np.ndarray) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(images).to(place))

    return predict


def choose_device(wanted: str) -> str:
    torch = torch_or_exit()
    if wanted != "cuda":
        return wanted
    if not torch.cuda.is_available():
        raise SystemExit("--device cuda: PyTorch sees no GPU")
    return f"cuda:{_options.device() % torch.cuda.device_count()}"


def run(
    model: Any,
    args: argparse.Namespace,
    *,
    size: int,
    mean: Any,
    std: Any,
    versions: str | None = None,
) -> None:
    """Serves `model`, whose weights come from args."""
    torch = torch_or_exit()
    if args.weights:
        if not os.path.isfile(args.weights):
            raise SystemExit(f"--weights {args.weights}: there is no such file")
        load_weights(model, args.weights)
    args.place, args.size = choose_device(args.device), size
    model = model.eval().to(args.place)
    methods = {}
    for name in args.methods:
        if name not in METHODS:
            raise SystemExit(f"--methods {name}: there are {', '.join(METHODS)}")
        module, build = METHODS[name]
        if not installed(module):
            raise SystemExit(
                f"--methods {name} needs {module}: pip install {PACKAGES.get(module, module)}"
            )
        methods[name] = build(model, args)
    if _options.threads() is not None:
        torch.set_num_threads(_options.threads())
    evalh.serve(
        predictor(model, args.place),
        methods=methods,
        name=args.name or args.model,
        fingerprint=evalh.fingerprint(model, f"{args.model} {versions}".encode()),
        classes=args.classes,
        size=size,
        mean=mean,
        std=std,
        batch=args.batch,
        grid=args.grid,
    )


def seed_if_random(args: argparse.Namespace) -> None:
    if bool(args.weights) == args.random:
        raise SystemExit("say which weights: --weights FILE or --random")
    torch_or_exit().manual_seed(0)
