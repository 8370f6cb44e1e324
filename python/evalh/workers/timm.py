"""A model of timm by its name, with weights from a file, as a worker. Size and normalisation are
those that timm has for it.

python3 -m evalh.workers.timm convnext_tiny --weights convnext_tiny.safetensors --methods gradcam
"""

from __future__ import annotations

from evalh.workers import _torch


def main() -> None:
    args, timm = _torch.begin("timm", __doc__ or "")
    if not timm.is_model(args.model):
        near = timm.list_models(f"*{args.model.split('_')[0]}*")[:6]
        raise SystemExit(
            f"{args.model}: timm {timm.__version__} has no such model"
            f"{'; there are ' + ', '.join(near) if near else ''}"
        )
    _torch.seed_if_random(args)
    more = {} if args.classes is None else {"num_classes": args.classes}
    model = timm.create_model(args.model, pretrained=False, **more)
    data = timm.data.resolve_data_config(model=model)
    if data["input_size"][1] != data["input_size"][2] and args.size is None:
        raise SystemExit(
            f"{args.model} takes images of {data['input_size']}; evalh's are square: --size"
        )
    _torch.run(
        model,
        args,
        size=args.size or data["input_size"][2],
        mean=args.mean or data["mean"],
        std=args.std or data["std"],
        versions=f"timm {timm.__version__}",
    )


if __name__ == "__main__":
    main()
