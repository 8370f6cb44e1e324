/* evalh info FILE...: what a result file, a checkpoint or a data set is. */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataset.h"
#include "h5_read.h"
#include "inference_cli.h"
#include "model.h"
#include "open_file.h"
#include "result.h"
#include "unfinished.h"

struct options {
    struct cli_list in;
};

static const struct cli_place places[] = {
    CLI_FILE_ARGUMENTS(offsetof(struct options, in),
                       "a result file, a checkpoint or a data set is expected"),
    { 0 },
};

/* --- a result file --------------------------------------------------------------------------- */

static void print_entries(const struct result *r)
{
    for (size_t i = 0; i < r->maps; i++)
        printf("  maps                %s, %s%s: %d by %d patches\n", r->map[i].method,
               explained_names[r->map[i].explained], r->map[i].agnostic ? " (one for both)" : "",
               r->map[i].grid, r->map[i].grid);
    for (size_t i = 0; i < r->curves; i++)
        printf("  perturbation        %s, %s, %s\n", r->curve[i].method,
               explained_names[r->curve[i].explained], removal_names[r->curve[i].removal]);
    for (size_t i = 0; i < r->segmentations; i++)
        printf("  segmentation        %s, %s\n", r->segmentation[i].method,
               explained_names[r->segmentation[i].explained]);
}

static enum status info_result(const char *path, struct error *err)
{
    struct result *r;
    size_t scored = 0, labelled = 0;

    TRY(unfinished_open(path, &r, err));
    for (size_t i = 0; i < r->images; i++) {
        scored += r->status[i] == 0;
        labelled += r->status[i] == 0 && r->label[i] >= 0;
    }
    printf("%s: result file of evalh, schema %d%s\n", path, r->schema,
           r->complete ? "" : ", NOT COMPLETE");
    if (r->progress)
        printf("  progress            %s\n", r->progress);
    printf("  images              %zu, of which %zu scored, %zu of them labelled\n", r->images,
           scored, labelled);
    if (!isnan(r->seconds))
        printf("  seconds             %.1f\n", r->seconds);
    for (int a = 0; a < RESULT_ATTRIBUTES; a++)
        if (a != ATTR_CONFIG && *r->attribute[a])
            printf("  %-19s %s\n", attribute_names[a], r->attribute[a]);
    print_entries(r);
    printf("  config\n");
    for (const char *line = r->attribute[ATTR_CONFIG]; *line;) {
        int length = (int)strcspn(line, "\n");
        printf("    %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
    unfinished_close(r);
    return OK;
}

/* --- a checkpoint ---------------------------------------------------------------------------- */

static void print_geometry(const struct model *m)
{
    const struct geometry *g = &m->geo;
    char own[200], tokens[200];
    printf("  model               %s: %d by %d pixels, %d by %d patches of %d (stride %d), %s\n",
           m->arch, g->image_size, g->image_size, g->grid, g->grid, g->patch, g->stride,
           model_tokens(m, tokens, sizeof tokens));
    printf("  geometry            width %d, depth %d, %d classes", g->width, g->depth, g->classes);
    model_describe(m, true, own, sizeof own);
    printf("%s%s\n", own[0] != '\0' ? ", " : "", own);
    printf("  parameters          %zu\n", m->parameters);
    for (size_t i = 0; i < m->notes.count; i++)
        printf("  %s %s\n", i == 0 ? "assumed            " : "                   ",
               m->notes.line[i]);
}

static enum status info_checkpoint(const char *path, struct error *err)
{
    const struct model_options any = { 0 };
    struct checkpoint *c;
    struct model *m;
    struct error why;

    TRY(checkpoint_open(path, &c, err));
    printf("%s: checkpoint, %s, %zu tensors\n  sha256              %s\n", path, c->format, c->count,
           c->sha256);
    /* a sound file of tensors that is no model of ours is reported, and is no failure */
    if (model_open(c, &any, &m, &why) != OK) {
        inference_cli_blame(&why);
        printf("  model               none that evalh knows: %s\n", why.text);
        return OK;
    }
    print_geometry(m);
    model_close(m);
    return OK;
}

/* --- a data set ------------------------------------------------------------------------------ */

static enum status info_dataset(const char *path, const char *kind, struct error *err)
{
    const struct dataset_options options = { .kind = kind, .path = path };
    struct dataset *d;

    TRY(dataset_open(&options, &d, err));
    printf("%s: data set, kind = %s\n  images              %zu%s%s\n  what                %s\n"
           "  fingerprint         %s\n",
           path, kind, d->count, d->has_labels ? ", with labels" : "",
           d->has_masks ? ", with masks" : "", d->description, d->fingerprint);
    if (d->assumed != NULL)
        printf("  assumed             %s\n", d->assumed);
    dataset_close(d);
    return OK;
}

/* --- telling them apart ---------------------------------------------------------------------- */

/* Kinds of file are recognised by content, not by name. */
static enum status info_hdf5(const char *path, struct error *err)
{
    struct h5_file f;
    TRY(h5_open(&f, path, err));
    bool masks = h5_exists(&f, "/value") && h5_exists(&f, "/value/img");
    h5_close(&f);
    return masks ? info_dataset(path, "imagenet_seg", err) : info_result(path, err);
}

/* The beginning of a file [size]; returns how much there is. */
static size_t read_start(const char *path, char *out, size_t size)
{
    FILE *f;
    if (open_file(path, "", &f, NULL) != OK)
        return 0;
    size_t have = fread(out, 1, size, f);
    fclose(f);
    return have;
}

static bool is_text(const char *start, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)start[i] < ' ' && !memchr("\t\n\r", start[i], 3))
            return false;
    return size > 0;
}

/* A text where a checkpoint is expected: a git-lfs pointer, a failed download, or another text
 * under a checkpoint's name. */
static bool stands_for_another(const char *path, const char *start, size_t size)
{
    static const char *const begins[] = { "version https://git-lfs", "<" }, *const ends[] = {
        ".pth", ".pt", ".safetensors", ".bin", ".ckpt"
    };
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (size >= strlen(begins[i]) && memcmp(start, begins[i], strlen(begins[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (length > strlen(ends[i]) && strcmp(path + length - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

/* A file that is not HDF5: a list of images, an archive of them, or a checkpoint. */
static enum status info_other(const char *path, struct error *err)
{
    char start[512];
    struct error why;
    size_t size = read_start(path, start, sizeof start);
    bool tar = size > 262 && memcmp(start + 257, "ustar", 5) == 0;
    if (!tar && (!is_text(start, size) || stands_for_another(path, start, size)))
        return info_checkpoint(path, err); /* an empty file too: it says what is wrong */
    if (info_dataset(path, tar ? "imagenet_tar" : "imagenet_list", &why) == OK)
        return OK;
    return fail(err, E_DATA,
                "%s: a %s, and no data set: %s; evalh info knows result files (.h5), checkpoints "
                "(.pth, .safetensors) and data sets (folder, list, .tar, gtsegs .mat)",
                path, tar ? "tar archive" : "text file", why.text);
}

static enum status info_file(const char *path, struct error *err)
{
    struct stat st;
    if (unfinished_is(path))
        return info_result(path, err);
    if (stat(path, &st) != 0)
        return fail(err, E_CONFIG, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return info_dataset(path, "imagenet", err);
    TRY(check_file(path, "a result file, a checkpoint or a data set", err));
    if (h5_is_hdf5(path))
        return info_hdf5(path, err);
    return info_other(path, err);
}

static enum status info_files(void *options, bool *begun, struct error *err)
{
    const struct cli_list *in = &((const struct options *)options)->in;
    for (size_t i = 0; i < in->count; i++) {
        *begun = i > 0;
        TRY(info_file(in->text[i], err));
    }
    return OK;
}

static const struct argp_option option_table[] = { CLI_HELP_OPTION };

static const struct argp argp =
    CLI_ARGP(option_table, cli_option, "FILE...",
             "Says what a result file, a checkpoint (.pth, .safetensors) or a data set "
             "(gtsegs_ijcv.mat, a folder or list of ImageNet) is.");

static int run_info(void *options)
{
    return cli_run(info_files, options);
}

static const struct options defaults = { .in = { 0 } };

const struct command command_info = { "info", "what a result file, checkpoint or data set is",
                                      &argp, CLI_OPTIONS(places, defaults), run_info };
