/* The kinds of data set that read ImageNet in its usual forms. */
#pragma once

#include "dataset_kind.h"

extern const struct dataset_kind dataset_imagenet, dataset_imagenet_list, dataset_imagenet_tar,
    dataset_imagenet_seg;
