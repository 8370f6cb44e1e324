/* Values: ${VARIABLE} expansion, and the text of each type of key into memory. */
#include "config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

/* The value of ${NAME}, from the environment or from the config itself; NULL: there is none. `room`
 * is memory for it. */
static const char *variable(const struct config *c, const char *name, char room[4096])
{
    const char *slash = c->path != NULL ? strrchr(c->path, '/') : NULL;
    if (strcmp(name, "CONFIG_DIR") != 0)
        return getenv(name);
    if (slash == NULL)
        return ".";
    snprintf(room, 4096, "%.*s", slash == c->path ? 1 : (int)(slash - c->path), c->path);
    return room;
}

/* Expands "~/x" to the home folder, as a shell does; any other "~" stays. Returns the rest of the
 * text. */
static const char *expand_home(const char *value, char text[4096], size_t *used)
{
    const char *home = getenv("HOME");
    size_t length = home != NULL ? strlen(home) : 0;
    if (value[0] != '~' || (value[1] != '/' && value[1] != '\0') || length == 0 || length > 4000)
        return value;
    memcpy(text, home, length);
    *used = length;
    return value + 1;
}

bool config_expand(const struct config *c, const char *value, char out[CONFIG_VALUE], char *why,
                   size_t size)
{
    char room[4096];
    size_t used = 0;
    value = expand_home(value, out, &used);
    for (const char *p = value, *next; *p != '\0'; p = next) {
        const char *from = p;
        size_t len = strcspn(p, "$");
        if (len == 0 && p[1] != '{')
            len = 1; /* a lone $ */
        next = p + len;
        if (len == 0) {
            const char *end = strchr(p, '}');
            if (end == NULL || end == p + 2 || end - p - 2 > 200) {
                snprintf(why, size, "'${' wants a variable's name and '}'");
                return false;
            }
            char name[208];
            snprintf(name, sizeof name, "%.*s", (int)(end - p - 2), p + 2);
            from = variable(c, name, room);
            if (from == NULL) {
                snprintf(why, size,
                         "the environment has no variable %.60s; set it: export %.60s=...", name,
                         name);
                return false;
            }
            len = strlen(from);
            next = end + 1;
        }
        if (used + len >= CONFIG_VALUE) {
            snprintf(why, size, "longer than %d characters", CONFIG_VALUE - 1);
            return false;
        }
        memcpy(out + used, from, len);
        used += len;
    }
    out[used] = '\0';
    return true;
}

static enum status expand(struct config *c, size_t key, const char *value, const char **out,
                          struct error *err)
{
    char text[CONFIG_VALUE], why[300];
    if (!config_expand(c, value, text, why, sizeof why))
        return config_fail_key(c, key, err, "%s", why);
    *out = config_hold(c, text, strlen(text));
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
    return config_fail_key(c, key, err, "'%s' is none of %s%s%s%s", typed, list,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum status parse_number(struct config *c, size_t key, const char *text, void *out,
                                struct error *err)
{
    const struct config_key *k = &config_keys[key];
    bool whole = k->type == KEY_INT;
    if (k->names != NULL && strcmp(text, k->names[0]) == 0) {
        if (whole)
            *(int64_t *)out = k->first;
        else
            *(double *)out = k->first;
        return OK;
    }
    char *end;
    errno = 0;
    long long integer = whole ? strtoll(text, &end, 10) : 0;
    double real = whole ? (double)integer : strtod(text, &end);
    if (end == text || *end != '\0' || errno == ERANGE || !(real >= k->low && real <= k->high))
        return config_fail_key(c, key, err, "wants %s from %.15g to %.15g%s%s",
                               whole ? "a whole number" : "a number", k->low, k->high,
                               k->names ? ", or " : "", k->names ? k->names[0] : "");
    if (whole)
        *(int64_t *)out = integer;
    else
        *(double *)out = real;
    return OK;
}

/* Reads the next word of a comma list; false at its end. Blanks around words are dropped. */
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
            return config_fail_key(c, key, err, "'%.*s' is there twice", (int)len, word);
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
            return config_fail_key(c, key, err, "an empty name in the list");
        if (count == MOST)
            return config_fail_key(c, key, err, "more than %d names", MOST);
        words[count] = config_hold(c, word, len);
        if (words[count] == NULL)
            return fail(err, E_NOMEM, "out of memory reading the config");
        for (size_t i = 0; i < count; i++)
            if (strcmp(words[i], words[count]) == 0)
                return config_fail_key(c, key, err, "'%s' is there twice", words[i]);
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
    return fail(err, E_CONFIG, "%s.%s has no type that can be read", k->section, k->name);
}

const char *config_unwritable(const char *text)
{
    size_t len = strlen(text);
    if (isspace((unsigned char)text[0]) || isspace((unsigned char)text[len - 1]))
        return "a value neither begins nor ends with a blank";
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)text[i]) && text[i] != '\t')
            return "a value has no line breaks or other control characters";
        if (text[i] == ';' && (i == 0 || isspace((unsigned char)text[i - 1])))
            return "';' at the start or after a blank begins a comment";
    }
    return NULL;
}

enum status config_assign(struct config *c, int key, const char *value, const char *file, int line,
                          struct error *err)
{
    struct config_entry *e = &c->entries[key];
    *e = (struct config_entry){ .text = value, .file = file, .line = line };
    const char *text;
    struct error why;
    enum status status = expand(c, (size_t)key, value, &text, &why);
    if (status == E_CONFIG && line > 0) {
        /* The command line may still replace it; config_finish checks again. */
        e->text = config_hold(c, value, strlen(value));
        e->pending = config_hold(c, why.text, strlen(why.text));
        return e->text != NULL && e->pending != NULL
                   ? OK
                   : fail(err, E_NOMEM, "out of memory reading the config");
    }
    if (status != OK)
        return fail(err, status, "%s", why.text);
    e->text = text;
    if (*text == '\0')
        return config_fail_key(c, (size_t)key, err,
                               "no value; leave the line out to take the default%s%s",
                               config_keys[key].initial ? " " : "",
                               config_keys[key].initial ? config_keys[key].initial : "");
    const char *wrong = config_unwritable(text);
    if (wrong != NULL)
        return config_fail_key(c, (size_t)key, err, "%s", wrong);
    return parse_value(c, (size_t)key, text, err);
}
