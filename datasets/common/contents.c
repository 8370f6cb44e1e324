#include "contents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool add_range(struct sha256 *hash, int fd, uint64_t offset, uint64_t size)
{
    uint8_t block[1 << 14];
    while (size > 0) {
        size_t want = size < sizeof block ? (size_t)size : sizeof block;
        ssize_t n = pread(fd, block, want, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sha256_add(hash, block, (size_t)n);
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return true;
}

bool contents_add(struct sha256 *hash, int fd, uint64_t offset, uint64_t size, size_t bytes)
{
    if (size <= bytes)
        return add_range(hash, fd, offset, size);
    return add_range(hash, fd, offset, bytes / 2) &&
           add_range(hash, fd, offset + size - bytes / 2, bytes / 2);
}

void dataset_sample_contents(struct dataset *d)
{
    struct sha256 hash;
    size_t places = d->count < CONTENTS_PLACES ? d->count : CONTENTS_PLACES;
    d->contents[0] = '\0';
    if (d->kind->peek == NULL || places == 0)
        return;
    sha256_begin(&hash);
    bool all = true;
    for (size_t i = 0; i < places && all; i++) {
        size_t index = places > 1 ? i * (d->count - 1) / (places - 1) : 0;
        char place[32];
        int length = snprintf(place, sizeof place, "%zu", index);
        sha256_add(&hash, place, (size_t)length + 1); /* so that images are kept apart */
        all = d->kind->peek(d, index, i, CONTENTS_BYTES / places, &hash);
    }
    sha256_end(&hash, d->contents);
    if (!all)
        d->contents[0] = '\0';
}
