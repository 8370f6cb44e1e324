/* Reading a config file with libinih, which finds sections, keys and comments; the lines are fed to
 * it one by one, so that every message can name its line. */
#include "config_internal.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "open_file.h"

struct reading {
    struct config *config;
    FILE *file;
    const char *path;
    int line;
    int set_at[CONFIG_KEYS_MAX]; /* line of each key in this file; 0: not yet */
    enum status status;          /* the first mistake */
    struct error *err;
    config_listener *listener; /* NULL: reading ends at the first mistake */
    void *context;
    enum status first; /* with `listener`: status is reset after each */
    bool skip;         /* the current lines belong to an unknown section */
};

/* Whether reading goes on after r->status. */
static bool go_on(struct reading *r)
{
    if (r->status == OK || r->listener == NULL)
        return r->status == OK;
    r->listener(r->context, r->err);
    r->first = r->first == OK ? r->status : r->first;
    r->status = OK;
    return true;
}

static enum status check_section(struct reading *r, const char *line)
{
    const char *end = strchr(line, ']');
    if (end == NULL)
        return OK; /* libinih reports it */
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(end - line - 1), line + 1);
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].section, name) == 0 || config_is_maps(name))
            return OK;
    char place[320];
    snprintf(place, sizeof place, "%.250s:%d", r->path, r->line);
    config_lookup(place, name, "", r->err);
    return E_CONFIG;
}

/* The fgets for libinih. It reads one character at a time, because a NUL in the middle would hide
 * the rest of a line. */
static char *read_line(char *buffer, int size, void *stream)
{
    struct reading *r = stream;
    int len = 0, c = EOF;
    if (r->status != OK)
        return NULL;
    r->line++;
    while (len + 1 < size && c != '\n' && (c = getc(r->file)) != EOF) {
        if (c == '\0') {
            r->status =
                fail(r->err, E_CONFIG, "%s:%d: not a text file (a NUL byte)", r->path, r->line);
            return NULL;
        }
        buffer[len++] = (char)c;
    }
    buffer[len] = '\0';
    if (len == 0)
        return NULL;
    if (c != '\n' && c != EOF) {
        r->status = fail(r->err, E_CONFIG,
                         "%s:%d: a line longer than %d characters; put a long path into the "
                         "environment and write ${VARIABLE}",
                         r->path, r->line, size - 2);
        return NULL;
    }
    /* An indented line would continue the value before it; here it is a line like any other. */
    size_t blank = strspn(buffer, " \t");
    memmove(buffer, buffer + blank, (size_t)len - blank + 1);
    if (buffer[0] == '[') {
        r->status = check_section(r, buffer);
        r->skip = r->status != OK;
    }
    return go_on(r) ? buffer : NULL;
}

static enum status take(struct reading *r, const char *section, const char *name, const char *value)
{
    char place[320];
    snprintf(place, sizeof place, "%.250s:%d", r->path, r->line);
    if (*section == '\0')
        return fail(r->err, E_CONFIG, "%s: '%.60s' stands before the first [section]", place, name);
    if (config_is_maps(section))
        return config_assign_map(r->config, place, name, value, r->config->path, r->line, r->err);
    int key = config_lookup(place, section, name, r->err);
    if (key < 0)
        return E_CONFIG;
    if (r->set_at[key] != 0)
        return fail(r->err, E_CONFIG, "%s: %s.%s is there twice; first on line %d", place, section,
                    name, r->set_at[key]);
    r->set_at[key] = r->line;
    return config_assign(r->config, key, value, r->config->path, r->line, r->err);
}

/* libinih's handler: 1 to go on, 0 after an error. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    if (r->status != OK)
        return 0;
    if (!r->skip)
        r->status = take(r, section, name, value);
    return go_on(r);
}

static enum status read_file(struct reading *r, struct error *err)
{
    if (open_file(r->path, "a config, which is an INI file,", &r->file, err) != OK)
        return E_CONFIG;
    int bad = ini_parse_stream(read_line, r, handle, r);
    int unread = ferror(r->file);
    fclose(r->file);
    if (bad > 0 && (r->status == OK || bad < r->line))
        return fail(err, E_CONFIG, "%s:%d: neither 'key = value' nor '[section]' nor a comment",
                    r->path, bad);
    if (r->status == OK && unread)
        return fail(err, E_CONFIG, "%s: cannot read the config: %s", r->path, strerror(EIO));
    return r->status;
}

static enum status read_config(struct config *c, const char *path, config_listener *listener,
                               void *context, struct error *err)
{
    c->path = config_hold(c, path, strlen(path));
    if (c->path == NULL)
        return fail(err, E_NOMEM, "out of memory reading %s", path);
    struct reading r = {
        .config = c, .path = c->path, .err = err, .listener = listener, .context = context
    };
    enum status status = read_file(&r, err);
    if (status != OK && listener != NULL)
        listener(context, err);
    return status != OK ? status : r.first;
}

enum status config_read(struct config *c, const char *path, struct error *err)
{
    return read_config(c, path, NULL, NULL, err);
}

enum status config_examine(struct config *c, const char *path, config_listener *listener,
                           void *context)
{
    struct error err;
    return read_config(c, path, listener, context, &err);
}
