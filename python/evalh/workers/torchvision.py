"""A model of torchvision by its name, with weights from a file, as a worker.

python3 -m evalh.workers.torchvision resnet50 --weights resnet50.pth --methods gradcam,saliency
"""

from __future__ import annotations

from evalh import _channel
from evalh.workers import _options, _torch


def main() -> None:
    p = _options.parser("torchvision", __doc__ or "")
    _torch.add_arguments(p)
    args = p.parse_args()
    _channel.claim_if_worker()
    try:
        import torchvision
    except ImportError:
        raise SystemExit(
            "evalh.workers.torchvision needs torchvision: pip install torchvision"
        ) from None
    build = getattr(torchvision.models, args.model, None)
    if not callable(build) or not args.model.islower():
        raise SystemExit(f"{args.model}: torchvision {torchvision.__version__} has no such model")
    _torch.seed_if_random(args)
    more = {} if args.classes is None else {"num_classes": args.classes}
    model = build(weights=None, **more)
    size = args.size or (299 if args.model == "inception_v3" else 224)
    _torch.run(
        model,
        args,
        size=size,
        mean=args.mean or _options.MEAN,
        std=args.std or _options.STD,
        versions=f"torchvision {torchvision.__version__}",
    )


if __name__ == "__main__":
    main()
