#include "result_classes.h"

#include "dataset.h"
#include "result_config.h"

enum status result_classes(const struct result *r, struct class_list *out, struct error *err)
{
    struct config *config;
    *out = (struct class_list){ 0 };
    TRY(result_config(r, &config, err));
    struct dataset_options options = config_dataset(config_values(config));
    options.head_classes = r->classes;
    enum status status = dataset_class_names(&options, out, err);
    config_free(config);
    return status;
}
