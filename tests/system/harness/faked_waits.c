// SPDX-License-Identifier: Apache-2.0
// Beside libfaketime, which does not reach C11's cnd_timedwait() (librdkafka waits by it): without this a wait of 10 ms
// until a moment of the false clock ends when the true one gets there. FAKED_BY: seconds that the false clock is ahead.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const struct timespec* until) {
    int (*wait)(cnd_t*, mtx_t*, const struct timespec*) = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec really = *until;
    really.tv_sec -= atoi(getenv("FAKED_BY"));
    return wait(condition, mutex, &really);
}
