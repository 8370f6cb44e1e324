#include "stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* Written by the handler. This and `before` are the only global state, because a signal handler has
 * no other means. It is atomic, not just volatile: the handler may run on another thread than the
 * readers. */
static atomic_int caught;
#if ATOMIC_INT_LOCK_FREE != 2
#error "a signal handler must not take a lock"
#endif

static void catch_signal(int number)
{
    caught = number;
}

static const int signals[] = { SIGINT, SIGTERM };
enum { SIGNALS = sizeof signals / sizeof *signals };
static struct sigaction before[SIGNALS];

void stop_listen(void)
{
    /* SA_RESETHAND: a second signal has the default effect. SA_RESTART: no call in the middle of
     * writing a shard fails with EINTR. */
    struct sigaction action = { .sa_handler = catch_signal,
                                .sa_flags = SA_RESTART | (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
}

void stop_leave(void)
{
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
}

bool stop_requested(void)
{
    return caught != 0;
}

int stop_signal(void)
{
    return caught;
}
