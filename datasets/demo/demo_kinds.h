/* The kind of data set that generates its pictures. */
#pragma once

#include "dataset_kind.h"

extern const struct dataset_kind dataset_demo;
