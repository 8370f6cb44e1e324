/* Makes tensors of an unpickled object, for both containers of a .pth. */
#pragma once

#include "parts.h"
#include "pickle.h"

/* A source of a storage's bytes. fetch's *bytes hold storage->elements elements and stay
 * valid until the next fetch. */
struct storage_source {
    enum status (*fetch)(void *self, const struct storage *, const uint8_t **bytes,
                         struct error *err);
    void *self;
    bool swap; /* big-endian */
};

/* Finds the state dict in `root` and loads its tensors; each storage is fetched once. */
enum status pth_load(struct checkpoint *c, const struct value *root, size_t file_size,
                     const struct checkpoint_options *, const struct storage_source *source,
                     struct error *err);

/* Orders storages by key (struct storage *const *). */
int storage_by_key(const void *a, const void *b);
/* Checks that two mentions of one key agree. */
enum status storage_check_same(const struct storage *a, const struct storage *b, struct error *err);
