/* A small worker (docs/worker.md) for tests, which makes the mistakes that it is asked for.
 *
 *     fault_worker [FAULT[=VALUE][@REQUEST] ...]     $FAULTS may name more
 *
 * REQUEST: 0 is before any, 1 hello, 2 memory, 3 the first that computes (the default). Without
 * faults: a model of 10 classes on images of 40 x 40, linear in the colours' means; a method `heat`
 * of 5 x 5 maps and `plain`, class-agnostic, of 10 x 10. PIDS names a file to which it adds its
 * process number. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 40, CLASSES = 10, BATCH = 4, HEAT = 5, PLAIN = 10 };

static char *faults[20];
static int fault_count, request_number;
static char *memory;

/* The value of a fault that is due at this request, "" where it has none; NULL: it is not. */
static const char *due(const char *name)
{
    static char value[100];
    for (int i = 0; i < fault_count; i++) {
        size_t length = strlen(name);
        const char *rest = faults[i] + length, *at = strrchr(faults[i], '@');
        if (strncmp(faults[i], name, length) != 0 || strchr("=@", *rest) == NULL)
            continue;
        if ((at != NULL ? atoi(at + 1) : 3) != request_number)
            continue;
        snprintf(value, sizeof value, "%s", *rest == '=' ? rest + 1 : "");
        value[strcspn(value, "@")] = '\0';
        return value;
    }
    return NULL;
}

static float *at_key(const cJSON *request, const char *key)
{
    return (float *)(memory + (size_t)cJSON_GetObjectItem(request, key)->valuedouble);
}

static int whole(const cJSON *request, const char *key)
{
    return cJSON_GetObjectItem(request, key)->valueint;
}

/* ---- the model ------------------------------------------------------------------------------- */

static double weight(int k, int c)
{
    return sin(1 + 3 * k + 7 * c);
}

static void classify(const float *image, float *logits)
{
    for (int k = 0; k < CLASSES; k++) {
        double sum = 0;
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < SIZE * SIZE; i++)
                sum += weight(k, c) * image[c * SIZE * SIZE + i];
        logits[k] = (float)(8 * sum / (SIZE * SIZE));
    }
}

static void explain(const float *image, int side, int k, float *map)
{
    int step = SIZE / side;
    for (int cell = 0; cell < side * side; cell++) {
        double sum = 0;
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < step * step; i++) {
                int y = cell / side * step + i / step, x = cell % side * step + i % step;
                sum += (k < 0 ? 1 : weight(k, c)) * image[(c * SIZE + y) * SIZE + x];
            }
        map[cell] = (float)sum;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void spoil(float *values, int count)
{
    if (due("nan") != NULL)
        values[count - 1] = NAN;
    if (due("infinite") != NULL)
        values[0] = INFINITY;
}

static cJSON *shape(int n, int a, int b)
{
    int is[] = { n, a, b };
    if (due("shape") != NULL)
        is[1]++;
    return cJSON_CreateIntArray(is, b > 0 ? 3 : 2);
}

static void compute(const cJSON *request, cJSON *reply)
{
    int n = whole(request, "n"), written = due("short") != NULL ? n - 1 : n, size = 3 * SIZE * SIZE;
    const cJSON *method = cJSON_GetObjectItem(request, "method");
    const float *images = at_key(request, "images");
    if (method == NULL) {
        float *logits = at_key(request, "logits");
        for (int i = 0; i < written; i++)
            classify(images + i * size, logits + i * CLASSES);
        spoil(logits, n * CLASSES);
        cJSON_AddItemToObject(reply, "shape", shape(n, CLASSES, 0));
        return;
    }
    int heat = strcmp(method->valuestring, "heat") == 0, side = heat ? HEAT : PLAIN;
    float *maps = at_key(request, "maps");
    for (int i = 0; i < written; i++)
        explain(images + i * size, side,
                heat ? cJSON_GetArrayItem(cJSON_GetObjectItem(request, "classes"), i)->valueint
                     : -1,
                maps + i * side * side);
    spoil(maps, n * side * side);
    cJSON_AddItemToObject(reply, "shape", shape(n, side, side));
}

static void attach(const cJSON *request)
{
    const char *path = cJSON_GetObjectItem(request, "path")->valuestring;
    size_t bytes = (size_t)cJSON_GetObjectItem(request, "bytes")->valuedouble;
    int fd = open(path, O_RDWR);
    if (due("truncate") != NULL && ftruncate(fd, 0) != 0)
        fprintf(stderr, "the memory cannot be cut\n");
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        exit(9);
}

/* hello, with the key that `hello=KEY:VALUE` names in place of the right one. */
static void hello(cJSON *reply)
{
    char text[1000] =
        "{\"protocol\": 1, \"name\": \"faulty\", \"fingerprint\": \"f1\", \"classes\": 10, "
        "\"size\": 40, \"mean\": [0.5, 0.5, 0.5], \"std\": [0.25, 0.25, 0.25], "
        "\"batch\": 4, \"methods\": [{\"name\": \"heat\", \"side\": 5}, "
        "{\"name\": \"plain\", \"side\": 10, \"class_agnostic\": true}], \"grid\": 5}";
    cJSON *all = cJSON_Parse(text);
    const char *change = due("hello");
    while (all->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(all, all->child);
        size_t length = strlen(item->string);
        if (change != NULL && strncmp(change, item->string, length) == 0 && change[length] == ':') {
            cJSON *other = cJSON_Parse(change + length + 1);
            if (other != NULL) /* else the key is left out */
                cJSON_AddItemToObject(reply, item->string, other);
            cJSON_Delete(item);
        } else {
            cJSON_AddItemToObject(reply, item->string, item);
        }
    }
    cJSON_Delete(all);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void say(const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(STDOUT_FILENO, text, left);
        if (n <= 0)
            exit(8);
        text += n;
        left -= (size_t)n;
    }
}

static void flood(FILE *to, double mib)
{
    char line[1024];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (double i = 0; i < mib * 1024; i++)
        fwrite(line, 1, sizeof line, to);
    fflush(to);
}

static void note_pid(void)
{
    const char *path = getenv("PIDS");
    FILE *f = path != NULL ? fopen(path, "a") : NULL;
    if (f == NULL)
        return;
    fprintf(f, "%ld\n", (long)getpid());
    fclose(f);
}

static void before_answer(void)
{
    const char *value;
    if (due("exit") != NULL) {
        fprintf(stderr, "Traceback: something\nRuntimeError: out of \033[31mcheese\n");
        exit(atoi(due("exit")));
    }
    if ((value = due("signal")) != NULL)
        raise(atoi(value));
    if (due("hang") != NULL)
        for (;;)
            pause();
    if (due("crash") != NULL) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (due("print") != NULL)
        say("Loading model ...\n");
    if (due("bytes") != NULL)
        say("\x01\xff\xfe{]\n");
    if (due("half") != NULL) {
        say("{\"id\":");
        exit(0);
    }
    if (due("long") != NULL) {
        static char text[3 << 19];
        memset(text, '7', sizeof text - 1);
        say(text);
    }
    if (due("stdout-flood") != NULL)
        flood(stdout, 4);
    if ((value = due("stderr-flood")) != NULL)
        flood(stderr, atof(value));
    if (due("close") != NULL) {
        close(STDOUT_FILENO);
        for (;;)
            pause();
    }
    if (due("shut") != NULL) /* hears no more requests, but answers this one */
        close(STDIN_FILENO);
    if (due("nul") != NULL && write(STDOUT_FILENO, "{\"id\":\0}\n", 9) != 9)
        exit(8);
    if (due("deep") != NULL) {
        static char text[200000];
        memset(text, '[', sizeof text - 2);
        text[sizeof text - 2] = '\n';
        say(text);
    }
    if (due("empty") != NULL)
        say("\n");
    if (due("child") != NULL && fork() == 0) /* which holds all pipes open */
        for (;;)
            pause();
    if (due("stray") != NULL && fork() == 0) { /* the same, in a session of its own */
        setsid();
        note_pid();
        for (;;)
            pause();
    }
}

static void answer(const cJSON *request)
{
    const char *op = cJSON_GetObjectItem(request, "op")->valuestring, *value;
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddNumberToObject(reply, "id", whole(request, "id") + (due("id") != NULL));
    cJSON_AddBoolToObject(reply, "ok", due("refuse") == NULL);
    if ((value = due("refuse")) != NULL)
        cJSON_AddStringToObject(reply, "error", value);
    else if (strcmp(op, "hello") == 0)
        hello(reply);
    else if (strcmp(op, "memory") == 0)
        attach(request);
    else
        compute(request, reply);
    char *line = cJSON_PrintUnformatted(reply), *lines = NULL;
    /* In one piece, so that a second line is there with the first. */
    if (asprintf(&lines, "%s\n%s%s", due("list") != NULL ? "[1, 2]" : line,
                 due("twice") != NULL ? line : "", due("twice") != NULL ? "\n" : "") < 0)
        exit(8);
    say(lines);
    free(lines);
    free(line);
    cJSON_Delete(reply);
}

static int serve(void)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin) != NULL) {
        cJSON *request = cJSON_Parse(line);
        request_number++;
        if (request == NULL)
            return 7;
        if (strcmp(cJSON_GetObjectItem(request, "op")->valuestring, "quit") == 0) {
            cJSON_Delete(request);
            return 0;
        }
        before_answer();
        answer(request);
        cJSON_Delete(request);
        if (due("leave") != NULL)
            return atoi(due("leave"));
    }
    return 0;
}

int main(int argc, char **argv)
{
    char *more = getenv("FAULTS");
    for (int i = 1; i < argc && fault_count < 19; i++)
        faults[fault_count++] = argv[i];
    for (char *f = more != NULL ? strtok(more, " ") : NULL; f != NULL && fault_count < 19;
         f = strtok(NULL, " "))
        faults[fault_count++] = f;
    note_pid();
    request_number = 0;
    before_answer();
    int deaf = due("deaf") != NULL; /* to the end of input and to SIGTERM */
    if (deaf)
        signal(SIGTERM, SIG_IGN);
    int code = serve();
    while (deaf)
        pause();
    return code;
}
