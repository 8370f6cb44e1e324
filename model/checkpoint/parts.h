/* Shared by checkpoint.c and the readers of the formats. */
#pragma once

#include "checkpoint.h"
#include "elements.h"

/* A state dict of a vision model has hundreds of tensors. */
#define MAX_TENSORS ((size_t)1 << 17)
#define MAX_NAME 500

/* The most bytes to which a file of this size may expand (storages, and again tensors): generous
 * for weights, which hardly compress, and small against decompression bombs. */
size_t memory_budget(size_t file_size);

/* Allocates c->tensors[count], zeroed; checkpoint_close frees them in any state. */
enum status tensors_reserve(struct checkpoint *c, size_t count, struct error *err);
/* Checks the name and the view, and fills in all of *t but its data. */
enum status tensor_plan(struct tensor *t, const char *name, size_t name_size,
                        const struct strided_view *, int64_t elements, struct error *err);
/* Whether all planned tensors together stay within the budget. */
enum status tensors_check_budget(const struct checkpoint *c, size_t file_size, struct error *err);
enum status tensor_load(struct tensor *t, const struct strided_view *, const uint8_t *storage,
                        bool swap, struct error *err);

/* Each fills c->tensors and c->format from the file's bytes. Messages carry no path. */
enum status safetensors_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                             struct error *err);
enum status pth_zip_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                         const struct checkpoint_options *, struct error *err);
enum status pth_stream_read(struct checkpoint *c, const uint8_t *bytes, size_t size,
                            const struct checkpoint_options *, struct error *err);
bool pth_stream_detect(const uint8_t *bytes, size_t size);
