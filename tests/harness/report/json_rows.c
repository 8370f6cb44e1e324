#include "json_rows.h"

#include <stdint.h>

#include <math.h>
#include <string.h>

#include "run_tests.h"

double number(const cJSON *at, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(at, key);
    assert_non_null(item);
    return cJSON_IsNull(item) ? NAN : item->valuedouble;
}

const cJSON *get(const cJSON *at, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(at, key);
    assert_non_null(item);
    return item;
}

const cJSON *find_row(const cJSON *rows, const char *method, const char *explained,
                      const char *stratum)
{
    const cJSON *row;
    cJSON_ArrayForEach(row,
                       rows) if (strcmp(get(row, "method")->valuestring, method) == 0 &&
                                 strcmp(get(row, "class")->valuestring, explained) == 0 &&
                                 strcmp(get(row, "stratum")->valuestring, stratum) == 0) return row;
    fail_msg("no row %s %s %s", method, explained, stratum);
    return NULL;
}
