/* Shared by the files of the plan: its steps that live in a file of their own. */
#pragma once

#include "plan.h"

enum status plan_open_model(struct plan *, struct error *err);
/* After the model: the engine, and the net at the batch that it has room for. */
enum status plan_open_engine(struct plan *, struct error *err);
/* After the model: which published checkpoint it is. A missing table of them is no error. */
enum status plan_know_weights(struct plan *, struct error *err);
enum status plan_open_explainer(struct plan *, struct error *err);
