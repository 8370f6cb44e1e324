/* Checkpoints: named fp32 tensors from .pth (zip or the older stream) and .safetensors (SPEC 2.1).
 *
 * Files are not trusted: nothing in them is executed, every size is checked before memory is
 * allocated, and every error names the file and the tensor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notes.h"
#include "status.h"

#define TENSOR_MAX_DIMS 8

struct tensor {
    char *name; /* without the parts that wrapper modules add ("module."): "layers.0.norm.weight" */
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    size_t count; /* elements */
    bool whole;   /* its elements were integers in the file */
    float *data;  /* row-major, contiguous, finite */
};

enum checkpoint_weights { CHECKPOINT_PLAIN, CHECKPOINT_EMA };

struct checkpoint_options {
    enum checkpoint_weights weights; /* which weights of a file that has both (model.weights) */
    const char
        *prefix; /* dotted: of the dict, or of the names, that is meant (model.prefix); NULL */
};

struct checkpoint {
    char *path;
    char sha256[65];    /* of the file's bytes, hex */
    const char *format; /* "pth (zip)", "pth (stream)", "safetensors" */
    size_t count;
    struct tensor *tensors; /* sorted by name (strcmp) */
    struct notes notes;     /* which weights were chosen, where a file has several */
};

/* Reads a whole checkpoint; fp16 and bf16 are widened. The format is recognised by content, not by
 * name. E_IO: cannot be read; E_DATA: what is wrong where, and what would be right; a NaN or
 * infinite element is E_DATA naming the tensor. */
enum status checkpoint_open(const char *path, struct checkpoint **out, struct error *err);
/* With options, NULL for defaults. E_CONFIG: an option that the file cannot serve. */
enum status checkpoint_open_as(const char *path, const struct checkpoint_options *,
                               struct checkpoint **out, struct error *err);
void checkpoint_close(struct checkpoint *); /* accepts NULL */

/* The same for a file already in memory; `path` only names it in messages. */
enum status checkpoint_parse(const char *path, const uint8_t *bytes, size_t size,
                             const struct checkpoint_options *, struct checkpoint **out,
                             struct error *err);

enum checkpoint_dtype { CHECKPOINT_FP32, CHECKPOINT_FP16 };

/* Writes all tensors as one .safetensors file, which is complete or absent (a temporary file beside
 * it is synced and renamed). fp16 rounds to nearest even; a value beyond its range (65504) is
 * E_DATA. */
enum status checkpoint_write_safetensors(const char *path, const struct checkpoint *,
                                         enum checkpoint_dtype dtype, struct error *err);

/* NULL when there is none. */
const struct tensor *checkpoint_find(const struct checkpoint *, const char *name);
