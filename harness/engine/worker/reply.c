/* Reads and checks a worker's replies. Nothing in them is trusted. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

/* A value as text, as a person would search for it. */
static const char *show(const cJSON *item, char *out, size_t size)
{
    if (item == NULL) {
        snprintf(out, size, "missing");
        return out;
    }
    char *text = cJSON_PrintUnformatted(item);
    worker_show(text != NULL ? text : "?", text != NULL ? strlen(text) : 1, out, size);
    cJSON_free(text);
    return out;
}

static enum status wrong(const char *what, const char *key, const cJSON *item, const char *right,
                         struct error *err)
{
    char shown[120];
    return fail(err, E_DEVICE, "the worker's answer to '%s': %s is %s; %s is wanted", what, key,
                show(item, shown, sizeof shown), right);
}

enum status worker_read_reply(const char *line, long id, const char *what, cJSON **out,
                              struct error *err)
{
    char shown[300];
    const char *end = NULL;
    cJSON *reply = cJSON_ParseWithOpts(line, &end, true);
    *out = NULL;
    if (!cJSON_IsObject(reply)) {
        cJSON_Delete(reply);
        return fail(err, E_DEVICE,
                    "the worker answered '%s' with a line that is no JSON object: '%s'; what is no "
                    "reply belongs on standard error",
                    what, worker_show(line, strlen(line), shown, sizeof shown));
    }
    const cJSON *its = cJSON_GetObjectItemCaseSensitive(reply, "id");
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(reply, "ok");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(reply, "error");
    char right[40];
    snprintf(right, sizeof right, "that of the request, %ld,", id);
    enum status status = OK;
    if (!cJSON_IsNumber(its) || its->valuedouble != (double)id)
        status = wrong(what, "id", its, right, err);
    else if (!cJSON_IsBool(ok))
        status = wrong(what, "ok", ok, "true or false", err);
    else if (cJSON_IsFalse(ok) && cJSON_IsString(error))
        status =
            fail(err, E_DEVICE, "the worker cannot answer '%s': %s", what,
                 worker_show(error->valuestring, strlen(error->valuestring), shown, sizeof shown));
    else if (cJSON_IsFalse(ok))
        status = fail(err, E_DEVICE, "the worker cannot answer '%s', and does not say why (error)",
                      what);
    if (status == OK)
        *out = reply;
    else
        cJSON_Delete(reply);
    return status;
}

static enum status whole(const cJSON *object, const char *key, int low, int high, int *out,
                         struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    char right[60];
    double d = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    snprintf(right, sizeof right, "a whole number from %d to %d", low, high);
    if (!(d >= low && d <= high) || d != floor(d))
        return wrong("hello", key, item, right, err);
    *out = (int)d;
    return OK;
}

/* Printable UTF-8: it goes into tables, file names and attributes as it is. */
static enum status text(const cJSON *object, const char *key, bool empty, char *out, size_t size,
                        struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    char right[60], same[4 * WORKER_TEXT];
    snprintf(right, sizeof right, "printable text of %d to %zu bytes", empty ? 0 : 1, size - 1);
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size ||
        (!empty && item->valuestring[0] == '\0'))
        return wrong("hello", key, item, right, err);
    worker_show(item->valuestring, strlen(item->valuestring), same, sizeof same);
    if (strcmp(same, item->valuestring) != 0)
        return wrong("hello", key, item, right, err);
    snprintf(out, size, "%s", item->valuestring);
    return OK;
}

static enum status triple(const cJSON *object, const char *key, bool positive, float out[3],
                          struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);
    const char *right = positive ? "a list of three numbers above 0" : "a list of three numbers";
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 3)
        return wrong("hello", key, list, right, err);
    for (int i = 0; i < 3; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);
        double d = cJSON_IsNumber(item) ? item->valuedouble : NAN;
        out[i] = (float)d;
        if (!isfinite(out[i]) || (positive && out[i] <= 0))
            return wrong("hello", key, list, right, err);
    }
    return OK;
}

static enum status read_method(const cJSON *object, const struct worker_hello *hello,
                               struct worker_method *m, struct error *err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+.";
    static const char *const taken[] = { "random", "center" };
    if (!cJSON_IsObject(object))
        return wrong("hello", "methods", object, "a list of objects", err);
    const cJSON *agnostic = cJSON_GetObjectItemCaseSensitive(object, "class_agnostic");
    TRY(text(object, "name", false, m->name, sizeof m->name, err));
    if (m->name[strspn(m->name, letters)] != '\0')
        return fail(
            err, E_DEVICE,
            "the worker's answer to 'hello': a method is called '%s'; letters, digits, '_', "
            "'-', '+' and '.' are wanted",
            m->name);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(taken[i], m->name) == 0)
            return fail(err, E_DEVICE,
                        "the worker's answer to 'hello': a method is called '%s', as a control of "
                        "evalh's own is; another name is wanted",
                        m->name);
    for (int i = 0; i < hello->method_count; i++)
        if (strcmp(hello->methods[i].name, m->name) == 0)
            return fail(err, E_DEVICE,
                        "the worker's answer to 'hello': two methods are called '%s'", m->name);
    enum status status = whole(object, "side", 1, hello->size, &m->side, err);
    if (status == OK && agnostic != NULL && !cJSON_IsBool(agnostic))
        status = wrong("hello", "class_agnostic", agnostic, "true or false", err);
    m->class_agnostic = cJSON_IsTrue(agnostic);
    if (status == OK && cJSON_GetObjectItemCaseSensitive(object, "summary") != NULL)
        status = text(object, "summary", true, m->summary, sizeof m->summary, err);
    return status == OK ? OK : fail_prefix(err, "method %s: ", m->name);
}

static enum status read_methods(const cJSON *reply, struct worker_hello *hello, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(reply, "methods"), *item;
    if (!cJSON_IsArray(list))
        return wrong("hello", "methods", list, "a list, which may be empty,", err);
    if (cJSON_GetArraySize(list) > WORKER_METHODS)
        return fail(err, E_DEVICE,
                    "the worker's answer to 'hello': %d methods; at most %d are taken",
                    cJSON_GetArraySize(list), WORKER_METHODS);
    cJSON_ArrayForEach(item, list)
    {
        TRY(read_method(item, hello, &hello->methods[hello->method_count], err));
        hello->method_count++;
    }
    return OK;
}

enum status worker_read_hello(const cJSON *reply, struct worker_hello *hello, struct error *err)
{
    int protocol = 0;
    *hello = (struct worker_hello){ .grid = WORKER_GRID };
    TRY(whole(reply, "protocol", 1, WORKER_PROTOCOL, &protocol, err));
    TRY(text(reply, "name", false, hello->name, sizeof hello->name, err));
    TRY(text(reply, "fingerprint", false, hello->fingerprint, sizeof hello->fingerprint, err));
    TRY(whole(reply, "classes", 1, 1000000, &hello->classes, err));
    TRY(whole(reply, "size", 1, 4096, &hello->size, err));
    TRY(whole(reply, "batch", 1, 4096, &hello->batch, err));
    TRY(triple(reply, "mean", false, hello->mean, err));
    TRY(triple(reply, "std", true, hello->std, err));
    if (hello->grid > hello->size)
        hello->grid = hello->size;
    if (cJSON_GetObjectItemCaseSensitive(reply, "grid") != NULL)
        TRY(whole(reply, "grid", 1, hello->size, &hello->grid, err));
    return read_methods(reply, hello, err);
}

enum status worker_read_shape(const cJSON *reply, const char *what, int n, int a, int b,
                              struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(reply, "shape"), *item;
    const int wanted[] = { n, a, b };
    int count = b > 0 ? 3 : 2, i = 0;
    char right[60];
    bool same = cJSON_IsArray(list) && cJSON_GetArraySize(list) == count;
    cJSON_ArrayForEach(item, list)
    {
        same = same && i < count && cJSON_IsNumber(item) && item->valuedouble == wanted[i];
        i++;
    }
    if (b > 0)
        snprintf(right, sizeof right, "[%d,%d,%d]", n, a, b);
    else
        snprintf(right, sizeof right, "[%d,%d]", n, a);
    return same ? OK : wrong(what, "shape", list, right, err);
}
