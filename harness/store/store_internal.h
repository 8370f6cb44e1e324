/* Shared by the files of the store. */
#pragma once

#include "h5file.h"
#include "store.h"

struct store {
    char *output, *parts;
    struct store_identity id;
    char run_id[65]; /* SHA-256 over all that two runs must share */
    size_t shards, done;
    bool *have; /* [shards] */
    bool complete;
    const struct store_attribute *described; /* [described_count] for every shard. Borrowed */
    size_t described_count;
    size_t extendable;   /* images of OUTPUT, where a shorter run made it */
    char order_name[64]; /* "natural", or another */
    const size_t *order; /* [id.total] image in each place; NULL: natural. Borrowed */
    int lock;            /* descriptor of parts/lock; -1 */
    bool owns;           /* parts/owner, which replaces locks where there are none */
};

enum { STORE_PATH = 4400, STORE_PATIENCE = 60 /* s */ };

void store_shard_path(const struct store *, size_t shard, char out[STORE_PATH]);
/* Beside the shards, unique to this process: "NAME.HOST.PID.tmp". */
void store_temporary_path(const struct store *, const char *name, char out[STORE_PATH]);

/* ranks [images]: which row each of the first `images` places has in a file of them; malloc'ed. */
enum status store_rank(const struct store *, size_t images, size_t **ranks, struct error *err);

bool store_is_natural(const struct store *);
/* Adopts the order of existing results; store_run_id changes with it. */
void store_adopt_order(struct store *, const char *name);
/* Reads the order from a file's attribute, and the number of images in its rows: 1 or more, or 0
 * where it cannot be read. */
size_t store_read_extent(hid_t file, char order[64]);
/* Parses a shard's name; false where it is not the name of a finished shard. */
bool store_parse_shard(const struct store *, const char *name, size_t *shard, size_t *count);

/* Decides what becomes of what lies there. Shards speak first: where there are some, OUTPUT is what
 * they were meant to replace. Without `hold` of the store nothing is touched. */
enum status store_look_around(struct store *, bool hold, struct error *err);
bool store_is_shard(const char *name);
/* The same for shards alone; *any: there are some. */
enum status store_look_at_shards(struct store *, bool hold, bool *any, struct error *err);

/* A run that starts over leaves a mark beside its shards, so that the same command goes on with
 * them after an interruption. Whether the shards that are there are such a run's, and this run's:
 */
bool store_began_anew(struct store *, bool hold);
enum status store_mark_anew(const struct store *, struct error *err);
/* What is there is damaged: the next run that starts over does so from nothing. */
void store_unmark(const struct store *);

/* Whether OUTPUT is not there, or is a result of evalh. E_CONFIG: it is something else, which is
 * not replaced. */
enum status store_check_replaced(const char *output, struct error *err);
/* Makes the missing folders of OUTPUT. E_CONFIG. */
enum status store_make_folders(const char *output, struct error *err);
/* Locks the file open at `fd`, whose path is for messages, or, where the file system has no locks,
 * makes parts/owner. E_CONFIG: another run has it. store_unlock removes what store_lock made. */
enum status store_lock(struct store *, int fd, const char *path, struct error *err);
void store_unlock(struct store *);
/* Whether another run has the lock; it is not kept. */
enum status store_look_at_lock(const struct store *, struct error *err);
bool store_is_at_work(const char *parts);

/* Removes a folder of ours with all files in it. */
void store_remove_folder(const char *path);

enum status store_put_attributes(hid_t file, const struct store_attribute *, size_t count,
                                 struct error *err);
/* Adds a second name for the column that `c` links to. */
enum status store_link(hid_t file, const struct records *, const struct column *c,
                       struct error *err);
/* Writes the identity as attributes of an open file. */
enum status store_put_identity(const struct store *, hid_t file, struct error *err);
/* The digest of the data set's sampled contents is no part of the run id, since results from before
 * version 0.2 have none and are gone on with. E_CONFIG: the file's is another. */
enum status store_compare_contents(const struct store *, hid_t file, bool *compared,
                                   struct error *err);
/* Whether the file's attributes are this run's; else E_CONFIG saying what differs, E_DATA where
 * they cannot be read. Adopts its shard size. */
enum status store_compare_identity(struct store *, const char *path, hid_t file, struct error *err);
