/* Tars and MATLAB 5 files made by hand, sound or not, for tests and seeds of fuzzing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *at;
    size_t size, room;
};

void bytes_put(struct bytes *, const void *from, size_t size);
void bytes_free(struct bytes *);

/* A ustar header of `type` ('0' file, '2' link, '5' folder, 'L' GNU long name, 'x' pax, 'S' GNU
 * sparse ...), its checksum right, that says `size`; without data. */
void tar_header(struct bytes *, const char *name, char type, uint64_t size);
/* A header, then the data, padded. */
void tar_member(struct bytes *, const char *name, char type, const void *data, size_t size);
/* Two blocks of zeros. */
void tar_end(struct bytes *);

/* A file of struct array `synsets` [count, 1] with the fields of the devkit. */
struct synset {
    int id;
    const char *wnid;
    int children;
};
struct mat_style {
    bool packed;          /* zlib, as -v7 */
    bool wide_text;       /* 16-bit characters, as MATLAB; else 8-bit, as scipy */
    bool no_children;     /* without the field num_children */
    const char *variable; /* NULL: "synsets" */
};
struct bytes mat_file(const struct synset *, size_t count, const struct mat_style *);

/* A JPEG of 16 x 16 pixels that all hold `value` in each of 1 (grey) or 4 (CMYK) channels. */
struct bytes make_flat_jpeg(int channels, uint8_t value);
