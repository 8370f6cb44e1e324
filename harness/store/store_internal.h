/* Shared by the files of the store. */
#pragma once

#include "h5file.h"
#include "store.h"

struct store {
    char *output, *parts;
    struct store_identity id;
    char run_id[65]; /* SHA-256 over everything two runs must share */
    size_t shards, done;
    bool *have; /* [shards] */
    bool complete;
    int lock; /* descriptor of parts/lock; -1 */
};

enum { STORE_PATH = 4400, STORE_PATIENCE = 60 /* s */ };

void store_shard_path(const struct store *, size_t shard, char out[STORE_PATH]);
/* Beside the shards, unique to this process: "NAME.HOST.PID.tmp". */
void store_temporary_path(const struct store *, const char *name, char out[STORE_PATH]);

/* A folder of ours with all files in it. */
void store_remove_folder(const char *path);

/* Identity attributes on an open file. */
enum status store_put_identity(const struct store *, hid_t file, struct error *err);
/* Whether the file's attributes are this run's; else E_CONFIG saying what differs, E_DATA where
 * they cannot be read. Adopts its shard size. */
enum status store_compare_identity(struct store *, const char *path, hid_t file, struct error *err);
