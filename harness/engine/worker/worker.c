#include "worker.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sizes.h"

enum { ALIGN = 64 /* bytes: offsets are multiples of it */ };

/* NaNs that arithmetic does not produce: values that still hold them were not written. */
#define UNWRITTEN 0x7fc0dea1u

/* Sends `request`, which is deleted here; *reply is its answer, with ok = true. */
static enum status ask(struct worker *w, cJSON *request, const char *what, cJSON **reply,
                       struct error *err)
{
    const char *line = NULL;
    *reply = NULL;
    cJSON *id = cJSON_AddNumberToObject(request, "id", (double)++w->id);
    char *text = id != NULL ? cJSON_PrintUnformatted(request) : NULL;
    cJSON_Delete(request);
    if (text == NULL)
        return fail(err, E_NOMEM, "out of memory");
    enum status status = worker_ask(w->process, text, what, &line, err);
    cJSON_free(text);
    TRY(status);
    status = worker_read_reply(line, w->id, what, reply, err);
    return status == OK ? OK : worker_blame(w->process, err);
}

static cJSON *request_of(const char *op)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", op);
    return request;
}

static enum status greet(struct worker *w, int threads, int device, struct error *err)
{
    cJSON *request = request_of("hello"), *reply;
    cJSON_AddNumberToObject(request, "protocol", WORKER_PROTOCOL);
    cJSON_AddStringToObject(request, "evalh", EVALH_VERSION);
    cJSON_AddNumberToObject(request, "threads", threads);
    cJSON_AddNumberToObject(request, "device", device);
    TRY(ask(w, request, "hello", &reply, err));
    enum status status = worker_read_hello(reply, &w->hello, err);
    cJSON_Delete(reply);
    return status == OK ? OK : worker_blame(w->process, err);
}

enum status worker_open(const struct worker_start *start, int threads, int device,
                        struct worker **out, struct error *err)
{
    struct worker *w = calloc(1, sizeof *w);
    *out = NULL;
    if (w == NULL)
        return fail(err, E_NOMEM, "out of memory");
    w->fd = -1;
    char version[40], thread[40], place[40];
    snprintf(version, sizeof version, "EVALH_WORKER=%d", WORKER_PROTOCOL);
    snprintf(thread, sizeof thread, "EVALH_THREADS=%d", threads);
    snprintf(place, sizeof place, "EVALH_DEVICE=%d", device);
    /* The worker and we take turns on the same cores: spinning threads would take them from each
     * other. */
    static const char passive[] = "OMP_WAIT_POLICY=passive";
    bool theirs = getenv("OMP_WAIT_POLICY") != NULL;
    const char *const environment[] = { version, thread, place, theirs ? NULL : passive, NULL };
    struct worker_start with = *start;
    with.environment = environment;
    enum status status = worker_spawn(&with, &w->process, err);
    if (status == OK)
        status = greet(w, threads, device, err);
    return OPENED(status, w, worker_close, out);
}

void worker_close(struct worker *w)
{
    char farewell[60];
    if (w == NULL)
        return;
    snprintf(farewell, sizeof farewell, "{\"op\":\"quit\",\"id\":%ld}", w->id + 1);
    worker_end(w->process, farewell);
    if (w->memory != NULL)
        munmap(w->memory, w->bytes);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

/* ---- memory -------------------------------------------------------------------------------- */

static bool count_bytes(struct worker *w, size_t n)
{
    const struct worker_hello *h = &w->hello;
    size_t answer = (size_t)h->classes, images, answers;
    for (int i = 0; i < h->method_count; i++) {
        size_t side = (size_t)h->methods[i].side;
        answer = side * side > answer ? side * side : answer;
    }
    size_t pixels = (size_t)h->size * (size_t)h->size;
    if (!size_mul(n * 3 * sizeof(float), pixels, &images) ||
        !size_mul(n * sizeof(float), answer, &answers))
        return false;
    w->answers = round_up(images, ALIGN);
    return size_add(w->answers, round_up(answers, ALIGN), &w->bytes);
}

/* Anonymous memory, which vanishes with the last process that maps it. Its size is sealed: a worker
 * that shortened it would end us with SIGBUS. */
static enum status make_memory(struct worker *w, struct error *err)
{
    double mib = (double)w->bytes / 1048576.0;
    w->fd = memfd_create("evalh-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (w->fd < 0)
        return fail(err, E_IO, "no shared memory for the worker: %s", strerror(errno));
    int error = posix_fallocate(w->fd, 0, (off_t)w->bytes);
    if (error != 0)
        return fail(
            err, E_NOMEM,
            "no %.1f MiB of shared memory for %d images at once: %s; a smaller compute.batch "
            "would fit",
            mib, w->batch, strerror(error));
    if (fcntl(w->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail(err, E_IO, "cannot seal the worker's memory: %s", strerror(errno));
    void *memory = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    if (memory == MAP_FAILED)
        return fail(err, E_NOMEM, "cannot map %.1f MiB of shared memory: %s", mib, strerror(errno));
    w->memory = memory;
    return OK;
}

enum status worker_attach(struct worker *w, int batch, struct error *err)
{
    char path[60];
    cJSON *reply;
    w->batch = batch;
    if (!count_bytes(w, (size_t)batch))
        return fail(err, E_NOMEM, "%d images of the worker are more than memory can hold", batch);
    TRY(make_memory(w, err));
    cJSON *request = request_of("memory");
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), w->fd);
    cJSON_AddStringToObject(request, "path", path);
    cJSON_AddNumberToObject(request, "bytes", (double)w->bytes);
    TRY(ask(w, request, "memory", &reply, err));
    cJSON_Delete(reply);
    return OK;
}

float *worker_images(const struct worker *w)
{
    return (float *)w->memory;
}

/* ---- asking -------------------------------------------------------------------------------- */

static float *answers_of(const struct worker *w)
{
    return (float *)(w->memory + w->answers);
}

static void mark_unwritten(struct worker *w, size_t count)
{
    uint32_t *at = (uint32_t *)answers_of(w);
    for (size_t i = 0; i < count; i++)
        at[i] = UNWRITTEN;
}

/* of: "logits", or "maps of METHOD"; `each`: values per image. */
static enum status check_finite(struct worker *w, const char *of, int n, size_t each,
                                struct error *err)
{
    const float *values = answers_of(w);
    for (size_t i = 0; i < (size_t)n * each; i++) {
        uint32_t bits;
        if (isfinite(values[i]))
            continue;
        memcpy(&bits, &values[i], sizeof bits);
        fail(err, E_DEVICE, "the worker's %s: value %zu of image %zu of %d %s", of, i % each + 1,
             i / each + 1, n,
             bits == UNWRITTEN  ? "was not written"
             : isnan(values[i]) ? "is NaN"
                                : "is infinite");
        return worker_blame(w->process, err);
    }
    return OK;
}

/* Adds the keys that both requests share, asks, and checks the answer [n, a] or [n, a, b]. */
static enum status compute(struct worker *w, cJSON *request, const char *what, const char *of,
                           const char *key, int n, int a, int b, struct error *err)
{
    size_t each = (size_t)a * (size_t)(b > 0 ? b : 1);
    cJSON *reply;
    cJSON_AddNumberToObject(request, "n", n);
    cJSON_AddNumberToObject(request, "images", 0);
    cJSON_AddNumberToObject(request, key, (double)w->answers);
    mark_unwritten(w, (size_t)n * each);
    TRY(ask(w, request, what, &reply, err));
    enum status status = worker_read_shape(reply, what, n, a, b, err);
    cJSON_Delete(reply);
    return status == OK ? check_finite(w, of, n, each, err) : worker_blame(w->process, err);
}

enum status worker_classify(struct worker *w, int n, const float **logits, struct error *err)
{
    *logits = answers_of(w);
    return compute(w, request_of("classify"), "classify", "logits", "logits", n, w->hello.classes,
                   0, err);
}

enum status worker_explain(struct worker *w, int method, int n, const int32_t *classes,
                           const float **maps, struct error *err)
{
    const struct worker_method *m = &w->hello.methods[method];
    char of[WORKER_NAME + 20], what[WORKER_NAME + 20];
    cJSON *request = request_of("explain");
    cJSON_AddStringToObject(request, "method", m->name);
    cJSON_AddItemToObject(request, "classes", cJSON_CreateIntArray(classes, n));
    snprintf(of, sizeof of, "maps of %s", m->name);
    snprintf(what, sizeof what, "explain %s", m->name);
    *maps = answers_of(w);
    return compute(w, request, what, of, "maps", n, m->side, m->side, err);
}
