/* Man pages and shell completion from the tables that the program itself is made of: commands,
 * their argp options, config keys, methods, tasks, kinds of data set. Nothing is named twice.
 *
 * A program of the build (evalh-docs), not installed. Each function writes whole files into one
 * folder, under a temporary name and then renamed. */
#pragma once

#include <stdio.h>

#include "command.h"
#include "config.h"
#include "status.h"

/* A file that is being written. */
struct page {
    char path[4096], temporary[4096 + 8];
    FILE *to;
};

/* Creates folder/name. E_IO names the file. */
enum status page_open(struct page *, const char *folder, const char *name, struct error *err);
/* Renames the file to its name; E_IO where any write had failed. */
enum status page_close(struct page *, struct error *err);

/* ---- man pages (man.c, man_config.c) ---- */

/* Running text as roff: backslashes, hyphens and leading dots come out as they are. */
void roff_text(FILE *, const char *text);
/* .TH and NAME: "evalh-run \- runs what configs say". */
void roff_title(FILE *, const char *name, const char *section, const char *summary);

enum status man_main(const char *folder, struct error *err);
enum status man_command(const char *folder, const struct command *, struct error *err);
enum status man_config(const char *folder, struct error *err);

/* ---- options of a command, without those that end an argp table ---- */

/* The i-th option with a name or a key, or NULL past the last. */
const struct argp_option *option_at(const struct argp *, int i);
/* 'h' for -h; 0 where the option has no short form. */
char option_letter(const struct argp_option *);

/* ---- completion (complete_bash.c, complete_zsh.c) ---- */

enum status complete_bash(const char *folder, struct error *err);
enum status complete_zsh(const char *folder, struct error *err);

/* What a word of the command line names, according to its place holder ("DIR", "N", "md|csv"). */
enum operand {
    OPERAND_NONE,
    OPERAND_CHOICE,
    OPERAND_OVERRIDE,
    OPERAND_FOLDER,
    OPERAND_FILE,
    OPERAND_METHOD,  /* METHOD: an explanation method */
    OPERAND_METHODS, /* METHOD,...: several */
    OPERAND_MODEL,   /* MODEL: a published name, or a file */
    OPERANDS
};
enum operand operand_of(const char *place_holder);
/* The words of an OPERAND_CHOICE, or of the methods or models, with blanks between. */
void choice_words(FILE *, const char *place_holder);
/* How a shell is told to complete what `place_holder` stands for. */
enum shell { BASH, ZSH, SHELLS };
void print_offer(FILE *, enum shell, const char *place_holder);

/* The words that a key takes, one call each: choices, a set, the special word of a number, methods,
 * tasks, kinds of data set. */
void key_words(const struct config_key *, void (*word)(void *, const char *), void *);
