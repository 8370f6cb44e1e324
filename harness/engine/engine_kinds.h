/* Inside engine/: the kinds, and what they share. */
#pragma once

#include "engine.h"

extern const struct engine_kind engine_native;
extern const struct engine_kind engine_worker; /* model.arch = worker */

/* Opens the backend that the options ask for into engine->backend, and fills in what info says of
 * it: device, precision, threads, on_host, batch, busy. */
enum status engine_open_backend(struct engine *, struct error *err);

/* info.name, title and weights of a model that was read from a checkpoint. A table of published
 * weights that cannot be read is warned of. */
void engine_know_weights(struct engine_info *, const struct model *);
