/* Private to engine/: the kinds of engine, and what they share. */
#pragma once

#include "engine.h"

extern const struct engine_kind engine_native;
extern const struct engine_kind engine_worker; /* model.arch = worker */

extern const struct engine_kind engine_none; /* no model is named */

/* Controls that look at no model: how many there are; puts them behind e->methods, which have room,
 * with maps of info.grid; and makes the maps of one that was prepared, the same for both classes.
 */
size_t engine_count_controls(void);
void engine_add_controls(struct engine *);
void engine_explain_control(const struct engine *, const struct explain_image *images, int n,
                            int method, const struct explain_result *);
/* E_CONFIG where a switch of evalh's own methods is set, but for the order of ties; `why` it means
 * nothing: "and a worker's have none". */
enum status engine_refuse_switches(const struct explain_options *, const char *why, struct error *);

/* Opens the backend that the options ask for into engine->backend, and fills in what info says of
 * it: device, precision, threads, on_host, batch, busy. */
enum status engine_open_backend(struct engine *, struct error *err);

/* ---- engine_memory.c ---- */

/* info.memory and, of a batch that was not asked for, info.batch and why, of an engine that
 * computes on its own device. */
void engine_choose_memory(struct engine *);
void engine_choose_batch(struct engine *, size_t (*activations)(const struct engine *, int batch));
/* What is left of info.memory for explanations; NULL (and nothing in *room): there is no limit. */
struct explain_room *engine_room(struct engine *, struct explain_room *room);
/* The error where that is not enough. */
enum status engine_refuse_memory(struct engine *, const struct explain_room *, struct error *);
/* After that error: whether nobody asked for the batch, which is half as large then. */
bool engine_halve_choice(struct engine *);

/* For what opens backends of its own beside the engine's. */
struct backend_options engine_own_backend(const struct engine *);

/* Gives the engine's reference images to an explainer; nothing to do where there are none. */
enum status engine_native_refer(const struct engine *, struct explainer *, struct error *);

/* Closes what engine_altered_explain keeps open, until it is called again; accepts NULL. */
void engine_altered_rest(struct engine_altered *);

/* The methods that were prepared, as the explainer knows them; freed by the caller. NULL: out of
 * memory. */
const struct explain_method **engine_native_methods(const struct engine *);

/* Sets info.name, title and weights of a model that was read from a checkpoint. Warns where the
 * table of published weights cannot be read. */
void engine_know_weights(struct engine_info *, const struct model *);
