#include "state_dict.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Keys under which training code keeps weights, the likelier ones first; then those of copies that
 * are an exponential moving average (EMA). */
static const char *const plain_keys[] = { "model",   "state_dict", "model_state_dict", "net",
                                          "module",  "weights",    "params",           "teacher",
                                          "student", NULL };
static const char *const ema_keys[] = { "model_ema", "state_dict_ema", "ema", "params_ema", NULL };

enum { MAX_DEPTH = 3 }; /* of wrappers in wrappers */

struct found {
    const struct value *dict;
    char path[200]; /* "checkpoint.model", "" at the top; quoted */
};

static size_t count_tensors(const struct value *v, bool *pure)
{
    size_t tensors = 0;
    *pure = false;
    if (v->kind != VALUE_DICT)
        return 0;
    for (size_t i = 0; i < v->as.list.count; i += 2)
        tensors += v->as.list.items[i + 1]->kind == VALUE_TENSOR;
    *pure = tensors * 2 == v->as.list.count;
    return tensors;
}

/* False: cut short. */
static bool join(char *out, size_t size, const char *path, const char *key)
{
    int n = snprintf(out, size, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
    return n >= 0 && (size_t)n < size;
}

static bool search(const struct value *v, int depth, const char *path, struct found *out);

/* Under one of the keys, a wrapper in it included. */
static bool search_keys(const struct value *v, const char *const *keys, int depth, const char *path,
                        struct found *out)
{
    for (size_t i = 0; depth < MAX_DEPTH && keys[i] != NULL; i++) {
        const struct value *inner = dict_find(v, keys[i]);
        char name[sizeof out->path];
        join(name, sizeof name, path, keys[i]);
        if (inner != NULL && search(inner, depth + 1, name, out))
            return true;
    }
    return false;
}

/* A dict that also holds other values counts only where no wrapper in it qualifies: a tensor `loss`
 * beside the weights does not make a state dict. */
static bool search(const struct value *v, int depth, const char *path, struct found *out)
{
    bool pure;
    size_t tensors = count_tensors(v, &pure);
    if (!(tensors > 0 && pure) && search_keys(v, plain_keys, depth, path, out))
        return true;
    if (tensors == 0)
        return false;
    out->dict = v;
    snprintf(out->path, sizeof out->path, "%s", path);
    return true;
}

/* Whether a word of a key says that its weights are an average: "ema_state_dict", "modelEMA",
 * "swa_model", "averaged", "shadow"; "schema" does not. */
static bool means_average(const struct value *key)
{
    static const char *const words[] = { "ema", "swa", "average", "averaged", "shadow" };
    const struct bytes t = key->as.text;
    for (size_t at = 0; key->kind == VALUE_STRING && at < t.size; at++) {
        bool starts =
            at == 0 || !isalpha((unsigned char)t.at[at - 1]) || isupper((unsigned char)t.at[at]);
        for (size_t k = 0; starts && k < sizeof words / sizeof *words; k++) {
            size_t n = strlen(words[k]);
            if (n <= t.size - at && strncasecmp(t.at + at, words[k], n) == 0 &&
                (n == t.size - at || !islower((unsigned char)t.at[at + n])))
                return true;
        }
    }
    return false;
}

static bool search_average(const struct value *v, int depth, const char *path, struct found *out);

/* In a wrapper of averages first under another key that says so: "ema": {"shadow": ...}. */
static bool try_average(const struct value *inner, const char *key, int depth, const char *path,
                        struct found *out)
{
    char inside[sizeof out->path];
    bool pure;
    if (inner == NULL || !join(inside, sizeof inside, path, key))
        return false;
    count_tensors(inner, &pure);
    return (!pure && search_average(inner, depth + 1, inside, out)) ||
           search(inner, depth + 1, inside, out);
}

/* A copy that is an average: under a key of ema_keys, or one that says so. */
static bool search_average(const struct value *v, int depth, const char *path, struct found *out)
{
    int left = 8; /* such keys of a dict */
    if (v->kind != VALUE_DICT || depth >= MAX_DEPTH)
        return false;
    for (size_t i = 0; ema_keys[i] != NULL; i++)
        if (try_average(dict_find(v, ema_keys[i]), ema_keys[i], depth, path, out))
            return true;
    for (size_t i = 0; i < v->as.list.count && left > 0; i += 2) {
        const struct value *key = v->as.list.items[i];
        if (!means_average(key))
            continue;
        left--;
        if (try_average(v->as.list.items[i + 1], BYTES_SHOWN(key->as.text), depth, path, out))
            return true;
    }
    return false;
}

/* Without a key that we know: the one dict of two or more tensors among the values; *count is how
 * many there are. */
static struct found only_dict(const struct value *root, size_t *count)
{
    struct found found = { 0 };
    *count = 0;
    for (size_t i = 0; root->kind == VALUE_DICT && i < root->as.list.count; i += 2) {
        const struct value *key = root->as.list.items[i], *v = root->as.list.items[i + 1];
        bool pure;
        if (key->kind != VALUE_STRING || count_tensors(v, &pure) < 2)
            continue;
        found.dict = v;
        quote_bytes(found.path, sizeof found.path, key->as.text.at, key->as.text.size);
        ++*count;
    }
    return found;
}

static void list_keys(const struct value *root, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < root->as.list.count; i += 2) {
        const struct value *key = root->as.list.items[i], *v = root->as.list.items[i + 1];
        char text[VALUE_TEXT], piece[VALUE_TEXT + QUOTE_SIZE + 8];
        int n = snprintf(piece, sizeof piece, "%s%s (%s)", i == 0 ? "" : ", ",
                         key->kind == VALUE_STRING ? BYTES_SHOWN(key->as.text) : "?",
                         value_describe(v, text));
        if (n < 0 || at + (size_t)n + 4 >= size) {
            snprintf(out + at, size - at, "...");
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s", piece);
    }
}

static enum status no_state_dict(const struct value *root, struct error *err)
{
    char keys[500], text[VALUE_TEXT];
    if (root->kind != VALUE_DICT)
        return fail(err, E_DATA, "it holds %s, not a state dict; save model.state_dict() instead",
                    value_describe(root, text));
    list_keys(root, keys, sizeof keys);
    return fail(err, E_DATA,
                "no state dict: neither the top level nor model, state_dict, model_ema, ... is a "
                "dict of tensors; the top level has %zu keys: %s",
                root->as.list.count / 2, keys);
}

/* Finds the dict to which model.prefix leads, following as many of its dotted parts as are keys of
 * dicts. */
static bool follow_prefix(const struct value *root, const char *prefix, struct found *out)
{
    *out = (struct found){ .dict = root };
    while (*prefix != '\0') {
        size_t n = strcspn(prefix, ".");
        char key[200];
        if (n >= sizeof key)
            break;
        snprintf(key, sizeof key, "%.*s", (int)n, prefix);
        const struct value *inner = dict_find(out->dict, key);
        if (inner == NULL || inner->kind != VALUE_DICT)
            break;
        char path[sizeof out->path];
        join(path, sizeof path, out->path, quote(key).text);
        *out = (struct found){ .dict = inner };
        snprintf(out->path, sizeof out->path, "%s", path);
        prefix += n + (prefix[n] == '.');
    }
    bool pure;
    return out->dict != root && count_tensors(out->dict, &pure) > 0;
}

/* DINO's training files hold two networks: which one is meant cannot be known. */
static enum status check_two(const struct value *root, const struct found *plain, struct error *err)
{
    bool pure;
    const struct value *teacher = dict_find(root, "teacher"), *student = dict_find(root, "student");
    bool either = plain->dict == teacher || plain->dict == student;
    if (!either || teacher == NULL || student == NULL || count_tensors(teacher, &pure) == 0 ||
        count_tensors(student, &pure) == 0)
        return OK;
    return fail_key(
        err, E_DATA, "model.prefix",
        "both 'teacher' and 'student' hold weights; say which is meant: teacher or student");
}

static enum status take_ema(const struct found *plain, const struct found *ema, bool has_plain,
                            bool has_ema, struct error *err)
{
    if (has_ema)
        return OK;
    return fail_key(
        err, E_CONFIG, "model.weights",
        "ema is asked for, and the file has no EMA copy (model_ema, state_dict_ema, ema, swa, "
        "shadow ...); leave it out to take the weights at '%s'; model.prefix takes any others",
        has_plain ? plain->path : ema->path);
}

/* ---- what is left out ---- */

struct left_out {
    const struct value *taken, *other; /* `other` has a note of its own, or NULL */
    const char *taken_path;
    const struct value *noted[8];
    size_t count, least, budget; /* tensors that make a second model; values yet to look at */
};

static bool is_noted(const struct left_out *l, const struct value *v)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->noted[i] == v)
            return true;
    return v == l->taken || v == l->other;
}

/* Notes every other dict that could be a model's weights. A pickle's values may go round in
 * circles: hence the depth and the budget. */
static void note_left_out(struct left_out *l, const struct value *v, int depth, const char *path,
                          struct notes *notes)
{
    for (size_t i = 0; v->kind == VALUE_DICT && i < v->as.list.count && l->budget > 0; i += 2) {
        const struct value *key = v->as.list.items[i], *inner = v->as.list.items[i + 1];
        char inside[200];
        bool pure;
        l->budget--;
        if (key->kind != VALUE_STRING || inner->kind != VALUE_DICT || is_noted(l, inner) ||
            !join(inside, sizeof inside, path, BYTES_SHOWN(key->as.text)))
            continue;
        size_t tensors = count_tensors(inner, &pure), cost = inner->as.list.count / 2;
        l->budget -= cost < l->budget ? cost : l->budget;
        if (tensors >= l->least && l->count < sizeof l->noted / sizeof *l->noted) {
            l->noted[l->count++] = inner;
            note(notes,
                 "weights: %s%s%s; '%s' holds %zu tensors too, which were left out "
                 "(model.prefix = %s takes them)",
                 l->taken_path[0] != '\0' ? "'" : "the top level's", l->taken_path,
                 l->taken_path[0] != '\0' ? "'" : "", inside, tensors, inside);
        } else if (depth + 1 < MAX_DEPTH) {
            note_left_out(l, inner, depth + 1, inside, notes);
        }
    }
}

enum status find_state_dict(const struct value *root, const struct checkpoint_options *o,
                            const struct value **out, struct notes *notes, struct error *err)
{
    struct found plain = { 0 }, ema = { 0 };
    size_t others = 0;
    if (o->prefix != NULL && follow_prefix(root, o->prefix, &plain)) {
        *out = plain.dict;
        return OK;
    }
    bool has_ema = search_average(root, 0, "", &ema);
    bool has_plain = search(root, 0, "", &plain);
    /* The dict around an EMA copy that has tensors of its own is no plain weights: see search. */
    if (has_plain && has_ema && plain.dict == root)
        has_plain = false;
    struct found only = only_dict(root, &others);
    if (!has_plain && !has_ema && others == 1) {
        plain = only;
        has_plain = true;
        note(notes, "weights: the dict '%s', the only one with tensors", plain.path);
    }
    if (!has_plain && !has_ema)
        return no_state_dict(root, err);
    bool pure;
    if (has_plain && plain.dict == root && others == 1 &&
        count_tensors(only.dict, &pure) > count_tensors(root, &pure)) {
        plain = only; /* a few tensors beside one dict of more, under a key of its own */
        note(notes, "weights: the dict '%s', the only one with tensors", plain.path);
    }
    TRY(check_two(root, &plain, err));
    if (o->weights == CHECKPOINT_EMA)
        TRY(take_ema(&plain, &ema, has_plain, has_ema, err));
    bool take = o->weights == CHECKPOINT_EMA || !has_plain;
    if (has_plain && has_ema)
        note(notes, "weights: %s ('%s'); '%s' holds %s too, model.weights = %s takes them",
             take ? "the EMA copy" : "plain", take ? ema.path : plain.path,
             take ? plain.path : ema.path, take ? "plain weights" : "an EMA copy",
             take ? "plain" : "ema");
    else if (has_ema)
        note(notes, "weights: the EMA copy ('%s'), as there are no others", ema.path);
    const struct found *taken = take ? &ema : &plain;
    *out = taken->dict;
    struct left_out l = { .taken = taken->dict,
                          .taken_path = taken->path,
                          .other = !(has_plain && has_ema) ? NULL
                                   : take                  ? plain.dict
                                                           : ema.dict,
                          .least = (count_tensors(taken->dict, &pure) + 1) / 2,
                          .budget = (size_t)1 << 20 };
    note_left_out(&l, root, 0, "", notes);
    return OK;
}
