/* The config that a result file stores, as far as it locates data and model. */
#pragma once

#include "config.h"
#include "result.h"

/* The config's value of one key, cut to size; "" where it has none. */
void result_config_value(const struct result *, const char *section, const char *name, char *out,
                         size_t size);

/* Reads the sections data and model, without keys that this version does not know. E_NOMEM. */
enum status result_config(const struct result *, struct config **out, struct error *err);
