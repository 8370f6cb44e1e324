#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"
#include "quote.h"
#include "sha256.h"

/* Ten times the largest training checkpoint of SPEC 2 with optimizer and EMA. */
#define MAX_FILE ((off_t)16 << 30)

static bool begins(const uint8_t *bytes, size_t size, const char *magic, size_t n)
{
    return size >= n && memcmp(bytes, magic, n) == 0;
}

/* Recognises what a file is if it is not a checkpoint, for a helpful message. */
static enum status not_a_checkpoint(const uint8_t *bytes, size_t size, struct error *err)
{
    static const char due[] = "a .pth (torch.save) or .safetensors file is due";
    static const struct {
        const char *magic;
        size_t size;
        const char *what;
    } kinds[] = {
        { "version https://git-lfs", 23, "a git-lfs pointer, not the file itself (git lfs pull)" },
        { "<", 1, "an HTML or XML page, perhaps of a failed download" },
        { "\x1f\x8b", 2, "gzip-compressed; unpack it first" },
        { "\x89HDF\r\n\x1a\n", 8, "an HDF5 file" },
        { "\x93NUMPY", 6, "a NumPy array (.npy)" },
        { "\x80", 1, "a plain pickle that torch.save did not write" },
    };
    char shown[41];
    size_t n = 0;
    if (size > 262 && memcmp(bytes + 257, "ustar", 5) == 0)
        return fail(err, E_DATA,
                    "a tar archive: the format of torch.save before 0.1.10 (2017), or "
                    "packed files; load it with torch and save it again, or unpack it");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (begins(bytes, size, kinds[i].magic, kinds[i].size))
            return fail(err, E_DATA, "%s; %s", kinds[i].what, due);
    }
    for (; n < size && n < sizeof shown - 1 && bytes[n] >= ' ' && bytes[n] < 0x7f; n++)
        shown[n] = (char)bytes[n];
    shown[n] = '\0';
    if (n > 0 && (n == size || n == sizeof shown - 1 || bytes[n] == '\n' || bytes[n] == '\r'))
        return fail(err, E_DATA, "a text file (\"%s\"); %s", shown, due);
    return fail(err, E_DATA,
                "neither a zip archive, a torch stream nor safetensors (%zu bytes); %s", size, due);
}

static enum status read_any(struct checkpoint *c, const uint8_t *bytes, size_t size,
                            const struct checkpoint_options *o, struct error *err)
{
    if (size == 0)
        return fail(err, E_DATA, "the file is empty");
    if (begins(bytes, size, "PK\3\4", 4) || begins(bytes, size, "PK\5\6", 4))
        return pth_zip_read(c, bytes, size, o, err);
    if (pth_stream_detect(bytes, size))
        return pth_stream_read(c, bytes, size, o, err);
    /* A safetensors file begins with 8 bytes of length, the last of which is 0 in every honest
     * file, and a brace. No text has a zero byte. */
    if (size > 8 && bytes[8] == '{' && bytes[7] == 0)
        return safetensors_read(c, bytes, size, err);
    return not_a_checkpoint(bytes, size, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* Parts of a name that wrappers of a module add wherever it stands: DataParallel, torch.compile,
 * fully sharded data parallelism. */
static void strip_wrappers(char *name)
{
    static const char *const parts[] = { "module.", "_orig_mod.", "_fsdp_wrapped_module." };
    for (char *at = name; *at != '\0';) {
        size_t cut = 0;
        for (size_t i = 0; i < sizeof parts / sizeof *parts && cut == 0; i++)
            if (strncmp(at, parts[i], strlen(parts[i])) == 0)
                cut = strlen(parts[i]);
        if (cut > 0 && at[cut] != '\0') {
            memmove(at, at + cut, strlen(at + cut) + 1);
            continue;
        }
        at += strcspn(at, ".");
        at += *at == '.';
    }
}

static enum status check_finite(const struct tensor *t, struct error *err)
{
    int bad = 0;
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++)
        bad |= !isfinite(t->data[i]);
    if (!bad)
        return OK;
    while (isfinite(t->data[at]))
        at++;
    /* The index in each dimension, innermost first. */
    char index[TENSOR_MAX_DIMS * 24] = "";
    size_t rest = at;
    for (int d = t->ndim - 1; d >= 0; d--) {
        char tail[sizeof index];
        memcpy(tail, index, sizeof tail);
        snprintf(index, sizeof index, "%zu%s%.150s", rest % (size_t)t->shape[d],
                 tail[0] == '\0' ? "" : ", ", tail);
        rest /= (size_t)t->shape[d];
    }
    return fail(err, E_DATA, "tensor %s: element [%s] is %s in fp32; weights must be finite",
                quote(t->name).text, index, isnan(t->data[at]) ? "NaN" : "infinite");
}

static enum status finish(struct checkpoint *c, struct error *err)
{
    for (size_t i = 0; i < c->count; i++)
        strip_wrappers(c->tensors[i].name);
    qsort(c->tensors, c->count, sizeof *c->tensors, by_name);
    for (size_t i = 0; i + 1 < c->count; i++) {
        if (strcmp(c->tensors[i].name, c->tensors[i + 1].name) == 0)
            return fail(err, E_DATA, "two tensors are called %s", quote(c->tensors[i].name).text);
    }
    for (size_t i = 0; i < c->count; i++)
        TRY(check_finite(&c->tensors[i], err));
    return OK;
}

static const struct checkpoint_options defaults;

enum status checkpoint_parse(const char *path, const uint8_t *bytes, size_t size,
                             const struct checkpoint_options *o, struct checkpoint **out,
                             struct error *err)
{
    struct sha256 sha;
    *out = NULL;
    struct checkpoint *c = calloc(1, sizeof *c);
    if (c == NULL || (c->path = strdup(path)) == NULL) {
        free(c);
        return fail(err, E_NOMEM, "%s: no memory", path);
    }
    sha256_begin(&sha);
    sha256_add(&sha, bytes, size);
    sha256_end(&sha, c->sha256);
    enum status s = read_any(c, bytes, size, o != NULL ? o : &defaults, err);
    if (s == OK)
        s = finish(c, err);
    if (s != OK) {
        fail_prefix(err, "%s: ", path);
        checkpoint_close(c);
        return s;
    }
    *out = c;
    return OK;
}

/* Reads the whole file into memory, so that the bytes that are hashed are those that are parsed,
 * and a file that shrinks meanwhile (on a network share) is an error and not a SIGBUS. */
static enum status slurp(const char *path, int fd, uint8_t **out, size_t *size, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(err, E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(err, E_IO, "%s: %s, not a file; a .pth or .safetensors file is due", path,
                    S_ISDIR(st.st_mode) ? "a directory" : "a device or pipe");
    if (st.st_size > MAX_FILE)
        return fail(err, E_DATA, "%s: %jd bytes; a checkpoint has at most %jd", path,
                    (intmax_t)st.st_size, (intmax_t)MAX_FILE);
    *size = (size_t)st.st_size;
    *out = malloc(*size + 1);
    if (*out == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its %zu bytes", path, *size);
    for (size_t at = 0; at < *size;) {
        ssize_t n = read(fd, *out + at, *size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, E_IO, "%s: %s", path, strerror(errno));
        if (n == 0)
            return fail(err, E_IO, "%s: it ended after %zu of %zu bytes while it was read", path,
                        at, *size);
        at += (size_t)n;
    }
    return OK;
}

enum status checkpoint_open_as(const char *path, const struct checkpoint_options *o,
                               struct checkpoint **out, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block us */
    if (fd < 0)
        return fail(err, E_IO, "%s: %s", path, strerror(errno));
    enum status s = slurp(path, fd, &bytes, &size, err);
    close(fd);
    if (s == OK)
        s = checkpoint_parse(path, bytes, size, o, out, err);
    free(bytes);
    return s;
}

enum status checkpoint_open(const char *path, struct checkpoint **out, struct error *err)
{
    return checkpoint_open_as(path, NULL, out, err);
}

void checkpoint_close(struct checkpoint *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; c->tensors != NULL && i < c->count; i++) {
        free(c->tensors[i].name);
        free(c->tensors[i].data);
    }
    free(c->tensors);
    notes_free(&c->notes);
    free(c->path);
    free(c);
}

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name)
{
    /* bsearch passes the key through; only its name is used. */
    struct tensor key = { .name = (char *)(uintptr_t)name };
    return bsearch(&key, c->tensors, c->count, sizeof *c->tensors, by_name);
}
