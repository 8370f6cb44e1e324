#include "ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "ranks_internal.h"

enum status ranks_open_on(struct transport *wire, struct ranks **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        if (wire != NULL)
            wire->close(wire);
        return fail(err, E_NOMEM, "out of memory");
    }
    (*out)->wire = wire;
    return OK;
}

enum status ranks_open(struct ranks **out, struct error *err)
{
    struct transport *wire;
    *out = NULL;
    TRY(transport_open(&wire, err));
    return ranks_open_on(wire, out, err);
}

void ranks_close(struct ranks *r)
{
    if (r != NULL && r->wire != NULL)
        r->wire->close(r->wire);
    free(r);
}

int ranks_count(const struct ranks *r)
{
    return r->wire != NULL ? r->wire->count : 1;
}

bool ranks_lead(const struct ranks *r)
{
    return r->wire == NULL || r->wire->rank == 0;
}

int ranks_local(const struct ranks *r)
{
    return r->wire != NULL ? r->wire->local_rank : 0;
}

int ranks_sharers(const struct ranks *r)
{
    return r->wire != NULL ? r->wire->sharers : 1;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* MPI's own waiting spins, which takes a whole processor from those that compute. We sleep 50 us
 * and up to a millisecond, which is far below the time of a shard and costs nothing that can be
 * measured. */
void ranks_rest(unsigned *pause)
{
    *pause = *pause == 0 ? 50 : *pause >= 500 ? 1000 : 2 * *pause;
    const struct timespec t = { .tv_nsec = (long)*pause * 1000 };
    nanosleep(&t, NULL);
}

void ranks_send(struct ranks *r, int to, enum message_kind kind, int64_t value)
{
    const struct message m = { .kind = (int32_t)kind, .value = value };
    r->wire->send(r->wire, to, &m);
}

void ranks_send_status(struct ranks *r, int to, enum message_kind kind, int64_t value,
                       enum status status, const struct error *err)
{
    struct message m = { .kind = (int32_t)kind, .code = (int32_t)status, .value = value };
    if (status != OK) {
        snprintf(m.text, sizeof m.text, "%s", err->text);
        m.length = (int64_t)strlen(m.text) + 1;
    }
    r->wire->send(r->wire, to, &m);
}

void ranks_await(struct ranks *r, enum message_kind kind, struct message *m)
{
    int from;
    unsigned pause = 0;
    do {
        while (!r->wire->receive(r->wire, m, &from))
            ranks_rest(&pause);
    } while (m->kind != (int32_t)kind);
}

/* ---- agreeing -------------------------------------------------------------------------------- */

/* A failure outranks a signal, which may be just its consequence; among equals the lowest rank
 * counts. */
void verdict_add(struct ranks_verdict *v, int rank, enum status code, const char *text)
{
    bool worse = v->code == OK || (v->code == E_STOPPED && code != E_STOPPED);
    bool equal = (v->code == E_STOPPED) == (code == E_STOPPED) && rank < v->rank;
    if (code == OK || !(worse || equal))
        return;
    v->code = code;
    v->rank = rank;
    fail(&v->err, code, "%s", text);
}

enum status verdict_give(struct ranks *r, const struct ranks_verdict *v, struct error *err)
{
    for (int i = 1; i < ranks_count(r); i++)
        ranks_send_status(r, i, MESSAGE_VERDICT, 0, v->code, &v->err);
    if (v->code != OK && err != NULL)
        *err = v->err;
    return v->code;
}

enum status ranks_report(struct ranks *r, enum message_kind kind, int64_t value, enum status mine,
                         struct error *err)
{
    char host[65] = "host";
    gethostname(host, sizeof host - 1);
    if (mine != OK && mine != E_STOPPED)
        fail_prefix(err, "rank %d on %s: ", r->wire->rank, host);
    ranks_send_status(r, 0, kind, value, mine, err);
    struct message m;
    ranks_await(r, MESSAGE_VERDICT, &m);
    return m.code == OK ? OK : fail(err, (enum status)m.code, "%s", m.text);
}

enum status ranks_agree(struct ranks *r, enum status mine, struct error *err)
{
    if (ranks_count(r) == 1)
        return mine;
    if (!ranks_lead(r))
        return ranks_report(r, MESSAGE_STATUS, 0, mine, err);
    struct ranks_verdict v = { .code = OK };
    verdict_add(&v, 0, mine, mine != OK ? err->text : "");
    unsigned pause = 0;
    for (int left = ranks_count(r) - 1; left > 0;) {
        struct message m;
        int from;
        if (!r->wire->receive(r->wire, &m, &from)) {
            ranks_rest(&pause);
            continue;
        }
        verdict_add(&v, from, (enum status)m.code, m.text);
        left--;
    }
    return verdict_give(r, &v, err);
}

void ranks_share(struct ranks *r, void *bytes, size_t size)
{
    struct message m = { .kind = MESSAGE_SHARED, .length = (int64_t)size };
    if (!ranks_lead(r)) {
        ranks_await(r, MESSAGE_SHARED, &m);
        memcpy(bytes, m.text, size);
        return;
    }
    memcpy(m.text, bytes, size);
    for (int i = 1; i < ranks_count(r); i++)
        r->wire->send(r->wire, i, &m);
}
