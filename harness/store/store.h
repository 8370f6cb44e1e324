/* The result store: shards that exist whole or not at all, and their merge into one file.
 *
 * A shard holds a block of images and is the unit of work and of crash recovery: it is written
 * under a temporary name (host, pid), synced, renamed, its folder synced. Every shard says which
 * run it belongs to, so results of another config, checkpoint or data set are never mixed in.
 *
 *     OUTPUT.parts/shard-000012.h5   rows of all columns, identity as attributes
 *     OUTPUT.parts/shard-000012-7.h5 the same, cut short to 7 rows by run.limit
 *     OUTPUT                         schema 1, once every shard is there; the parts are then
 * removed
 *
 * A run works through its images in some order, and run.limit takes the first ones; a longer run in
 * the same order continues what a shorter one left, whether shards or an OUTPUT. The rows of OUTPUT
 * are in the data set's own order, whatever the order of work. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "records.h"

/* Something that a run works on, and an attribute that identifies it. */
struct store_source {
    const char *name, *text; /* "checkpoint_sha256", 64 digits */
    const char *noun;        /* what it identifies, for messages: "checkpoint" */
};
enum { STORE_SOURCES = 80 };

/* What two runs must have in common to share shards. Texts are borrowed until store_close. */
struct store_identity {
    const struct config *config;
    struct store_source source[STORE_SOURCES];
    int source_count;
    const char *device; /* of the engine that computes; engines round differently */
    size_t images, shard_size;
    size_t total;            /* images of the whole data set; 0: `images` */
    const char *order;       /* "natural" or NULL: the data set's own; else its name (subset.h) */
    const char *contents;    /* digest of a sample of the data set's contents; NULL or "": none */
    int64_t newest;          /* when its last file was written, in seconds since 1970; 0: unknown */
    const char *newest_name; /* of an image in that file */
};

struct store;

/* Locks OUTPUT and its parts against other runs. Continues with existing shards, in their size.
 * E_CONFIG: they belong to another run (what differs is said), another run is at work, or the
 * folder cannot be written. With `fresh` shards that are there are removed, unless an interrupted
 * run with `fresh` and of the same identity left them, and OUTPUT is replaced once the run is
 * done. */
enum status store_open(const char *output, const struct store_identity *, bool fresh,
                       struct store **out, struct error *err);
void store_close(struct store *); /* accepts NULL */

struct store_found {
    bool complete;       /* OUTPUT exists and belongs to this run */
    size_t shards, done; /* of them are there; 0 where it starts over */
    size_t extendable;   /* images of an OUTPUT that is a shorter run's */
};
/* What store_open would find, without touching anything: E_CONFIG where it would refuse. An
 * identity whose config is NULL is not known yet: only the lock is looked at. */
enum status store_look(const char *output, const struct store_identity *, bool fresh,
                       struct store_found *found, struct error *err);

/* For the other processes of a run whose first one holds the store open: `id` as theirs, with the
 * leader's shard size, and its store_run_id. Such a store writes shards and does nothing else.
 * E_CONFIG where this process sees another config, checkpoint or data set. */
enum status store_join(const char *output, const struct store_identity *id, const char *run_id,
                       struct store **out, struct error *err);
/* SHA-256 over all that two runs must have in common to share shards, in hex. */
const char *store_run_id(const struct store *);
size_t store_shard_size(const struct store *);
/* The order of the images: the identity's, or, for a run over all images, that of the shorter run
 * that it goes on with. Every process then says with store_set_order which image is in which place:
 * order [total], borrowed until store_close; NULL: natural. */
const char *store_order(const struct store *);
void store_set_order(struct store *, const size_t *order);
/* Images that a finished OUTPUT of a shorter run holds; 0: there is none. store_extend makes shards
 * of them, as far as they fill any. `layout` as for store_merge. */
size_t store_extendable(const struct store *);
enum status store_extend(struct store *, struct records *layout, struct error *err);
/* Records that another process has written this shard. */
void store_note(struct store *, size_t shard);
/* Waits until the file system shows all shards that other machines have written, which may take
 * time on a network file system. E_IO names one that does not appear. */
enum status store_await(struct store *, struct error *err);

/* The progress of an unfinished run. */
struct store_progress {
    size_t shards_done, images_done;
    size_t shards, images; /* of the whole run; 0: unknown, in shards from before version 0.2 */
    bool at_work;          /* a process has locked the store; else the run was interrupted */
};
/* Whether OUTPUT is missing and a folder of its shards exists. */
bool store_is_unfinished(const char *output);
/* Joins the existing shards into a result file at `to` with complete = 0, its rows in the
 * order of work. Changes nothing beside OUTPUT and takes no lock that a run would wait for. E_DATA:
 * no shard yet, or a damaged one, which is named; E_IO. */
enum status store_collect(const char *output, const char *to, struct store_progress *,
                          struct error *err);

/* E_CONFIG where store_open would surely fail: for lack of a right (tried with a folder that is
 * removed at once), or because OUTPUT is something else than a result of evalh, or its folder of
 * shards holds something else, which is never replaced. Folders that are missing are made by
 * store_open. */
enum status store_check(const char *output, struct error *err);

/* Whether a file is the result of a run. */
bool store_is_result(const char *path);
/* The folder of a file; "." where its name has none. */
void store_folder_of(const char *file, char *folder, size_t size);
/* Whether the file system of a folder has no locks; a sentence about it in `out`. */
bool store_locks_missing(const char *folder, char *out, size_t size);

bool store_complete(const struct store *); /* OUTPUT is there and belongs to this very run */
size_t store_shards(const struct store *);
size_t store_done(const struct store *); /* shards that are there */
bool store_has(const struct store *, size_t shard);
/* Rows of a shard: images [first, first + count). */
void store_range(const struct store *, size_t shard, size_t *first, size_t *count);

/* Writes the first `count` rows of r as shard `shard`. E_IO: nothing of it remains. */
enum status store_put(struct store *, size_t shard, const struct records *r, struct error *err);

/* Writes an attribute of the result file's root. */
struct store_attribute {
    const char *name, *text; /* text NULL: number */
    double number;
    bool whole;
};

/* Sets further attributes of the run for every shard, so that readers of an unfinished run know
 * them. Borrowed for as long as shards are put. */
void store_describe(struct store *, const struct store_attribute *, size_t count);

/* Joins all shards into OUTPUT: columns as in `layout` (allocated for a shard's rows; used as
 * memory for one shard at a time), attributes, and whatever `finish` (or NULL) adds to the closed
 * file at `path`, which is then renamed to OUTPUT; then removes the parts. E_DATA names a shard
 * that is damaged. */
enum status store_merge(struct store *, struct records *layout,
                        const struct store_attribute *attributes, size_t attribute_count,
                        enum status (*finish)(const char *path, struct error *), struct error *err);
