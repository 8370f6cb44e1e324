#include "files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "contents.h"
#include "open_file.h"

char *text_format(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

char *path_join(const char *folder, const char *name)
{
    if (name[0] == '/')
        return strdup(name);
    return text_format("%s/%s", folder, name);
}

void path_tidy(char *name)
{
    char *to = name;
    for (const char *from = name; *from != '\0';) {
        bool part = to == name || to[-1] == '/';
        if (part && from[0] == '.' && from[1] == '/')
            from += 2;
        else if (part && to > name && from[0] == '/')
            from++;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

bool has_image_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".jpg") == 0 ||
                           strcasecmp(dot, ".png") == 0);
}

enum status file_image(const char *folder, const char *id, struct image *out, struct error *err)
{
    char *path = path_join(folder, id);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for the path of %s", id);
    enum status status = image_read(path, out, err);
    free(path);
    return status;
}

enum status files_load(struct dataset *dataset, size_t index, struct sample *sample,
                       struct error *err)
{
    return file_image(dataset->impl, dataset->ids[index], &sample->image, err);
}

bool files_peek(struct dataset *dataset, size_t index, size_t place, size_t bytes,
                struct sha256 *hash)
{
    char *path = path_join(dataset->impl, dataset->ids[index]);
    struct stat st;
    FILE *file = NULL;
    (void)place;
    bool read = path != NULL && open_file(path, "an image", &file, NULL) == OK &&
                fstat(fileno(file), &st) == 0 &&
                contents_add(hash, fileno(file), 0, (uint64_t)st.st_size, bytes);
    if (file != NULL)
        fclose(file);
    free(path);
    return read;
}

void files_close(struct dataset *dataset)
{
    free(dataset->impl);
}
