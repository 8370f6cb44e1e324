/* Reading evalh's JSON in tests; whatever is asked for must be there. */
#pragma once

#include <cjson/cJSON.h>

double number(const cJSON *at, const char *key); /* NaN for null */
const cJSON *get(const cJSON *at, const char *key);
const cJSON *find_row(const cJSON *rows, const char *method, const char *explained,
                      const char *stratum);
