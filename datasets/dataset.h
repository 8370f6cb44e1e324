/* Data sets: a const table of kinds, one file each (SPEC 9). */
#pragma once

#include "dataset_kind.h"

extern const struct dataset_kind *const dataset_kinds[]; /* NULL-terminated */

/* E_CONFIG names what is missing or wrong ("labels.txt:12: no such file 'val/x.JPEG' ..."). */
enum status dataset_open(const struct dataset_options *, struct dataset **out, struct error *err);
enum status dataset_load(struct dataset *, size_t index, struct sample *, struct error *err);
void sample_free(struct sample *);
void dataset_close(struct dataset *);
