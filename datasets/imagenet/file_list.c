#include "file_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "same_file.h"
#include "sizes.h"
#include "text_lines.h"

const char *const image_suffixes[] = { ".JPEG", ".jpeg", ".JPG", ".jpg", ".PNG", ".png", NULL };

struct list_reader {
    const char *root; /* NULL: names are not looked up */
    struct class_index *classes;
    struct image_list *list;
    struct list_line *lines; /* [list->count] of each entry */
    size_t room;
    bool csv, begun;
};

bool wnid_of_name(const char *name, char wnid[WNID_LENGTH + 1])
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || !has_image_suffix(name) || dot - name <= WNID_LENGTH ||
        dot[-WNID_LENGTH - 1] != '_')
        return false;
    memcpy(wnid, dot - WNID_LENGTH, WNID_LENGTH);
    wnid[WNID_LENGTH] = '\0';
    return is_wnid(wnid);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static enum status read_label(struct list_reader *r, const char *text, const char *line,
                              int32_t *label, struct error *err)
{
    if (is_wnid(text))
        return class_index_by_name(r->classes, text, label, err);
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return fail(err, E_CONFIG,
                    "'%.80s' has no class index or WordNet id at its end; 'file label' is wanted",
                    line);
    int32_t number = class_number(text);
    if (number < 0)
        return fail(err, E_CONFIG, "class index %.40s is out of range 0 to %d", text, INT32_MAX);
    return class_index_by_number(r->classes, number, label, err);
}

/* Splits "some name.JPEG  17": the label is the last column, so names may hold blanks. `line` is
 * trimmed and not empty. */
static enum status split_line(struct list_reader *r, char *line, int32_t *label, struct error *err)
{
    char wnid[WNID_LENGTH + 1];
    size_t at = strlen(line);
    if (wnid_of_name(line, wnid))
        return class_index_by_name(r->classes, wnid, label, err);
    while (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t')
        at--;
    TRY(read_label(r, at > 0 ? line + at : "", line, label, err));
    trim_end(line, at);
    return OK;
}

static size_t count_words(const char *text)
{
    static const char blanks[] = " \t";
    size_t words = 0;
    for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks), words++)
        text += strcspn(text, blanks);
    return words;
}

/* "label", or "wnid x y x y wnid ..." with every id the same. Several numbers may be several
 * classes. */
static enum status read_boxes(struct list_reader *r, char *text, int32_t *label, struct error *err)
{
    size_t words = count_words(text);
    char shown[81], *rest = NULL;
    snprintf(shown, sizeof shown, "%s", text);
    char *word = strtok_r(text, " \t", &rest), *first = word;
    if (words > 1 && (words % 5 != 0 || !is_wnid(first)))
        return fail(err, E_CONFIG,
                    "'%s': one class an image is wanted, or its WordNet id with boxes, "
                    "'n01440764 x y x y', once or more",
                    shown);
    TRY(read_label(r, first != NULL ? first : "", first != NULL ? first : "", label, err));
    for (size_t n = 1; (word = strtok_r(NULL, " \t", &rest)) != NULL; n++) {
        if (n % 5 != 0 && class_number(word) < 0)
            return fail(err, E_CONFIG,
                        "'%.40s' is no coordinate; 'n01440764 x y x y' is wanted, once or more",
                        word);
        if (n % 5 == 0 && strcmp(word, first) != 0)
            return fail(err, E_CONFIG, "two classes, %.40s and %.40s; one an image is wanted",
                        first, word);
    }
    return OK;
}

static enum status split_csv(struct list_reader *r, char *line, int32_t *label, struct error *err)
{
    char *comma = strchr(line, ',');
    if (comma == NULL || comma == line || strpbrk(comma + 1, ",\"") != NULL || line[0] == '"')
        return fail(err, E_CONFIG, "'%.80s': two columns are wanted, ImageId and class, no quotes",
                    line);
    TRY(read_boxes(r, comma + 1, label, err));
    trim_end(line, (size_t)(comma - line));
    return OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Finds root/name, or with a suffix added where `bare`; *found is the name with it, malloc'ed. */
static enum status find_file(const struct list_reader *r, const char *name, bool bare, char **found,
                             struct stat *st, struct error *err)
{
    *found = NULL;
    for (int i = -1; i < 0 || (bare && image_suffixes[i] != NULL); i++) {
        char *full = text_format("%s%s", name, i < 0 ? "" : image_suffixes[i]);
        char *path = full != NULL ? path_join(r->root, full) : NULL;
        enum status status = OK;
        int wrong = path != NULL ? 0 : ENOMEM;
        if (path != NULL && stat(path, st) != 0)
            wrong = errno;
        if (wrong == ENOMEM)
            status = fail(err, E_NOMEM, "no memory for a path");
        else if (wrong != 0)
            status = fail(err, E_CONFIG, "cannot find '%.300s' (looked for %.400s): %s", name, path,
                          strerror(wrong));
        else if (!S_ISREG(st->st_mode))
            status = fail(err, E_CONFIG, "'%.400s' is not a file", path);
        free(path);
        if (status == OK) {
            *found = full;
            return OK;
        }
        free(full);
        if (wrong != ENOENT)
            return status;
    }
    return err != NULL ? err->code : E_CONFIG;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static enum status take_entry(struct list_reader *r, char *line, size_t number, struct error *err)
{
    int32_t label = -1;
    struct stat st;
    char *name = NULL;
    if (!grow_array(&r->lines, &r->room, r->list->count, sizeof *r->lines))
        return fail(err, E_NOMEM, "no memory for the lines of the list");
    r->lines[r->list->count] = (struct list_line){ number, r->csv, line[0] == '#' };
    TRY(r->csv ? split_csv(r, line, &label, err) : split_line(r, line, &label, err));
    if (r->root == NULL)
        return image_list_add(r->list, strdup(line), label, 0, err);
    TRY(find_file(r, line, r->csv, &name, &st, err));
    return image_list_add_file(r->list, name, label, &st, err);
}

static enum status take_line(void *context, char *line, size_t number, struct error *err)
{
    static const char header[] = "ImageId,";
    struct list_reader *r = context;
    struct error own = { 0 };
    if (!r->begun && strncasecmp(line, header, strlen(header)) == 0) {
        r->csv = r->begun = true;
        return OK;
    }
    if (line[0] != '#') {
        r->begun = true;
        return take_entry(r, line, number, err);
    }
    /* A comment, unless it reads as an entry whose file is there. */
    bool numbers = r->classes->numbers;
    enum status status = take_entry(r, line, number, &own);
    if (status == OK)
        return OK;
    r->classes->numbers = numbers;
    return status == E_NOMEM ? fail(err, E_NOMEM, "%s", own.text) : OK;
}

enum status file_list_read(const char *path, const char *root, struct class_index *classes,
                           struct image_list *out, struct list_line **lines, struct error *err)
{
    struct list_reader r = { .root = root, .classes = classes, .list = out };
    struct stat st;
    if (root != NULL && access(path, F_OK) == 0 && (stat(root, &st) != 0 || !S_ISDIR(st.st_mode)))
        return fail(err, E_CONFIG, "%s: no such folder; root is where the names of %s start", root,
                    path);
    enum status status = text_lines(path, "a text file of 'file label' lines", take_line, &r, err);
    if (status == OK)
        status = check_lines_differ(path, root, out, r.lines, err);
    if (status == OK && out->count == 0)
        status = fail(err, E_CONFIG, "%s: no images; 'file label' lines are wanted", path);
    if (status == OK && lines != NULL)
        *lines = r.lines;
    else
        free(r.lines);
    return status;
}
