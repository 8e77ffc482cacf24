/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How late a sleeper wakes: sleeps again and again until a moment and looks how much later it is.
 *
 *   wakeup TIMES MILLISECONDS     prints "wakeup times=N mean=M median=E worst=W", in microseconds
 *
 * Built as a static program: it runs in a root that has nothing but itself.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_TIMES 10000

static int64_t late[MAX_TIMES];

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
    const struct timespec t = { us / 1000000, us % 1000000 * 1000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

static int rising(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const int times = argc > 2 ? atoi(argv[1]) : 0, ms = argc > 2 ? atoi(argv[2]) : 0;
    int64_t sum = 0;

    if (times < 1 || times > MAX_TIMES || ms < 1) {
        fprintf(stderr, "usage: wakeup TIMES MILLISECONDS\n");
        return 2;
    }
    for (int i = 0; i < times; i++) {
        const int64_t at = now_us() + ms * 1000LL;

        sleep_until(at);
        late[i] = now_us() - at;
        sum += late[i];
    }
    qsort(late, (size_t)times, sizeof(late[0]), rising);
    printf("wakeup times=%d mean=%lld median=%lld worst=%lld\n", times, (long long)(sum / times),
           (long long)late[times / 2], (long long)late[times - 1]);
    return 0;
}
