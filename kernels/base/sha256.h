/* SHA-256 (FIPS 180-4) of files and texts: what a checkpoint, a data set, a config is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};

void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *data, size_t size);
void sha256_end(struct sha256 *, char hex[65]);
