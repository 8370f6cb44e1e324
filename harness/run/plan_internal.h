/* Shared by the files of the plan: its steps that live in a file of their own. */
#pragma once

#include "plan.h"

/* The model: what it is, and which methods it has. */
enum status plan_open_model(struct plan *, struct error *err);
/* After the model: the device, and memory for a batch. */
enum status plan_open_engine(struct plan *, struct error *err);
enum status plan_open_explainer(struct plan *, struct error *err);
/* Names that explain.methods may hold before the model is open; NULL: any. */
const char *const *plan_method_names(const struct plan *);
/* After the data set: run.limit and data.subset. */
enum status plan_take_images(struct plan *, struct error *err);
