/* Data sets: a const table of kinds, one file each (SPEC 9). */
#pragma once

#include "class_list.h"
#include "dataset_kind.h"

extern const struct dataset_kind *const dataset_kinds[]; /* NULL-terminated */

/* E_CONFIG names what is missing or wrong ("labels.txt:12: no such file 'val/x.JPEG' ..."). */
enum status dataset_open(const struct dataset_options *, struct dataset **out, struct error *err);
/* Checks that the labels of images 0 to count - 1 suit a head with this number of classes. E_CONFIG
 * names an image whose label is too large, or says that labels are ILSVRC2012's numbers and the
 * head is not. */
enum status dataset_check_labels(const struct dataset *, size_t count,
                                 const struct dataset_options *, int head_classes, struct error *);
/* Names of the model's classes as far as they are known: as data.classes says, else the classes.txt
 * beside the checkpoint, else those of ILSVRC2012 for a head of 1,000. out->count 0: they are not.
 * E_CONFIG: a list that cannot be read. */
enum status dataset_class_names(const struct dataset_options *, struct class_list *out,
                                struct error *err);
enum status dataset_load(struct dataset *, size_t index, struct sample *, struct error *err);
void sample_free(struct sample *);
void dataset_close(struct dataset *);
