"""captum_maps.py WEIGHTS RESULT PICTURES OUT: captum's saliency of a ResNet-18, from the pictures
themselves, for the images and predictions of RESULT. A worker's `saliency` gives the same maps."""

import sys
from pathlib import Path

import captum.attr
import numpy as np
import torch
import torchvision
from PIL import Image

import evalh

SIZE, MEAN, STD = 64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main():
    weights, result, pictures, out = sys.argv[1:]
    model = torchvision.models.resnet18(weights=None, num_classes=10)
    model.load_state_dict(torch.load(weights))
    model.eval()
    saliency = captum.attr.Saliency(model)
    run = evalh.load(result)
    with evalh.MapWriter(out) as maps:
        for name, k in zip(run.ids, run.column("images/predicted")):
            (path,) = Path(pictures).glob(f"*/{name}")
            picture = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR)
            image = torch.from_numpy(np.array(picture)).float() / 255
            image = ((image - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None]
            found = saliency.attribute(image.requires_grad_(), target=int(k))
            maps.add([name], found.sum(1))


main()
