// SPDX-License-Identifier: Apache-2.0
// Thread sanitizer builds only. librdkafka makes its threads with C11's thrd_create, which GCC's sanitizer does not
// know: the first allocation in such a thread crashes. Here they are made with pthread_create, which it does know.
#include <pthread.h>
#include <threads.h>

#include <cstdint>

namespace {

struct Start {
    thrd_start_t function;
    void* argument;
};

void* run(void* raw) {
    const Start start = *static_cast<Start*>(raw);
    delete static_cast<Start*>(raw);
    return reinterpret_cast<void*>(static_cast<intptr_t>(start.function(start.argument)));
}

}  // namespace

extern "C" int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
    return pthread_create(thread, nullptr, run, new Start{function, argument}) == 0 ? thrd_success : thrd_error;
}

extern "C" int thrd_join(thrd_t thread, int* result) {
    void* raw = nullptr;
    if (pthread_join(thread, &raw) != 0) return thrd_error;
    if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(raw));
    return thrd_success;
}

extern "C" int thrd_detach(thrd_t thread) { return pthread_detach(thread) == 0 ? thrd_success : thrd_error; }
