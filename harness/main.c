/* evalh: finds the subcommand. Nothing else ends the program. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "quote.h"
#include "suggest.h"
#include "version.h"

static void print_help(FILE *to)
{
    fputs("Usage: evalh COMMAND [ARGUMENT...]\n"
          "Evaluates explanations of vision models (Vim, DeiT) on images.\n\n",
          to);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n  evalh COMMAND --help   the options of a command\n"
          "  evalh run --keys       every key of a config\n"
          "  evalh run --methods    every explanation method\n"
          "  evalh --version\n\n"
          "Exit codes: 0 done; 1 failed or stopped after work had begun; 2 nothing was run.\n",
          to);
}

static int unknown_command(const char *name)
{
    const char *names[32];
    size_t count = 0;
    while (commands[count] != NULL && count < 32) {
        names[count] = commands[count]->name;
        count++;
    }
    char list[200];
    join_words(list, sizeof list, names, count);
    const char *near = suggest(name, names, count);
    log_error("unknown command '%s'%s%s%s; commands are %s", name, near ? "; did you mean '" : "",
              near ? near : "", near ? "'?" : "", list);
    return EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("evalh %s (%s)\n", EVALH_VERSION, EVALH_COMMIT);
        return EXIT_DONE;
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        char full[64];
        snprintf(full, sizeof full, "evalh %s", commands[i]->name);
        argv[1] = full;
        return command_main(commands[i], argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}

/* Makes threads that wait at a barrier sleep soon, unless the environment says otherwise. By
 * default libgomp lets them spin for milliseconds, which on a machine that is shared takes the very
 * core that the awaited thread wants: with two busy processes beside it on two cores a forward pass
 * of one image took 15.8 times as long as alone, and takes 2.1 to 2.9 times now
 * (scripts/bench_busy.sh). libgomp reads this before main begins, hence the second start. */
static void wait_gracefully(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL ||
        setenv("GOMP_SPINCOUNT", "10000", 1) != 0) /* some 100 microseconds */
        return;
    execv("/proc/self/exe", argv); /* where exec fails, this process goes on unchanged */
}

/* Nothing from a file reaches a terminal raw: what is printed goes the way of what is logged. */
static void print_safely(void)
{
    FILE *safe = quote_stream(STDOUT_FILENO);
    if (safe != NULL)
        stdout = safe;
}

/* What is still to be printed is, and `raw` is standard output again; false where that failed. */
static bool end_printing(FILE *raw)
{
    bool good = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (stdout != raw) {
        good = fclose(stdout) == 0 && good;
        stdout = raw;
    }
    return good;
}

int main(int argc, char **argv)
{
    FILE *raw = stdout;
    wait_gracefully(argv);
    print_safely();
    int code = dispatch(argc, argv);
    if (!end_printing(raw)) {
        log_error("cannot write to standard output");
        return EXIT_FAILED;
    }
    return code;
}
