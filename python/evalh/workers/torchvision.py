"""A model of torchvision by its name, with weights from a file, as a worker.

python3 -m evalh.workers.torchvision resnet50 --weights resnet50.pth --methods gradcam,saliency
"""

from __future__ import annotations

from evalh.workers import _options, _torch


def main() -> None:
    args, torchvision = _torch.begin("torchvision", __doc__ or "")
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
