/* Shared by the files of the plan: steps that have separate files. */
#pragma once

#include "plan.h"

/* Whether run.output is nothing that the run reads; opens nothing. */
enum status plan_check_inputs(struct plan *, struct error *err);
/* After that: whether run.output can be written, and whether a result is all that it replaces. */
enum status plan_check_output(struct plan *, struct error *err);
/* Opens the model, which makes its methods known. */
enum status plan_open_model(struct plan *, struct error *err);
/* After the model: opens the device and allocates memory for a batch. */
enum status plan_open_engine(struct plan *, struct error *err);
enum status plan_open_explainer(struct plan *, struct error *err);
/* After the model and the data set: opens the files of maps. */
enum status plan_open_maps(struct plan *, struct error *err);
/* After the explainer: the images that methods begin at, where one does. */
enum status plan_take_references(struct plan *, struct error *err);
/* Index in [maps] of a method with this name; -1: there is none. */
int plan_find_map(const struct plan *, const char *name);
/* Names that explain.methods may hold, before the model is open; NULL: any. */
const char *const *plan_method_names(const struct plan *);
/* After the data set: applies run.limit and data.subset. */
enum status plan_take_images(struct plan *, struct error *err);
