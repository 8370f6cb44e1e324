/* Opening the store: the folder of shards, the lock, what is already there. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "free_all.h"
#include "h5lock.h"
#include "log.h"
#include "open_file.h"
#include "store_internal.h"

/* ---- simple questions ----------------------------------------------------------------------- */

bool store_complete(const struct store *s)
{
    return s->complete;
}

size_t store_shards(const struct store *s)
{
    return s->shards;
}

size_t store_done(const struct store *s)
{
    return s->done;
}

size_t store_shard_size(const struct store *s)
{
    return s->id.shard_size;
}

const char *store_run_id(const struct store *s)
{
    return s->run_id;
}

bool store_has(const struct store *s, size_t shard)
{
    return s->have[shard];
}

void store_range(const struct store *s, size_t shard, size_t *first, size_t *count)
{
    *first = shard * s->id.shard_size;
    *count = s->id.images - *first;
    if (*count > s->id.shard_size)
        *count = s->id.shard_size;
}

/* ---- what is there -------------------------------------------------------------------------- */

/* "NAME.HOST.PID.tmp" of a process of this host that is gone. */
static bool is_stale(const char *name)
{
    char host[65] = "host", tail[100];
    gethostname(host, sizeof host - 1);
    size_t len = strlen(name);
    if (len < 4 || strcmp(name + len - 4, ".tmp") != 0)
        return false;
    snprintf(tail, sizeof tail, ".%s.", host);
    const char *at = strstr(name, tail);
    long pid = at != NULL ? strtol(at + strlen(tail), NULL, 10) : 0;
    return pid > 0 && (pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH));
}

/* Removes from a folder what `wanted` says; everything where it is NULL. */
static void sweep(const char *folder, bool (*wanted)(const char *name))
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            (wanted == NULL || wanted(e->d_name)))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

void store_remove_folder(const char *path)
{
    sweep(path, NULL);
    rmdir(path);
}

/* Computes the number of shards from their size; does not look for any yet. */
static enum status number_shards(struct store *s, struct error *err)
{
    s->shards = (s->id.images + s->id.shard_size - 1) / s->id.shard_size;
    s->have = calloc(s->shards + 1, sizeof *s->have);
    return s->have != NULL ? OK : fail(err, E_NOMEM, "out of memory for %zu shards", s->shards);
}

static void count_shards(struct store *s)
{
    char path[STORE_PATH];
    for (size_t i = 0; i < s->shards; i++) {
        store_shard_path(s, i, path);
        s->have[i] = check_file(path, "", NULL) == OK;
        s->done += s->have[i];
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Whether `path` still names the open file `fd`: a run that ends removes its lock and its
 * folder. */
static bool is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static enum status take_lock(struct store *s, struct error *err)
{
    char path[STORE_PATH];
    snprintf(path, sizeof path, "%s/lock", s->parts);
    for (int attempt = 0; attempt < 100; attempt++) {
        if (mkdir(s->parts, 0777) != 0 && errno != EEXIST)
            return fail(err, E_CONFIG, "%s: cannot make the folder of shards: %s", s->parts,
                        strerror(errno));
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 && errno == ENOENT)
            continue; /* the folder of a run that has just ended */
        if (fd < 0)
            return fail(err, E_CONFIG, "%s: cannot write: %s", path, strerror(errno));
        enum status status = store_lock(s, fd, path, err);
        if (status != OK) {
            close(fd);
            return status;
        }
        if (is_at(fd, path)) {
            s->lock = fd;
            return OK;
        }
        store_unlock(s);
        close(fd);
    }
    return fail(err, E_CONFIG, "%s: cannot write: the folder is no sooner made than gone", path);
}

/* Sets names and identity; touches no file. */
static enum status new_store(const char *output, const struct store_identity *id,
                             struct store **out, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return fail(err, E_NOMEM, "out of memory opening %s", output);
    s->id = *id;
    s->lock = -1;
    s->output = strdup(output);
    if (s->output == NULL || asprintf(&s->parts, "%s.parts", output) < 0)
        return fail(err, E_NOMEM, "out of memory opening %s", output);
    if (s->id.total == 0)
        s->id.total = s->id.images;
    if (id->config != NULL)
        store_adopt_order(s, s->id.order);
    return OK;
}

/* Starts over, unless that is what an interrupted run has begun. */
static enum status begin_anew(struct store *s, struct error *err)
{
    if (store_began_anew(s, true))
        return OK;
    sweep(s->parts, store_is_shard);
    return store_mark_anew(s, err);
}

static enum status take_hold(struct store *s, bool fresh, struct error *err)
{
    char done[STORE_PATH];
    TRY(store_check(s->output, err));
    TRY(store_make_folders(s->output, err));
    TRY(take_lock(s, err));
    sweep(s->parts, is_stale);
    snprintf(done, sizeof done, "%s.done", s->parts);
    store_remove_folder(done); /* left by a run that was killed while it cleaned up */
    TRY(fresh ? begin_anew(s, err) : store_look_around(s, true, err));
    TRY(number_shards(s, err));
    count_shards(s);
    return OK;
}

static enum status take_part(struct store *s, const char *run_id, struct error *err)
{
    if (strcmp(s->run_id, run_id) != 0)
        return fail(err, E_CONFIG,
                    "sees another config, checkpoint, data set or engine than rank 0: all ranks "
                    "need the same files and devices");
    if (access(s->parts, W_OK | X_OK) != 0)
        return fail(err, E_CONFIG, "%s: cannot write there, as rank 0 can: %s", s->parts,
                    strerror(errno));
    return number_shards(s, err);
}

/* A store that could not be opened is closed at once. */
static enum status opened(enum status status, struct store **out)
{
    if (status != OK) {
        store_close(*out);
        *out = NULL;
    }
    return status;
}

enum status store_open(const char *output, const struct store_identity *id, bool fresh,
                       struct store **out, struct error *err)
{
    enum status status = new_store(output, id, out, err);
    return opened(status == OK ? take_hold(*out, fresh, err) : status, out);
}

enum status store_look(const char *output, const struct store_identity *id, bool fresh,
                       struct store_found *found, struct error *err)
{
    struct store *s;
    *found = (struct store_found){ 0 };
    enum status status = new_store(output, id, &s, err);
    if (status == OK)
        status = store_look_at_lock(s, err);
    bool known = id->config != NULL, anew = fresh;
    if (status == OK && known && fresh)
        anew = !store_began_anew(s, false);
    else if (status == OK && known)
        status = store_look_around(s, false, err);
    if (status == OK && known)
        status = number_shards(s, err);
    if (status == OK && known && !anew) {
        count_shards(s);
        found->complete = s->complete;
        found->shards = s->shards;
        found->done = s->done;
        found->extendable = s->extendable;
    }
    store_close(s);
    return status;
}

enum status store_join(const char *output, const struct store_identity *id, const char *run_id,
                       struct store **out, struct error *err)
{
    enum status status = new_store(output, id, out, err);
    return opened(status == OK ? take_part(*out, run_id, err) : status, out);
}

void store_note(struct store *s, size_t shard)
{
    s->done += !s->have[shard];
    s->have[shard] = true;
}

enum status store_await(struct store *s, struct error *err)
{
    char path[STORE_PATH];
    for (size_t i = 0; i < s->shards; i++) {
        store_shard_path(s, i, path);
        for (int seconds = 0; access(path, F_OK) != 0; seconds++) {
            /* Opening a folder makes NFS read it again. */
            DIR *d = opendir(s->parts);
            if (d != NULL)
                closedir(d);
            if (seconds == STORE_PATIENCE)
                return fail(err, E_IO,
                            "%s: was written by another rank, and has not appeared here within %d "
                            "seconds; do all ranks see the same folder?",
                            path, STORE_PATIENCE);
            sleep(seconds > 0);
        }
    }
    return OK;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    store_unlock(s);
    if (s->lock >= 0 && s->done == 0) {
        /* There is nothing to continue, so no empty folder is left behind. */
        char path[STORE_PATH];
        snprintf(path, sizeof path, "%s/lock", s->parts);
        unlink(path);
        store_unmark(s);
        rmdir(s->parts);
    }
    if (s->lock >= 0)
        close(s->lock);
    FREE_ALL(s->have, s->parts, s->output, s);
}
