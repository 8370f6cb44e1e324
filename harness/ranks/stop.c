#include "stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* Written by the handler: the one piece of global state that a signal leaves no way around. Atomic,
 * not just volatile: the handler may run on another thread than those that look. */
static atomic_int caught;
#if ATOMIC_INT_LOCK_FREE != 2
#error "a signal handler must not take a lock"
#endif

static void catch_signal(int number)
{
    caught = number;
}

void stop_listen(void)
{
    /* SA_RESETHAND: the second one has the default effect. SA_RESTART: no call in the middle of
     * writing a shard fails with EINTR. */
    struct sigaction action = { .sa_handler = catch_signal,
                                .sa_flags = SA_RESTART | (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool stop_requested(void)
{
    return caught != 0;
}

int stop_signal(void)
{
    return caught;
}
