/* A file that lives in memory, for readers that want a path. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory_file {
    int fd;
    char path[32];
};

static inline struct memory_file memory_file(const void *bytes, size_t size)
{
    struct memory_file f;
    f.fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (f.fd < 0 || (size > 0 && write(f.fd, bytes, size) != (ssize_t)size) ||
        lseek(f.fd, 0, SEEK_SET) != 0) {
        perror("memory_file");
        abort();
    }
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    return f;
}

static inline void memory_file_close(struct memory_file *f)
{
    close(f->fd);
}
