#include "gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "free_all.h"
#include "quote.h"

const char *const picture_kinds[PICTURES] = { "png", "pdf", "svg" };

void gnuplot_terminal(FILE *script, int kind, const char *stem, double width_cm, double height_cm)
{
    /* Text is 9 pt in print; the PNG has 254 dots per inch, the SVG 50 points per centimetre. */
    const double dots = 100, points = 50;
    static const char *const font = "DejaVu Sans";

    if (kind == 0)
        fprintf(script,
                "set terminal pngcairo noenhanced size %.0f,%.0f font '%s,9' fontscale 2.6 "
                "linewidth 2.6 "
                "pointscale 2.2\n",
                width_cm * dots, height_cm * dots, font);
    else if (kind == 1)
        fprintf(script,
                "set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font '%s,9' fontscale 0.55 "
                "linewidth 1.4 pointscale 0.6\n",
                width_cm, height_cm, font);
    else
        fprintf(script,
                "set terminal svg noenhanced size %.0f,%.0f dynamic font '%s,12' linewidth 1.4 "
                "background "
                "'white'\n",
                width_cm * points, height_cm * points, font);
    fputs("set output ", script);
    char *file;
    if (asprintf(&file, "%s.%s", stem, picture_kinds[kind]) >= 0) {
        gnuplot_quote(script, file);
        free(file);
    }
    fputc('\n', script);
}

void gnuplot_quote(FILE *script, const char *text)
{
    fputc('\'', script);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', script);
        fputc(*text == '\n' ? ' ' : *text, script);
    }
    fputc('\'', script);
}

void gnuplot_text(FILE *script, const char *text)
{
    char *safe = quote_copy(text);
    gnuplot_quote(script, safe != NULL ? safe : "");
    free(safe);
}

struct line_style line_style_of(const char *method, size_t index)
{
    static const struct {
        const char *method;
        struct line_style style;
    } known[] = {
        { "raw", { "#0072B2", 7, "solid", HATCH_NONE } },
        { "rollout", { "#D55E00", 5, "solid", 4 } },
        { "attribution", { "#009E73", 9, "solid", 5 } },
        { "unified", { "#CC79A7", 13, "solid", 1 } },
        { "mambalrp", { "#E69F00", 11, "solid", HATCH_NONE } },
        { "genatt", { "#56B4E9", 15, "solid", 7 } },
        { "gradcam", { "#0072B2", 4, "(8,3)", 5 } },
        { "hirescam", { "#0072B2", 8, "(3,2)", 1 } },
        { "ixg", { "#D55E00", 6, "(8,3)", 6 } },
        { "ig", { "#D55E00", 10, "(3,2)", 7 } },
        { "attn_gradcam", { "#56B4E9", 12, "(8,3)", 4 } },
        { "libra", { "#009E73", 4, "(8,3)", 4 } },
        { "attnlrp", { "#009E73", 6, "(3,2)", HATCH_NONE } },
        { "partial_lrp", { "#E69F00", 8, "(8,3)", 5 } },
        { "full_lrp", { "#E69F00", 12, "(3,2)", 7 } },
        { "smoothgrad", { "#CC79A7", 6, "(8,3)", 6 } },
        { "expected_gradients", { "#CC79A7", 8, "(3,2)", 4 } },
        { "xvmamba", { "#7F6000", 15, "solid", 5 } },
        { "random", { "#666666", 6, "(6,3)", 2 } },
        { "center", { "#999999", 4, "(2,2)", 7 } },
        { "randomised", { "#000000", 2, "(6,1.5)", HATCH_NONE } },
    };
    static const struct line_style others[] = {
        { "#56B4E9", 7, "solid", 4 },     { "#7F6000", 9, "(8,3)", 6 },
        { "#8C6BB1", 5, "solid", 5 },     { "#56B4E9", 11, "(3,2)", 1 },
        { "#7F6000", 13, "(3,2)", 7 },    { "#8C6BB1", 15, "(8,3)", HATCH_NONE },
        { "#56B4E9", 4, "(4,2,1,2)", 5 }, { "#7F6000", 6, "(4,2,1,2)", 4 },
        { "#8C6BB1", 8, "(4,2,1,2)", 1 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i].method) == 0)
            return known[i].style;
    return others[index % (sizeof others / sizeof *others)];
}

enum status make_directory(const char *path, struct error *err)
{
    char *part = strdup(path);
    if (!part)
        return fail(err, E_NOMEM, "%s: no memory", path);
    int bad = 0;
    for (char *slash = strchr(part + 1, '/'); slash && !bad; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bad = mkdir(part, 0777) != 0 && errno != EEXIST;
        *slash = '/';
    }
    bad = bad || (mkdir(part, 0777) != 0 && errno != EEXIST);
    free(part);
    struct stat st;
    if (!bad && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        bad = 1;
    }
    if (bad || access(path, W_OK | X_OK) != 0)
        return fail(err, E_IO, "%s: %s: a folder that can be written is expected", path,
                    strerror(errno));
    return OK;
}

enum status make_directory_of(const char *file, struct error *err)
{
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file)
        return OK;
    char *folder = strndup(file, (size_t)(slash - file));
    enum status status =
        folder ? make_directory(folder, err) : fail(err, E_NOMEM, "%s: no memory", file);
    free(folder);
    return status;
}

/* Our environment with another locale: scripts are UTF-8 whatever the caller's locale is, and
 * gnuplot warns of every script in another encoding. `locale` comes first. malloc'ed. */
static char **environment_of(char *locale)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **own = calloc(count + 2, sizeof *own);
    if (!own)
        return NULL;
    own[kept++] = locale;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            own[kept++] = environ[i];
    return own;
}

enum status gnuplot_run(const char *script, struct error *err)
{
    char program[] = "gnuplot", locale[] = "LC_ALL=C.UTF-8", *file = strdup(script);
    char *arguments[] = { program, file, NULL }, **environment = environment_of(locale);
    pid_t child;
    int ended = 0;

    if (!file || !environment) {
        FREE_ALL(file, environment);
        return fail(err, E_NOMEM, "%s: no memory", script);
    }
    int bad = posix_spawnp(&child, program, NULL, NULL, arguments, environment);
    FREE_ALL(environment, file);
    if (bad)
        return fail(err, E_IO, "gnuplot cannot be run: %s; plots need it (Debian: gnuplot-nox)",
                    strerror(bad));
    while (waitpid(child, &ended, 0) < 0)
        if (errno != EINTR)
            return fail(err, E_IO, "gnuplot: %s", strerror(errno));
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        return OK;
    return fail(err, E_IO, "gnuplot failed on %s", script);
}
