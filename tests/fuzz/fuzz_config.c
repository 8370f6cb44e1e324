/* libFuzzer target: the INI file of a run. What is accepted has a text that reads back as the same
 * configuration. */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct config *read_config(const char *bytes, size_t size, bool must)
{
    struct config *c = NULL;
    struct error err = { 0 };
    struct memory_file f = memory_file(bytes, size);
    if (config_new(&c, &err) != OK)
        abort();
    enum status s = config_read(c, f.path, &err);
    if (s != OK &&
        (s != E_CONFIG || err.code != s || strncmp(err.text, f.path, strlen(f.path)) != 0)) {
        fprintf(stderr, "message: %s\n", err.text);
        abort();
    }
    if (s == OK)
        s = config_finish(c, &err);
    memory_file_close(&f);
    if (s == OK)
        return c;
    if (must) {
        fprintf(stderr, "%.*s\n%s\n", (int)size, bytes, err.text);
        abort();
    }
    config_free(c);
    return NULL;
}

/* A value that came from the environment may be longer than libinih's line, or hold a variable's
 * mark itself; as a file such a text would be refused. */
static bool reads_back(const char *text)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 190)
            return false;
    return strstr(text, "${") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct config *c = read_config((const char *)bytes, size, false);
    if (c == NULL)
        return 0;
    char *text = config_text(c), first[65], second[65], difference[256];
    if (text == NULL)
        abort();
    if (!reads_back(text)) {
        free(text);
        config_free(c);
        return 0;
    }
    struct config *again = read_config(text, strlen(text), true);
    config_hash(c, first);
    config_hash(again, second);
    if (strcmp(first, second) != 0 || config_difference(c, again, difference, 256) != 0) {
        fprintf(stderr, "%s\n%s\n", text, difference);
        abort();
    }
    free(text);
    config_free(again);
    config_free(c);
    return 0;
}
