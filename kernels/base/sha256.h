/* SHA-256 of files and texts, which identifies checkpoints, data sets and configs. Computed by
 * libcrypto. */
#pragma once

#include <stddef.h>

struct sha256 {
    unsigned char state[128]; /* libcrypto's, copied in and out */
};

void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *data, size_t size);
/* Writes 64 hex digits and a NUL. None of the three allocates memory or can fail. */
void sha256_end(struct sha256 *, char hex[65]);
