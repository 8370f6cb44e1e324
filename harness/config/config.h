/* The configuration of a run: an INI file, overridden by --set, checked key by key.
 *
 * One table (config_keys.c) lists every key with its type, default, range and meaning; reading,
 * --set, the help text, the text stored in results and its hash all follow from that table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "explain_options.h"
#include "status.h"

struct dataset_options; /* dataset.h */
struct eval_cut;        /* image.h */

enum key_type {
    KEY_TEXT,   /* const char *; NULL: not set */
    KEY_INT,    /* int64_t; a word may stand for a value outside the range ("all" for 0) */
    KEY_REAL,   /* double */
    KEY_CHOICE, /* int: first + index of the name */
    KEY_SET,    /* unsigned: bit i for names[i]; at least one */
    KEY_WORDS   /* struct words; at least one, each once */
};

struct words {
    size_t count;
    const char *const *word;
};

enum protocol { PROTOCOL_RELEASED, PROTOCOL_PAPER };
enum order { ORDER_POSITIVE, ORDER_NEGATIVE, ORDERS }; /* SPEC 7 */
enum fill { FILL_BLACK, FILL_MEAN, FILL_BLUR, FILL_RISE_BLUR, FILL_LINEAR };
enum upto { UPTO_90, UPTO_100 };
enum device { DEVICE_AUTO, DEVICE_CPU, DEVICE_CUDA, DEVICE_REF };

enum { CONFIG_MAPS = 32 };

struct config_values {
    struct {
        const char *name, *output;
        int protocol; /* enum protocol */
        int64_t seed, limit, shard_size;
        struct words vary; /* "key=value" of [explain] or "section.key=value": each adds a run */
    } run;
    struct {
        const char *arch, *checkpoint, *command, *prefix;
        int weights;                        /* enum checkpoint_weights */
        int64_t image_size, heads, timeout; /* timeout: seconds, 0: off */
        int pool;                           /* "auto", "cls", "mean", "all" */
        int activation;                     /* "auto", "gelu", "tanh", "quick", "silu" */
        int blocks;                         /* "auto", "plain" */
        int cls;                            /* "auto", "middle", "first", "last" */
        int divide;                         /* 0: no */
        double eps;                         /* 0: the family's */
    } model;
    struct {
        const char *kind, *path, *root, *labels, *devkit, *classes, *only, *split;
        int preprocess;         /* enum preprocess */
        const char *mean, *std; /* "imagenet", ..., or three numbers; see config_colour */
        double crop;            /* of eval */
        int interpolation;      /* of eval: 0 bicubic, 1 bilinear */
        int image_order;        /* enum array_order */
        int mask_order;         /* enum array_order */
        int subset;             /* enum subset */
        int64_t images, seed, size, label_base;
        double max_unreadable; /* share, 0 to 1 */
    } data;
    struct {
        struct words methods;
        unsigned classes;               /* bits of enum class_choice */
        struct explain_options options; /* the switches; protocol and seed come from [run] */
    } explain;
    struct config_maps {
        size_t count;
        struct config_map {
            const char *name, *path; /* a method of explain.methods, and the file of its maps */
            char sha256[65];         /* of the file; "" until it has been opened */
        } map[CONFIG_MAPS];
    } maps;
    struct {
        struct words kinds;
        unsigned directions; /* bits of enum order */
        int fill;            /* enum fill */
        int64_t steps;
        int upto; /* enum upto */
        int64_t groups, tiles, subsets, samples;
        double radius;
    } task;
    struct {
        int device;    /* enum device */
        int precision; /* enum precision: fp32, tf32, bf16 */
        int64_t batch, threads;
        double memory; /* MiB; 0: what is free */
    } compute;
};

/* Whether another value of a key could change the stored numbers, or how many there are. */
enum key_effect {
    KEY_SHAPES_NOTHING,
    KEY_SHAPES_RESULT, /* is part of the hash of the config */
    KEY_SHAPES_EXTENT, /* changes only the number of images, which results store themselves */
    KEY_ADDED /* as KEY_SHAPES_RESULT, but not at its default: the key came after results that do
                 not have it, and those stay what they are */
};

struct config_key {
    const char *section, *name;
    enum key_type type;
    const char *initial; /* default, as written in a file; NULL: not set */
    double low, high;    /* KEY_INT, KEY_REAL: inclusive */
    const char *const
        *names; /* NULL-terminated: choices; of a number names[0] is the special word */
    int first;  /* value of names[0] */
    enum key_effect shapes_result;
    size_t offset; /* in struct config_values */
    const char *doc;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

struct config;

/* Every key at its default. */
enum status config_new(struct config **out, struct error *err);
void config_free(struct config *); /* accepts NULL */

/* Reads a file over the defaults. E_CONFIG: "file:line: what is wrong and what would be right". */
enum status config_read(struct config *, const char *path, struct error *err);
/* The same, but it goes on after a line that is wrong, and calls `listener` for each. It does not
 * return OK where there was one. */
typedef void config_listener(void *context, const struct error *);
enum status config_examine(struct config *, const char *path, config_listener *listener,
                           void *context);
/* "section.key=value", from the command line. */
enum status config_set(struct config *, const char *assignment, struct error *err);
/* Fills in what follows from other keys (run.name, run.output). Call it once, after all keys are
 * set. */
enum status config_finish(struct config *, struct error *err);

const struct config_values *config_values(const struct config *);
const char *config_path(const struct config *); /* of the file that was read */
/* data.mean or data.std (`field` points to either) as three numbers for red, green and blue.
 * E_CONFIG names the key. */
enum status config_colour(const struct config *, const char *const *field, float out[3],
                          struct error *err);
/* How eval cuts. */
struct eval_cut config_eval_cut(const struct config_values *);
/* [data] in the form that dataset_open takes; the texts belong to the config. */
struct dataset_options config_dataset(const struct config_values *);
/* Whether a key was set by a file or the command line. `field` points into config_values(). */
bool config_is_set(const struct config *, const void *field);

/* E_CONFIG with the place, key and value of `field` (a pointer into config_values()) in front:
 * "perturb.ini:12: explain.methods = 'foo': ...". */
enum status config_fail(const struct config *, const void *field, struct error *err,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts place, key and value in front of a library's message, for the key that the error names, or
 * else for `field`. With neither (field NULL) the message stays as it is. Returns err's code. */
enum status config_blame(const struct config *, const void *field, struct error *err);

/* Sets the identity of map `map` of [maps], which is part of the hash from then on. */
void config_set_map_hash(struct config *, size_t map, const char *sha256);

/* The whole configuration as an INI text, every key with its value, in table order; malloc'ed,
 * NULL when memory ran out. The hash is SHA-256 over the lines of the keys that shape results. */
char *config_text(const struct config *);
void config_hash(const struct config *, char hex[65]);
/* What differs between two configurations in the keys that shape results: "explain.discard was '0'
 * and is now '0.2'", cut to size; a larger run.limit is no difference. Returns how many keys
 * differ. */
size_t config_difference(const struct config *then, const struct config *now, char *out,
                         size_t size);

/* The help of a key of [maps], whose name the user chooses. */
extern const char config_maps_help[];

/* The reference of all keys, for `evalh run --help`-like output; malloc'ed. */
char *config_reference(void);
