#include "config_internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "suggest.h"

char *config_hold(struct config *c, const char *text, size_t len)
{
    struct held *h = malloc(sizeof *h + len + 1);
    if (h == NULL)
        return NULL;
    memcpy(h->text, text, len);
    h->text[len] = '\0';
    h->next = c->held;
    c->held = h;
    return h->text;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    while (c->held != NULL) {
        struct held *next = c->held->next;
        free(c->held);
        c->held = next;
    }
    free(c);
}

const struct config_values *config_values(const struct config *c)
{
    return &c->values;
}

const char *config_path(const struct config *c)
{
    return c->path != NULL ? c->path : "";
}

static size_t key_of_field(const struct config *c, const void *field)
{
    size_t offset = (size_t)((const char *)field - (const char *)&c->values);
    for (size_t i = 0; i < config_key_count; i++)
        if (config_keys[i].offset == offset)
            return i;
    abort(); /* a field that is not in the table: a programming error */
}

bool config_is_set(const struct config *c, const void *field)
{
    return c->entries[key_of_field(c, field)].line != 0;
}

/* ---- errors ------------------------------------------------------------------------------ */

static enum status fail_at(const struct config *c, size_t key, struct error *err,
                           const char *format, va_list args)
{
    const struct config_key *k = &config_keys[key];
    const struct entry *e = &c->entries[key];
    char what[700], place[320] = "";
    vsnprintf(what, sizeof what, format, args);
    if (e->line > 0)
        snprintf(place, sizeof place, "%.250s:%d: ", e->file, e->line);
    else if (e->line < 0)
        snprintf(place, sizeof place, "--set ");
    else if (c->path != NULL)
        snprintf(place, sizeof place, "%.250s: ", c->path);
    if (e->text == NULL)
        return fail(err, E_CONFIG, "%s%s.%s: %s", place, k->section, k->name, what);
    return fail(err, E_CONFIG, "%s%s.%s = '%.200s'%s: %s", place, k->section, k->name, e->text,
                e->line == 0 ? " (default)" : "", what);
}

enum status config_fail(const struct config *c, const void *field, struct error *err,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail_at(c, key_of_field(c, field), err, format, args);
    va_end(args);
    return status;
}

__attribute__((format(printf, 4, 5))) static enum status
fail_key(const struct config *c, size_t key, struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail_at(c, key, err, format, args);
    va_end(args);
    return status;
}

int config_lookup(const char *place, const char *section, const char *name, struct error *err)
{
    const char *sections[CONFIG_KEYS_MAX], *names[CONFIG_KEYS_MAX];
    size_t section_count = 0, name_count = 0;
    const char *elsewhere = NULL;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        if (section_count == 0 || strcmp(sections[section_count - 1], k->section) != 0)
            sections[section_count++] = k->section;
        if (strcmp(k->section, section) == 0) {
            if (strcmp(k->name, name) == 0)
                return (int)i;
            names[name_count++] = k->name;
        } else if (strcmp(k->name, name) == 0) {
            elsewhere = k->section;
        }
    }
    char list[400];
    if (name_count == 0) {
        join_words(list, sizeof list, sections, section_count);
        const char *near = suggest(section, sections, section_count);
        fail(err, E_CONFIG, "%s: unknown section [%.60s]%s%s%s; sections are %s", place, section,
             near ? "; did you mean [" : "", near ? near : "", near ? "]?" : "", list);
    } else if (elsewhere != NULL) {
        fail(err, E_CONFIG, "%s: unknown key '%s' in [%s]; it belongs into [%s]", place, name,
             section, elsewhere);
    } else {
        join_words(list, sizeof list, names, name_count);
        const char *near = suggest(name, names, name_count);
        fail(err, E_CONFIG, "%s: unknown key '%.60s' in [%s]%s%s%s; keys there are %s", place, name,
             section, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", list);
    }
    return -1;
}

/* ---- values ------------------------------------------------------------------------------ */

/* Replaces each ${NAME} by the environment's value. */
static enum status expand(struct config *c, size_t key, const char *value, const char **out,
                          struct error *err)
{
    char text[4096];
    size_t used = 0;
    for (const char *p = value, *next; *p != '\0'; p = next) {
        const char *from = p;
        size_t len = strcspn(p, "$");
        if (len == 0 && p[1] != '{')
            len = 1; /* a lone $ */
        next = p + len;
        if (len == 0) {
            const char *end = strchr(p, '}');
            if (end == NULL || end == p + 2 || end - p - 2 > 200)
                return fail_key(c, key, err, "'${' wants a variable's name and '}'");
            char name[208];
            snprintf(name, sizeof name, "%.*s", (int)(end - p - 2), p + 2);
            from = getenv(name);
            if (from == NULL)
                return fail_key(c, key, err,
                                "the environment has no variable %s; set it: export %s=...", name,
                                name);
            len = strlen(from);
            next = end + 1;
        }
        if (used + len >= sizeof text)
            return fail_key(c, key, err, "longer than %zu characters", sizeof text - 1);
        memcpy(text + used, from, len);
        used += len;
    }
    *out = config_hold(c, text, used);
    return *out != NULL ? OK : fail(err, E_NOMEM, "out of memory reading the config");
}

static size_t name_count(const char *const *names)
{
    size_t n = 0;
    while (names[n] != NULL)
        n++;
    return n;
}

static int name_index(const char *const *names, const char *text, size_t len)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
            return i;
    return -1;
}

static enum status fail_choice(const struct config *c, size_t key, const char *word, size_t len,
                               struct error *err)
{
    const char *const *names = config_keys[key].names;
    char list[300], typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)len, word);
    join_words(list, sizeof list, names, name_count(names));
    const char *near = suggest(typed, names, name_count(names));
    return fail_key(c, key, err, "'%s' is none of %s%s%s%s", typed, list,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum status parse_number(struct config *c, size_t key, const char *text, void *out,
                                struct error *err)
{
    const struct config_key *k = &config_keys[key];
    bool whole = k->type == KEY_INT;
    if (k->names != NULL && strcmp(text, k->names[0]) == 0) {
        *(int64_t *)out = k->first;
        return OK;
    }
    char *end;
    errno = 0;
    long long integer = whole ? strtoll(text, &end, 10) : 0;
    double real = whole ? (double)integer : strtod(text, &end);
    if (end == text || *end != '\0' || errno == ERANGE || !(real >= k->low && real <= k->high))
        return fail_key(c, key, err, "wants %s from %.15g to %.15g%s%s",
                        whole ? "a whole number" : "a number", k->low, k->high,
                        k->names ? ", or " : "", k->names ? k->names[0] : "");
    if (whole)
        *(int64_t *)out = integer;
    else
        *(double *)out = real;
    return OK;
}

/* The next word of a comma list; false at its end. Blanks around words are dropped. */
static bool next_word(const char **at, const char **word, size_t *len)
{
    const char *p = *at;
    if (p == NULL)
        return false;
    const char *comma = strchr(p, ',');
    const char *end = comma != NULL ? comma : p + strlen(p);
    p += strspn(p, " \t");
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *word = p;
    *len = end > p ? (size_t)(end - p) : 0;
    *at = comma != NULL ? comma + 1 : NULL;
    return true;
}

static enum status parse_set(struct config *c, size_t key, const char *text, unsigned *out,
                             struct error *err)
{
    const char *word;
    size_t len;
    *out = 0;
    while (next_word(&text, &word, &len)) {
        int i = name_index(config_keys[key].names, word, len);
        if (i < 0)
            return fail_choice(c, key, word, len, err);
        if (*out & 1u << i)
            return fail_key(c, key, err, "'%.*s' is there twice", (int)len, word);
        *out |= 1u << i;
    }
    return OK;
}

static enum status parse_words(struct config *c, size_t key, const char *text, struct words *out,
                               struct error *err)
{
    enum { MOST = 64 };
    const char *words[MOST], *word;
    size_t len, count = 0;
    while (next_word(&text, &word, &len)) {
        if (len == 0)
            return fail_key(c, key, err, "an empty name in the list");
        if (count == MOST)
            return fail_key(c, key, err, "more than %d names", MOST);
        words[count] = config_hold(c, word, len);
        if (words[count] == NULL)
            return fail(err, E_NOMEM, "out of memory reading the config");
        for (size_t i = 0; i < count; i++)
            if (strcmp(words[i], words[count]) == 0)
                return fail_key(c, key, err, "'%s' is there twice", words[i]);
        count++;
    }
    /* The pointers are kept as text is: in memory that the config owns. malloc's alignment suits
     * them, and struct held keeps it. */
    struct held *h = malloc(sizeof *h + count * sizeof words[0]);
    if (h == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    memcpy(h->text, words, count * sizeof words[0]);
    h->next = c->held;
    c->held = h;
    out->count = count;
    out->word = (const char *const *)(const void *)h->text;
    return OK;
}

static enum status parse_value(struct config *c, size_t key, const char *text, struct error *err)
{
    const struct config_key *k = &config_keys[key];
    void *out = (char *)&c->values + k->offset;
    int i;
    switch (k->type) {
    case KEY_TEXT:
        *(const char **)out = text;
        return OK;
    case KEY_INT:
    case KEY_REAL:
        return parse_number(c, key, text, out, err);
    case KEY_CHOICE:
        i = name_index(k->names, text, strlen(text));
        if (i < 0)
            return fail_choice(c, key, text, strlen(text), err);
        *(int *)out = k->first + i;
        return OK;
    case KEY_SET:
        return parse_set(c, key, text, out, err);
    case KEY_WORDS:
        return parse_words(c, key, text, out, err);
    }
    abort();
}

enum status config_assign(struct config *c, int key, const char *value, const char *file, int line,
                          struct error *err)
{
    struct entry *e = &c->entries[key];
    *e = (struct entry){ value, file, line };
    const char *text;
    TRY(expand(c, (size_t)key, value, &text, err));
    e->text = text;
    if (*text == '\0')
        return fail_key(c, (size_t)key, err, "no value; leave the line out to take the default%s%s",
                        config_keys[key].initial ? " " : "",
                        config_keys[key].initial ? config_keys[key].initial : "");
    return parse_value(c, (size_t)key, text, err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

enum status config_new(struct config **out, struct error *err)
{
    _Static_assert(sizeof(struct held) % sizeof(void *) == 0, "held words must be aligned");
    *out = NULL;
    if (config_key_count > CONFIG_KEYS_MAX)
        abort();
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].initial == NULL)
            continue;
        enum status status = config_assign(c, (int)i, config_keys[i].initial, NULL, 0, err);
        if (status != OK) {
            config_free(c);
            return status;
        }
    }
    *out = c;
    return OK;
}

enum status config_set(struct config *c, const char *assignment, struct error *err)
{
    const char *equals = strchr(assignment, '=');
    const char *dot = strchr(assignment, '.');
    if (equals == NULL || dot == NULL || dot > equals || equals - assignment > 120)
        return fail(err, E_CONFIG, "--set '%.100s': wants section.key=value", assignment);
    char place[140], section[128], name[128];
    snprintf(section, sizeof section, "%.*s", (int)(dot - assignment), assignment);
    snprintf(name, sizeof name, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(place, sizeof place, "--set %.*s", (int)(equals - assignment), assignment);
    int key = config_lookup(place, section, name, err);
    if (key < 0)
        return E_CONFIG;
    return config_assign(c, key, equals + 1, NULL, -1, err);
}

enum status config_finish(struct config *c, struct error *err)
{
    struct config_values *v = &c->values;
    if (v->run.name == NULL) {
        const char *slash = c->path != NULL ? strrchr(c->path, '/') : NULL;
        const char *stem = slash != NULL ? slash + 1 : c->path != NULL ? c->path : "run";
        const char *dot = strrchr(stem, '.');
        size_t len = dot != NULL && dot != stem ? (size_t)(dot - stem) : strlen(stem);
        v->run.name = config_hold(c, stem, len);
    }
    if (v->run.name == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    if (strchr(v->run.name, '/') != NULL)
        return config_fail(c, &v->run.name, err, "a name has no '/'; a path belongs into output");
    c->entries[key_of_field(c, &v->run.name)].text = v->run.name;
    if (v->run.output == NULL) {
        char path[4200];
        int n = snprintf(path, sizeof path, "results/%s.h5", v->run.name);
        v->run.output = config_hold(c, path, (size_t)n);
        if (v->run.output == NULL)
            return fail(err, E_NOMEM, "out of memory reading the config");
        c->entries[key_of_field(c, &v->run.output)].text = v->run.output;
    }
    return OK;
}
