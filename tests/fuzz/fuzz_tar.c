/* libFuzzer target: a tar. Checksums of what looks like a header are put right, so that mutations
 * do not have to guess them. */
#include <string.h>

#include "files.h"
#include "memory_file.h"
#include "tar_classes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void mend(uint8_t *header)
{
    unsigned sum = 0;
    char text[8];
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + 148, text, 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct dataset_options options = { .head_classes = 1000 };
    struct tar_members members;
    struct tar_labels labels;
    struct error err = { 0 };
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, bytes, size);
    for (size_t at = 0; at + 512 <= size; at += 512)
        if (memcmp(copy + at + 257, "ustar", 5) == 0)
            mend(copy + at);
    struct memory_file f = memory_file(copy, size);
    enum status s = tar_index(f.fd, "fuzz", size, &members, &err);
    if (s != OK && (s != err.code || s != E_CONFIG || strncmp(err.text, "fuzz: ", 6) != 0))
        abort();
    for (size_t i = 0; s == OK && i < members.images.count; i++) {
        const struct image_entry *e = &members.images.items[i];
        if (e->offset % 512 != 0 || e->offset > size || e->size > size - e->offset ||
            e->id[0] == '/' || !has_image_suffix(e->id))
            abort();
    }
    const size_t images = members.images.count, others = members.others;
    if (s == OK && images > 0)
        s = tar_classes(&options, "fuzz", &members, &labels, &err);
    if (s == OK && images > 0) {
        if (members.images.count + members.others != images + others)
            abort();
        for (size_t i = 0; labels.by_folder && i < members.images.count; i++)
            if (members.images.items[i].label < 0)
                abort();
        free(labels.description);
    }
    tar_members_free(&members);
    memory_file_close(&f);
    free(copy);
    return 0;
}
