/* evalh(1) and a page for each subcommand. */
#include <string.h>

#include "docs.h"

void roff_text(FILE *f, const char *text)
{
    bool starts = true;
    for (const char *p = text; *p != '\0'; p++) {
        if (starts && (*p == '.' || *p == '\''))
            fputs("\\&", f);
        if (*p == '\\')
            fputs("\\e", f);
        else if (*p == '-')
            fputs("\\-", f);
        else
            fputc(*p, f);
        starts = *p == '\n';
    }
}

void roff_title(FILE *f, const char *name, const char *section, const char *summary)
{
    fputs(".\\\" Made by evalh-docs from the tables of the program.\n.TH ", f);
    for (const char *p = name; *p != '\0'; p++)
        fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, f);
    fprintf(f, " %s \"\" \"evalh %s\" \"evalh\"\n.nh\n.ad l\n.SH NAME\n", section, EVALH_VERSION);
    roff_text(f, name);
    fputs(" \\- ", f);
    roff_text(f, summary);
    fputc('\n', f);
}

static void paragraph(FILE *f, const char *text)
{
    roff_text(f, text);
    fputc('\n', f);
}

static void item(FILE *f, const char *term, const char *text)
{
    fputs(".TP\n.B ", f);
    paragraph(f, term);
    paragraph(f, text);
}

/* ---- examples: what no table says ------------------------------------------------------------ */

static const struct {
    const char *command, *line, *says;
} examples[] = {
    { "run", "evalh run configs/perturb_vim_s.ini --dry-run",
      "opens the checkpoint and the data, says what would be done, and stops" },
    { "run", "evalh run configs/perturb_vim_s.ini --limit 100",
      "the first 100 images: a look before the long run" },
    { "run", "evalh run configs/segment_vim_s.ini -s run.protocol=paper --fresh",
      "the paper's equations in place of its released code; replaces an earlier result" },
    { "run", "evalh run configs/perturb_deit_s.ini weights/*.pth",
      "the same test for each of these checkpoints: results/perturb_deit_s-NAME.h5" },
    { "report", "evalh report results/perturb_vim_s.h5 --plots plots",
      "the table on standard output, the curves as PNG, PDF and SVG" },
    { "report", "evalh report --paper -f latex results/*.h5 > tables.tex",
      "the paper's tables, the rows that there are; gaps are shown" },
    { "report", "evalh report -f latex -o models.tex results/perturb_deit_s-*.h5",
      "a row for each model and method, the best in bold: a table for a paper's \\\\input" },
    { "compare", "evalh compare results/baseline/nightly_vim.h5 results/nightly_vim.h5",
      "whether a new run gave what the baseline gave" },
    { "compare", "evalh compare --paired --tolerance 1e-5 cpu.h5 gpu.h5",
      "two devices: rounding is allowed, and what it does to the scores is shown" },
    { "attn", "evalh attn vim_s_midclstok_80p5acc.pth cat.jpg --beside deit_small_patch16_224.pth",
      "hidden attention beside attention: three layers, the mean of channels and of heads" },
    { "attn", "evalh attn --influence configs/segment_vim_s.ini --images 100",
      "which patches reach CLS, layer by layer, over 100 images" },
    { "bench", "evalh bench vim_small --plot roofline",
      "what a forward pass takes here, and what its operations could take" },
    { "doctor", "evalh doctor configs/perturb_vim_s.ini", "before a run of days" },
    { "explain", "evalh explain vim_s_midclstok_80p5acc.pth shark.jpg --class 'great white shark'",
      "what speaks for that class, whatever the model says" },
    { "export", "evalh export results/demo_vit.h5 -m raw -o maps",
      "the maps of one method, which a run takes with [maps] theirs = maps/raw.h5" },
    { "export", "evalh export results/demo_vit.h5 -f png --size 512 -i object0-0001.jpg",
      "one image under the heat of every method, in pictures of 512 by 512 pixels" },
    { "explain", "evalh explain vim_s_midclstok_80p5acc.pth cat.jpg dog.jpg --out panels",
      "top five classes, and each photograph beside its heat maps" },
    { "rescore", "evalh rescore results/perturb_vim_s.h5",
      "the other ways to put ten accuracies into one number" },
    { "precision", "evalh precision configs/perturb_deit_t.ini --images 16",
      "what fp32 would do to the ViT's attribution" },
    { "info", "evalh info vim_s_midclstok_80p5acc.pth results/demo_vim.h5", "what each file is" },
};
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

/* The examples of one command or, for NULL, the first of each. */
static void print_examples(FILE *f, const char *command)
{
    bool any = false;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const char *before = i > 0 ? examples[i - 1].command : "";
        if (command == NULL ? strcmp(examples[i].command, before) == 0
                            : strcmp(examples[i].command, command) != 0)
            continue;
        if (!any)
            fputs(".SH EXAMPLES\n", f);
        any = true;
        item(f, examples[i].line, examples[i].says);
    }
}

/* The meaning of exit codes 0, 1 and 2: a command's own, or else those of `usual`. */
static const struct exit_codes {
    const char *command, *says[3];
} own_codes[] = {
    { "compare",
      { "the files hold the same numbers, within the tolerance",
        "numbers differ, the images are others, or B was slower than --slower allows",
        "a file cannot be read, or the command line is not right: nothing was compared" } },
    { "doctor",
      { "nothing was found that would be in the way of the run", "doctor itself failed",
        "something is wrong, and was reported; or the command line is not right" } },
    { "info",
      { "all files were described", "a file after the first could not be read",
        "the first file could not be read, or the command line is not right" } },
};
static const struct exit_codes usual = {
    NULL,
    { "done", "something failed, or was stopped, after work had begun; what was finished is kept",
      "nothing was run: the command line, a config or an input is not right" }
};

/* command NULL: the meanings that most commands share. */
static void print_exit_status(FILE *f, const char *command)
{
    const struct exit_codes *codes = &usual;
    for (size_t i = 0; command != NULL && i < sizeof own_codes / sizeof *own_codes; i++)
        if (strcmp(own_codes[i].command, command) == 0)
            codes = &own_codes[i];
    fputs(".SH EXIT STATUS\n", f);
    item(f, "0", codes->says[0]);
    item(f, "1", codes->says[1]);
    item(f, "2", codes->says[2]);
}

/* ---- a command ------------------------------------------------------------------------------- */

static void print_options(FILE *f, const struct argp *argp)
{
    const struct argp_option *o;
    fputs(".SH OPTIONS\n", f);
    for (int i = 0; (o = option_at(argp, i)) != NULL; i++) {
        fputs(".TP\n", f);
        if (option_letter(o) != '\0')
            fprintf(f, "\\fB\\-%c\\fR, ", option_letter(o));
        fputs("\\fB\\-\\-", f);
        roff_text(f, o->name);
        fputs("\\fR", f);
        if (o->arg != NULL) {
            fputs("=\\fI", f);
            roff_text(f, o->arg);
            fputs("\\fR", f);
        }
        fputc('\n', f);
        paragraph(f, o->doc);
    }
}

/* Prints argp's text; the part after a \v comes after the options. */
static void print_description(FILE *f, const char *doc)
{
    const char *rest = strchr(doc, '\v');
    fputs(".SH DESCRIPTION\n", f);
    if (rest == NULL) {
        paragraph(f, doc);
        return;
    }
    char before[4096];
    snprintf(before, sizeof before, "%.*s", (int)(rest - doc), doc);
    paragraph(f, before);
    fputs(".PP\n", f);
    paragraph(f, rest + 1);
}

/* Prints a line for each way to call the command; argp separates them: "A B\n--other C". */
static void print_synopsis(FILE *f, const char *name, const char *operands)
{
    for (const char *line = operands;; line++) {
        char way[200];
        size_t length = strcspn(line, "\n");
        snprintf(way, sizeof way, "%.*s", (int)length, line);
        fprintf(f, "%s.B evalh ", line == operands ? "" : ".br\n");
        roff_text(f, name);
        fputs("\n[\\fIOPTION\\fR...] \\fI", f);
        roff_text(f, way);
        fputs("\\fR\n", f);
        line += length;
        if (*line == '\0')
            return;
    }
}

static void print_command(FILE *f, const struct command *c)
{
    char name[64];
    snprintf(name, sizeof name, "evalh-%s", c->name);
    roff_title(f, name, "1", c->summary);
    fputs(".SH SYNOPSIS\n", f);
    print_synopsis(f, c->name, c->argp->args_doc != NULL ? c->argp->args_doc : "");
    print_description(f, c->argp->doc != NULL ? c->argp->doc : c->summary);
    print_options(f, c->argp);
    print_examples(f, c->name);
    print_exit_status(f, c->name);
    fputs(".SH SEE ALSO\n.BR evalh (1)", f);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (commands[i] != c) {
            fputs(",\n.BR evalh\\-", f);
            roff_text(f, commands[i]->name);
            fputs(" (1)", f);
        }
    fputs(",\n.BR evalh.ini (5)\n", f);
}

enum status man_command(const char *folder, const struct command *c, struct error *err)
{
    struct page page;
    char name[64];
    snprintf(name, sizeof name, "evalh-%s.1", c->name);
    TRY(page_open(&page, folder, name, err));
    print_command(page.to, c);
    return page_close(&page, err);
}

/* ---- evalh(1) -------------------------------------------------------------------------------- */

static void print_main(FILE *f)
{
    roff_title(f, "evalh", "1", "evaluates explanations of vision models");
    fputs(".SH SYNOPSIS\n.B evalh\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n", f);
    paragraph(f,
              "Runs Vision Mamba (Vim) and DeiT checkpoints over images, explains each decision "
              "as a heat map, and measures the maps: how accuracy falls while pixels are removed "
              "(perturbation), and how well the heat covers the object (segmentation). A run is "
              "described by an INI file and leaves one HDF5 file with a record per image; tables, "
              "plots and comparisons are made from such files.");
    fputs(".SH COMMANDS\n", f);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fputs(".TP\n.BR evalh\\-", f);
        roff_text(f, commands[i]->name);
        fputs(" (1)\n", f);
        paragraph(f, commands[i]->summary);
    }
    item(f, "evalh COMMAND --help", "the options of a command");
    item(f, "evalh --version", "the version, and the commit it was built from");
    print_examples(f, NULL);
    fputs(".SH ENVIRONMENT\n", f);
    item(f, "EVALH_DATA, EVALH_WEIGHTS",
         "folders of data sets and checkpoints, for the configs that come with evalh; any ${NAME} "
         "in a config is taken from the environment");
    item(f, "EVALH_PUBLISHED", "folder of the published figures, in place of the installed one");
    item(f, "OMP_NUM_THREADS", "CPU threads, unless compute.threads says otherwise");
    fputs(".SH FILES\n", f);
    item(f, EVALH_DATADIR "/configs", "the demo, and a config for each row of the paper's tables");
    item(f, EVALH_DATADIR "/published", "the published figures that reports put beside ours");
    item(f, EVALH_DOCDIR "/schema.md", "what a result file holds");
    print_exit_status(f, NULL);
    fputs(".SH SEE ALSO\n.BR evalh.ini (5)\n", f);
}

enum status man_main(const char *folder, struct error *err)
{
    struct page page;
    TRY(page_open(&page, folder, "evalh.1", err));
    print_main(page.to);
    return page_close(&page, err);
}
