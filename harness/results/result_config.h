/* The config that a result file stores, as far as it says where data and model are. */
#pragma once

#include "config.h"
#include "result.h"

/* What the config says of one key, cut to size; "" where it has none. */
void result_config_value(const struct result *, const char *section, const char *name, char *out,
                         size_t size);

/* Sections data and model; a key that this evalh does not know is left out. E_NOMEM. */
enum status result_config(const struct result *, struct config **out, struct error *err);
