/* Shared by the files of the plan: its steps that live in a file of their own. */
#pragma once

#include "plan.h"

/* The model: what it is, and which methods it has. */
enum status plan_open_model(struct plan *, struct error *err);
/* After the model: the device, and memory for a batch. */
enum status plan_open_engine(struct plan *, struct error *err);
enum status plan_open_explainer(struct plan *, struct error *err);
/* After the model and the data set: the maps that lie in files. */
enum status plan_open_maps(struct plan *, struct error *err);
/* After the explainer: the images that methods begin at, where one does. */
enum status plan_take_references(struct plan *, struct error *err);
/* Index in [maps] of a method by this name; -1: it is none of those. */
int plan_find_map(const struct plan *, const char *name);
/* Names that explain.methods may hold before the model is open; NULL: any. */
const char *const *plan_method_names(const struct plan *);
/* After the data set: run.limit and data.subset. */
enum status plan_take_images(struct plan *, struct error *err);
