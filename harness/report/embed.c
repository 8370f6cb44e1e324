/* embed OUT.c NAME FILE... NAME FILE...: writes texts as C strings (a NAME has no dot in it), for
 * the files that a page embeds. Runs while building. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Writes a line of C for every line of text. */
static void put_file(FILE *out, const char *path)
{
    FILE *in = fopen(path, "r");
    int c, inside = 0;
    if (!in)
        die(path);
    while ((c = fgetc(in)) != EOF) {
        if (!inside)
            fputs("    \"", out);
        inside = c != '\n';
        if (c == '\n')
            fputs("\\n\"\n", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else
            fputc(c, out);
    }
    fputs(inside ? "\"\n" : "", out);
    fclose(in);
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out)
        die(argc > 1 ? argv[1] : "embed OUT.c NAME FILE...");
    fputs("#include \"html.h\"\n", out);
    for (int i = 2; i < argc; i++) {
        bool name = !strchr(argv[i], '.');
        if (name)
            fprintf(out, "%s\nconst char %s[] =\n", i > 2 ? "    \"\";\n" : "", argv[i]);
        else
            put_file(out, argv[i]);
    }
    fputs("    \"\";\n", out);
    return fclose(out) == 0 ? 0 : 1;
}
