#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_list.h"
#include "profile.h"
#include "sizes.h"

#define BACKEND_NAME(name, twice) #name,
static const char *const names[] = { BACKEND_LIST(BACKEND_NAME) NULL };
#undef BACKEND_NAME

#define BACKEND_DOUBLE(name, twice) #twice,
static const char *const double_names[] = { BACKEND_LIST(BACKEND_DOUBLE) NULL };
#undef BACKEND_DOUBLE

#define BACKEND_OPEN(name, twice) open_##name,
static backend_open_fn *const openers[] = { BACKEND_LIST(BACKEND_OPEN) NULL };
#undef BACKEND_OPEN

const char *const *backend_names(void)
{
    return names;
}

static size_t find_name(const char *name)
{
    size_t i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0)
        i++;
    return i;
}

const char *backend_double_name(const char *name)
{
    return double_names[find_name(name)];
}

bool backend_known(const char *name)
{
    size_t i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0)
        i++;
    return names[i] != NULL;
}

/* The first slot that a backend left empty, or NULL. */
static const char *empty_slot(const struct backend *be)
{
#define CHECK_SLOT(name, args)                                                                     \
    if (be->op.name == NULL)                                                                       \
        return #name;
    OP_LIST(CHECK_SLOT)
#undef CHECK_SLOT
    if (be->op.weight_new == NULL || be->op.weight_free == NULL)
        return "weight_new, weight_free";
    if (be->alloc == NULL || be->free == NULL || be->upload == NULL || be->download == NULL)
        return "alloc, free, upload, download";
    if (be->sync == NULL || be->destroy == NULL)
        return "sync, destroy";
    return NULL;
}

static enum status unknown_name(const char *name, struct error *err)
{
    char list[256] = "";
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    return fail(err, E_CONFIG, "unknown backend '%s': this build has %s", name, list);
}

/* A backend that was opened: takes its name, and refuses an empty slot. */
static enum status settle(struct backend *be, const char *name, struct backend **out,
                          struct error *err)
{
    be->name = name;
    be->failed.code = OK;
    const char *slot = empty_slot(be);
    if (slot != NULL) {
        enum status s = fail(err, E_DEVICE, "backend '%s' lacks the operation '%s'", name, slot);
        backend_close(be);
        return s;
    }
    *out = be;
    return OK;
}

enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out, struct error *err)
{
    const struct backend_options defaults = { .simd = "" };
    *out = NULL;
    size_t i = find_name(name);
    if (names[i] == NULL)
        return unknown_name(name, err);

    struct backend *be = NULL;
    TRY(openers[i](options != NULL ? options : &defaults, &be, err));
    return settle(be, names[i], out, err);
}

/* The name of the backend whose arrays are float. */
static const char *single_name(const char *name)
{
    size_t i = 0;
    while (strcmp(double_names[i], name) != 0 || strcmp(names[i], name) == 0)
        i++;
    return names[i];
}

enum status backend_single(struct backend *be, struct error *err)
{
    struct backend *sister = NULL;
    if (be->single != NULL)
        return OK;
    if (be->open_single == NULL)
        return fail(err, E_CONFIG, "backend '%s' has float arrays itself", be->name);
    TRY(be->open_single(be, &sister, err));
    return settle(sister, single_name(be->name), &be->single, err);
}

enum status be_sync(struct backend *be, struct error *err)
{
    enum status s = be->sync(be, err);
    if (be->single == NULL)
        return s;
    if (s == OK)
        return be->single->sync(be->single, err);
    be->single->sync(be->single, NULL); /* of two errors the first is told */
    return s;
}

void backend_close(struct backend *be)
{
    if (be == NULL)
        return;
    backend_close(be->single);
    profile_end(be);
    if (be->destroy != NULL)
        be->destroy(be);
    else
        free(be);
}

void be_repeat(struct backend *be, const struct pass_key *key, pass_fn *pass, void *context)
{
    if (be->repeat == NULL || be->profile != NULL)
        pass(context);
    else
        be->repeat(be, key, pass, context);
}

/* sync() hands the sticky error over; it is put back for the caller's own sync to find. */
void be_wait(struct backend *be)
{
    struct error err = { .code = OK };
    if (be->sync(be, &err) != OK)
        be->failed = err;
}

const char *be_would_fit(struct backend *be, size_t bytes, int count, char *text, size_t size)
{
    size_t available = 0, total = 0;
    if (be->memory != NULL)
        be->memory(be, &available, &total);
    double fit = bytes > 0 ? (double)available / (double)bytes * count : 0;
    if (total == 0)
        snprintf(text, size, "a smaller compute.batch would fit");
    else if (fit < 1)
        snprintf(text, size, "not even one image would fit into the %.0f of %.0f MiB that are free",
                 (double)available / 1048576.0, (double)total / 1048576.0);
    else
        snprintf(text, size, "compute.batch = %d would fit into the %.0f of %.0f MiB that are free",
                 fit < count ? (int)fit : count, (double)available / 1048576.0,
                 (double)total / 1048576.0);
    return text;
}

/* Conversions go through host blocks of this many elements, so that none of them can fail. */
enum { BLOCK = 1024 };

void be_write_floats(struct backend *be, real *to, const float *host, size_t n)
{
    if (be->real_size == sizeof(float)) {
        be->upload(be, to, host, n * sizeof(float));
        return;
    }
    double block[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        for (size_t i = 0; i < count; i++)
            block[i] = host[at + i];
        be->upload(be, be_at(be, to, at), block, count * sizeof(double));
    }
}

real *be_upload_floats(struct backend *be, const float *host, size_t n)
{
    size_t bytes;
    if (!size_mul(n, be->real_size, &bytes))
        return NULL;
    real *p = be->alloc(be, bytes);
    if (p != NULL)
        be_write_floats(be, p, host, n);
    return p;
}

/* The floats are downloaded at once into the upper half of the doubles' memory: double i then only
 * overwrites floats that were converted already. */
void be_read_doubles(struct backend *be, double *host, const real *from, size_t n)
{
    if (be->real_size == sizeof(double)) {
        be->download(be, host, from, n * sizeof(double));
        be_wait(be);
        return;
    }
    const char *floats = (const char *)host + n * sizeof(float);
    be->download(be, (char *)host + n * sizeof(float), from, n * sizeof(float));
    be_wait(be);
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, floats + i * sizeof x, sizeof x);
        host[i] = x;
    }
}

void be_read_floats(struct backend *be, float *host, const real *from, size_t n)
{
    if (be->real_size == sizeof(float)) {
        be->download(be, host, from, n * sizeof(float));
        be_wait(be);
        return;
    }
    double block[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? n - at : BLOCK;
        be->download(be, block, be_at(be, from, at), count * sizeof(double));
        be_wait(be);
        for (size_t i = 0; i < count; i++)
            host[at + i] = (float)block[i];
    }
}
