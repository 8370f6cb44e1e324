#include "tar_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "files.h"

#define BLOCK 512 /* tar's unit; also how much is read at a time, so that data are jumped over */
#define PART 65536
#define MAX_NAME 1000

struct walk {
    struct archive *archive;
    const char *path;
    uint64_t size;            /* of the file */
    char shown[MAX_NAME / 2]; /* the last member's name, for messages */
    uint64_t end;             /* of the last member with data, with its padding; 0: none */
    struct tar_members *out;
};

static uint64_t pad(uint64_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* Compressed files by their first bytes, and what unpacks them. */
static enum status check_magic(int fd, const char *path, struct error *err)
{
    static const struct {
        const char *magic, *what, *how;
        size_t bytes;
    } known[] = {
        { "\x1f\x8b", "gzip", "gunzip", 2 },
        { "BZh", "bzip2", "bunzip2", 3 },
        { "\xfd"
          "7zXZ",
          "xz", "unxz", 5 },
        { "\x28\xb5\x2f\xfd", "zstd", "unzstd", 4 },
        { "\x04\x22\x4d\x18", "lz4", "unlz4", 4 },
        { "PK\x03\x04", "zip", "unzip", 4 },
    };
    char first[8] = "";
    ssize_t n = pread(fd, first, sizeof first, 0);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= (ssize_t)known[i].bytes && memcmp(first, known[i].magic, known[i].bytes) == 0)
            return fail(err, E_CONFIG,
                        "%s: compressed (%s); images are read one by one, which wants the tar as "
                        "it is: unpack the outer layer once with %s",
                        path, known[i].what, known[i].how);
    return OK;
}

/* A name for messages: cut to size, control characters replaced. */
static void show(struct walk *w, const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0' && n < sizeof w->shown - 1; n++)
        w->shown[n] = (unsigned char)name[n] < 0x20 || name[n] == 0x7f ? '?' : name[n];
    w->shown[n] = '\0';
}

static bool has_dotdot(const char *name)
{
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

/* Nothing is ever unpacked, but names become the ids of results and keys of lists. */
static const char *check_name(const char *name)
{
    if (name[0] == '/')
        return "has an absolute name; a relative one is wanted";
    if (has_dotdot(name))
        return "has '..' in its name; a plain relative name is wanted";
    if (strlen(name) > MAX_NAME)
        return "has a name of over 1000 bytes";
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return "has control characters in its name";
    return NULL;
}

/* The contents as one run of bytes in the file. libarchive has consumed all of the member's headers
 * (pax, GNU long names) when it returns it, so its position is where the data start. */
static const char *check_extent(const struct walk *w, struct archive_entry *e, uint64_t offset)
{
    int64_t size = archive_entry_size(e);
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) != NULL)
        return "is a link or a device; a regular file is wanted";
    if (archive_entry_sparse_count(e) > 0)
        return "is sparse; a tar made without --sparse is wanted";
    if (!archive_entry_size_is_set(e) || size < 0)
        return "has no size";
    if (offset > w->size || (uint64_t)size > w->size - offset)
        return "reaches beyond the end of the file, which is cut off or damaged";
    return NULL;
}

/* The folder that a member is, or lies in. */
static enum status take_folder(struct walk *w, const char *name, bool is_folder, struct error *err)
{
    struct class_folders *folders = &w->out->folders;
    const char *slash = strrchr(name, '/');
    size_t length = is_folder ? strlen(name) : slash != NULL ? (size_t)(slash - name) : 0;
    while (length > 0 && name[length - 1] == '/')
        length--;
    w->out->folder_members += is_folder;
    if (length == 0 || check_name(name) != NULL)
        return OK;
    char *folder = strndup(name, length);
    if (folder != NULL)
        path_tidy(folder);
    if (folder != NULL && folders->count > 0 &&
        strcmp(folders->items[folders->count - 1].name, folder) == 0) {
        free(folder);
        return OK;
    }
    return class_folders_add(folders, folder, 0, err);
}

static enum status take_member(struct walk *w, struct archive_entry *e, struct error *err)
{
    const char *name = archive_entry_pathname(e), *wrong = NULL;
    uint64_t offset = (uint64_t)archive_filter_bytes(w->archive, 0);
    if (name == NULL)
        name = archive_entry_pathname_utf8(e);
    if (name == NULL)
        name = "";
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    show(w, name);
    w->end = 0;
    const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
    TRY(take_folder(w, name, archive_entry_filetype(e) == AE_IFDIR, err));
    /* Hidden files are left out as in folders: "._x.JPEG" is what macOS adds. */
    if (base[0] == '.' || !has_image_suffix(base) || archive_entry_filetype(e) == AE_IFDIR) {
        w->out->others++;
        if (archive_entry_filetype(e) == AE_IFREG && archive_entry_size(e) > 0 &&
            (offset > w->size || (uint64_t)archive_entry_size(e) > w->size - offset))
            wrong = "reaches beyond the end of the file, which is cut off or damaged";
        return wrong == NULL ? OK : fail(err, E_CONFIG, "%s: '%s' %s", w->path, w->shown, wrong);
    }
    wrong = check_name(name);
    if (wrong == NULL)
        wrong = check_extent(w, e, offset);
    if (wrong != NULL)
        return fail(err, E_CONFIG, "%s: '%s' %s", w->path, w->shown, wrong);
    uint64_t size = (uint64_t)archive_entry_size(e);
    TRY(image_list_add(&w->out->images, strdup(name), -1, size, err));
    w->out->images.items[w->out->images.count - 1].offset = offset;
    w->end = offset + pad(size);
    return OK;
}

/* The next header starts where the last image ends: what proves that an image is what lies between
 * its offset and its size. */
static enum status check_end(const struct walk *w, struct error *err)
{
    uint64_t at = (uint64_t)archive_read_header_position(w->archive);
    if (w->end == 0 || at == w->end)
        return OK;
    return fail(err, E_CONFIG,
                "%s: '%s' is not stored in one piece (%llu bytes to the next header, not %llu); a "
                "plain tar is wanted",
                w->path, w->shown, (unsigned long long)at, (unsigned long long)w->end);
}

/* Behind the end mark are zeros, to the end of the file. */
static enum status check_rest(const struct walk *w, int fd, off_t mark, struct error *err)
{
    uint8_t *part = malloc(PART);
    enum status status = part != NULL ? OK : fail(err, E_NOMEM, "%s: no memory to read", w->path);
    off_t at = mark;
    for (ssize_t n = 1; status == OK && n != 0; at += n > 0 ? n : 0) {
        n = pread(fd, part, PART, at);
        if (n < 0 && errno != EINTR)
            status = fail(err, E_CONFIG, "%s: cannot read: %s", w->path, strerror(errno));
        ssize_t zeros = 0;
        while (zeros < n && part[zeros] == 0)
            zeros++;
        if (zeros < n)
            status = fail(err, E_CONFIG,
                          "%s: its end mark lies at byte %lld, after '%s', but more follows at "
                          "byte %lld: an incomplete download, or several archives in one file; one "
                          "whole tar is wanted",
                          w->path, (long long)mark, w->shown, (long long)(at + zeros));
    }
    free(part);
    return status;
}

/* Two blocks of zeros end a tar; one will do, as for tar itself. */
static enum status check_last(const struct walk *w, int fd, struct error *err)
{
    static const char zeros[BLOCK];
    char block[BLOCK];
    off_t at = (off_t)archive_read_header_position(w->archive);
    if (pread(fd, block, BLOCK, at) == BLOCK && memcmp(block, zeros, BLOCK) == 0)
        return check_rest(w, fd, at, err);
    return fail(err, E_CONFIG,
                "%s: ends after '%s' without tar's end mark: cut off; is the download complete?",
                w->path, w->shown);
}

static enum status walk(struct walk *w, int fd, struct error *err)
{
    struct archive_entry *e;
    int rc = archive_read_support_format_tar(w->archive);
    if (rc == ARCHIVE_OK)
        rc = archive_read_open_fd(w->archive, fd, BLOCK);
    while (rc == ARCHIVE_OK) {
        rc = archive_read_next_header(w->archive, &e);
        if (rc == ARCHIVE_EOF)
            break;
        /* A warning: some attribute, such as a name's character set, that is not ours to judge. */
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            break;
        TRY(check_end(w, err));
        TRY(take_member(w, e, err));
        rc = ARCHIVE_OK;
    }
    if (rc == ARCHIVE_EOF) {
        TRY(check_end(w, err));
        return check_last(w, fd, err);
    }
    const char *why = archive_error_string(w->archive);
    if (w->shown[0] == '\0')
        return fail(err, E_CONFIG, "%s: not a tar: %s; ILSVRC2012_img_val.tar is wanted", w->path,
                    why != NULL ? why : "unknown");
    return fail(err, E_CONFIG, "%s: damaged after '%s': %s", w->path, w->shown,
                why != NULL ? why : "unknown");
}

enum status tar_index(int fd, const char *path, uint64_t size, struct tar_members *out,
                      struct error *err)
{
    struct walk w = { .path = path, .size = size, .out = out };
    *out = (struct tar_members){ 0 };
    TRY(check_magic(fd, path, err));
    if (size < BLOCK)
        return fail(err, E_CONFIG, "%s: %llu bytes are too few for a tar", path,
                    (unsigned long long)size);
    w.archive = archive_read_new();
    if (w.archive == NULL)
        return fail(err, E_NOMEM, "%s: no memory to read a tar", path);
    enum status status = walk(&w, fd, err);
    archive_read_free(w.archive);
    return status;
}

void tar_members_free(struct tar_members *m)
{
    image_list_free(&m->images);
    class_folders_free(&m->folders);
}
