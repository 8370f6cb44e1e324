/* .pth since PyTorch 1.6: a zip archive of PREFIX/data.pkl, PREFIX/data/KEY for each storage,
 * PREFIX/version and, since 2.1, PREFIX/byteorder. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "pth.h"
#include "quote.h"

#define MAX_PICKLE ((uint64_t)64 << 20)
/* Deflate cannot do better than 1032:1; a member that claims more lies about its size. */
#define MAX_RATIO 1040

struct archive {
    zip_t *zip;
    char *prefix;     /* "name/" */
    uint8_t *storage; /* the latest one, or NULL */
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static enum status read_all(struct archive *a, zip_uint64_t index, const char *name, uint8_t *out,
                            uint64_t size, struct error *err)
{
    zip_file_t *f = zip_fopen_index(a->zip, index, 0);
    uint64_t at = 0;
    uint8_t beyond;
    zip_int64_t n;
    if (f == NULL)
        return fail(err, E_DATA, "zip member %s: %s", quote(name).text, zip_strerror(a->zip));
    while (at < size && (n = zip_fread(f, out + at, size - at)) > 0)
        at += (uint64_t)n;
    /* One more read is needed, since libzip compares the checksum at the end of the member. */
    n = at == size ? zip_fread(f, &beyond, 1) : -1;
    enum status s = OK;
    if (n != 0)
        s = fail(err, E_DATA, "zip member %s is damaged: %s after %" PRIu64 " of %" PRIu64 " bytes",
                 quote(name).text, n > 0 ? "it goes on" : zip_file_strerror(f), at, size);
    zip_fclose(f);
    return s;
}

/* A member's bytes, for the caller to free; its size must be at most `most`. */
static enum status read_member(struct archive *a, const char *name, uint64_t most, uint8_t **out,
                               uint64_t *size, struct error *err)
{
    zip_stat_t st;
    zip_int64_t index = zip_name_locate(a->zip, name, 0);
    if (index < 0 || zip_stat_index(a->zip, (zip_uint64_t)index, 0, &st) != 0)
        return fail(err, E_DATA, "the zip archive has no member %s", quote(name).text);
    if ((st.valid & (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) != (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE))
        return fail(err, E_DATA, "zip member %s states no size", quote(name).text);
    if (st.size > most)
        return fail(err, E_DATA,
                    "zip member %s claims %" PRIu64 " bytes; %" PRIu64 " are "
                    "allowed",
                    quote(name).text, st.size, most);
    if (st.size / MAX_RATIO > st.comp_size)
        return fail(err, E_DATA,
                    "zip member %s claims %" PRIu64 " bytes from %" PRIu64
                    " compressed ones, which no honest archive does",
                    quote(name).text, st.size, st.comp_size);
    *out = malloc(st.size == 0 ? 1 : st.size);
    if (*out == NULL)
        return fail(err, E_NOMEM, "no memory for zip member %s (%" PRIu64 " bytes)",
                    quote(name).text, st.size);
    *size = st.size;
    enum status s = read_all(a, (zip_uint64_t)index, name, *out, st.size, err);
    if (s != OK) {
        free(*out);
        *out = NULL;
    }
    return s;
}

static enum status fetch(void *self, const struct storage *s, const uint8_t **bytes,
                         struct error *err)
{
    struct archive *a = self;
    char name[1024];
    uint64_t size, due = (uint64_t)s->elements * dtype_size(s->dtype); /* checked: pth.c */
    free(a->storage);
    a->storage = NULL;
    if (s->key.size == 0 || s->key.size > 100 || memchr(s->key.at, '\0', s->key.size) != NULL)
        return fail(err, E_DATA, "its storage's key is %zu bytes long or holds a NUL", s->key.size);
    snprintf(name, sizeof name, "%sdata/%.*s", a->prefix, (int)s->key.size, s->key.at);
    TRY(read_member(a, name, due, &a->storage, &size, err));
    if (size != due)
        return fail(err, E_DATA,
                    "zip member %s has %" PRIu64 " bytes; %" PRId64 " elements of %s need %" PRIu64,
                    quote(name).text, size, s->elements, dtype_name(s->dtype), due);
    *bytes = a->storage;
    return OK;
}

/* The one member PREFIX/data.pkl; the prefix may be empty. */
static enum status find_prefix(struct archive *a, struct error *err)
{
    const char *const none = "a zip archive without a data.pkl member";
    zip_int64_t count = zip_get_num_entries(a->zip, 0);
    const char *found = NULL;
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        if (name == NULL)
            continue;
        if (ends_with(name, "/constants.pkl") || strstr(name, "/code/__torch__") != NULL)
            return fail(err, E_DATA,
                        "a TorchScript archive (torch.jit.save, member %s), which "
                        "holds a program; save model.state_dict() with torch.save instead",
                        quote(name).text);
        if (ends_with(name, ".npy"))
            return fail(err, E_DATA,
                        "a NumPy archive (.npz), not a checkpoint: .pth or "
                        ".safetensors is due");
        if (strcmp(name, "data.pkl") != 0 && !ends_with(name, "/data.pkl"))
            continue;
        if (found != NULL)
            return fail(err, E_DATA, "the zip archive has two data.pkl members: %s, %s",
                        quote(found).text, quote(name).text);
        found = name;
    }
    if (found == NULL)
        return fail(err, E_DATA, "%s (%" PRId64 " members), so not written by torch.save", none,
                    count);
    if (strlen(found) > MAX_NAME)
        return fail(err, E_DATA,
                    "zip member %s has a name of %zu bytes; at most %d are "
                    "read",
                    quote(found).text, strlen(found), MAX_NAME);
    a->prefix = strndup(found, strlen(found) - strlen("data.pkl"));
    return a->prefix != NULL ? OK : fail(err, E_NOMEM, "no memory for a name");
}

static enum status read_byteorder(struct archive *a, bool *swap, struct error *err)
{
    char name[1024];
    uint8_t *text;
    uint64_t size;
    snprintf(name, sizeof name, "%sbyteorder", a->prefix);
    *swap = false;
    if (zip_name_locate(a->zip, name, 0) < 0)
        return OK; /* before PyTorch 2.1; as torch does, taken as little-endian */
    TRY(read_member(a, name, 100, &text, &size, err));
    struct bytes order = { (const char *)text, (size_t)size };
    *swap = bytes_equal(order, "big");
    enum status s = OK;
    if (!*swap && !bytes_equal(order, "little"))
        s = fail(err, E_DATA, "zip member %s says neither little nor big", quote(name).text);
    free(text);
    return s;
}

static enum status read_archive(struct checkpoint *c, struct archive *a, size_t file_size,
                                const struct checkpoint_options *o, struct error *err)
{
    struct storage_source source = { .fetch = fetch, .self = a };
    struct heap heap = { 0 };
    struct value *root;
    char name[1024];
    uint8_t *pickle;
    uint64_t size;
    size_t used;
    TRY(find_prefix(a, err));
    TRY(read_byteorder(a, &source.swap, err));
    snprintf(name, sizeof name, "%sdata.pkl", a->prefix);
    TRY(read_member(a, name, MAX_PICKLE, &pickle, &size, err));
    enum status s = pickle_read(&heap, "data.pkl", pickle, (size_t)size, &root, &used, err);
    if (s == OK)
        s = pth_load(c, root, file_size, o, &source, err);
    heap_free(&heap);
    free(pickle);
    return s;
}

enum status pth_zip_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                         const struct checkpoint_options *o, struct error *err)
{
    struct archive a = { 0 };
    zip_error_t ze;
    zip_error_init(&ze);
    c->format = "pth (zip)";
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &ze);
    a.zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &ze);
    enum status s;
    if (a.zip == NULL) {
        s = fail(err, E_DATA, "begins like a zip archive (.pth) but is truncated or damaged: %s",
                 zip_error_strerror(&ze));
        zip_source_free(source);
    } else {
        s = read_archive(c, &a, size, o, err);
        zip_discard(a.zip);
    }
    zip_error_fini(&ze);
    free(a.prefix);
    free(a.storage);
    return s;
}
