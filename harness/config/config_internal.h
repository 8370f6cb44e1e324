/* Shared by the files of config; nobody else looks inside. */
#pragma once

#include "config.h"

enum { CONFIG_KEYS_MAX = 160 };

struct config_entry {
    const char *text; /* value after expansion; NULL: not set and no default */
    const char *file; /* NULL: default (line 0) or command line (line -1) */
    int line;
    const char *pending; /* why it could not be expanded: an error unless it is set anew */
};

struct held { /* a string that lives as long as the config */
    struct held *next;
    char text[];
};

struct config {
    struct config_values values;
    struct config_entry entries[CONFIG_KEYS_MAX];
    struct config_entry map_entries[CONFIG_MAPS]; /* by values.maps.map */
    const char *path;
    struct held *held;
};

/* [maps], whose keys the user names. */
bool config_is_maps(const char *section);
enum status config_assign_map(struct config *, const char *place, const char *name,
                              const char *value, const char *file, int line, struct error *err);
/* The entry of "maps.NAME"; NULL: there is none. */
const struct config_entry *config_map_entry(const struct config *, const char *key);

enum { CONFIG_VALUE = 4096 };
/* Replaces each ${NAME} by its value, and a leading "~" by the home folder. On failure it returns
 * false and says why. */
bool config_expand(const struct config *, const char *value, char out[CONFIG_VALUE], char *why,
                   size_t size);

/* Why a config file could not hold this value, which is not empty and may come from --set or a
 * variable. The text that results store must read back as the same value. NULL: it could. */
const char *config_unwritable(const char *text);

/* Copies text[0, len); the config owns the copy. NULL when memory ran out. */
char *config_hold(struct config *, const char *text, size_t len);

/* Index of a key, or -1 with an error that lists the known keys. `place`: "file:line". */
int config_lookup(const char *place, const char *section, const char *name, struct error *err);

/* config_fail for a key by its index. */
enum status config_fail_key(const struct config *, size_t key, struct error *err,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sets a key from a file (line > 0) or the command line (file NULL, line -1): expands ${VARIABLE},
 * parses, checks the range. */
enum status config_assign(struct config *, int key, const char *value, const char *file, int line,
                          struct error *err);
