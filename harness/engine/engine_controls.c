/* Controls that look at no model, for engines whose methods are not those of a native model. */
#include <string.h>

#include "engine_kinds.h"

size_t engine_count_controls(void)
{
    size_t count = 0;
    for (int i = 0; explain_methods[i] != NULL; i++)
        count += explain_needs_no_model(explain_methods[i]);
    return count;
}

void engine_add_controls(struct engine *e)
{
    for (int i = 0; explain_methods[i] != NULL; i++)
        if (explain_needs_no_model(explain_methods[i]))
            e->methods[e->method_count++] =
                (struct engine_method){ .name = explain_methods[i]->name,
                                        .summary = explain_methods[i]->summary,
                                        .class_agnostic = true,
                                        .control = explain_methods[i]->control,
                                        .side = e->info.grid };
}

void engine_explain_control(const struct engine *e, const struct explain_image *images, int n,
                            int method, const struct explain_result *r)
{
    const struct engine_method *m = e->prepared[method];
    size_t bytes = (size_t)m->side * (size_t)m->side * sizeof *r->maps;
    for (int i = 0; i < n; i++) {
        float *map = r->maps + engine_map_at(e, i, method, CLASS_PREDICTED);
        explain_without_model(explain_find(m->name), m->side, e->explain_options.seed,
                              images[i].id_hash, map);
        if (e->classes[CLASS_TARGET])
            memcpy(r->maps + engine_map_at(e, i, method, CLASS_TARGET), map, bytes);
    }
}

enum status engine_refuse_switches(const struct explain_options *options, const char *why,
                                   struct error *err)
{
    for (int i = 0; i < EXPLAIN_SWITCH_COUNT; i++)
        if (i != EXPLAIN_TIES_AT && explain_switch_is_set(options, i))
            return fail(err, E_CONFIG,
                        "explain.%s is set; it is a switch of evalh's own methods, %s",
                        explain_switch_infos[i].key, why);
    return OK;
}
