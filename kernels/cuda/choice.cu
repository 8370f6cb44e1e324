/* Parses the choice of kernels. */
#include "cu.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 4 };

static const struct {
    const char *name, *word[WORDS];
} choices[] = {
#define CU_CHOICE_ROW(id, name, ...) { name, { __VA_ARGS__ } },
    CU_CHOICES(CU_CHOICE_ROW)
#undef CU_CHOICE_ROW
};

static bool same(const char *word, const char *text, size_t length)
{
    return word != NULL && strlen(word) == length && memcmp(word, text, length) == 0;
}

/* All that may be said, for a message. */
static const char *all_choices(char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < CU_CHOICE_COUNT; i++)
        for (int k = 0; k < WORDS && choices[i].word[k] != NULL && used < size; k++)
            used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used > 0 ? ", " : "",
                                     choices[i].name, choices[i].word[k]);
    return text;
}

/* One "name=word" of `length` characters. */
static bool choose_one(const char *text, size_t length, int choice[CU_CHOICE_COUNT])
{
    const char *equals = (const char *)memchr(text, '=', length);
    const size_t name = equals == NULL ? length : (size_t)(equals - text);
    for (int i = 0; i < CU_CHOICE_COUNT && equals != NULL; i++)
        for (int k = 0; k < WORDS && same(choices[i].name, text, name); k++)
            if (same(choices[i].word[k], equals + 1, length - name - 1)) {
                choice[i] = k;
                return true;
            }
    return false;
}

enum status cu_choose(const char *text, int choice[CU_CHOICE_COUNT], struct error *err)
{
    memset(choice, 0, CU_CHOICE_COUNT * sizeof *choice);
    while (text != NULL && *text != '\0') {
        const size_t length = strcspn(text, ",");
        char all[600];
        if (!choose_one(text, length, choice))
            return fail(err, E_CONFIG, "EVALH_KERNELS: '%.*s' is not one of: %s", (int)length, text,
                        all_choices(all, sizeof all));
        text += length + (text[length] == ',');
    }
    return OK;
}

void cu_choices_text(const int choice[CU_CHOICE_COUNT], bool others, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < CU_CHOICE_COUNT; i++)
        if ((choice[i] != 0 || !others) && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used > 0 ? "," : "",
                                     choices[i].name, choices[i].word[choice[i]]);
}
