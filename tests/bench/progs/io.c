/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to a block device and bytes through TCP, timed in nanoseconds:
 *
 *   io read|write FILE BLOCK COUNT sequential|random   past the page cache
 *   io sink PORT                    read what one caller sends, then answer with a byte; no time
 *   io send ADDRESS PORT BYTES      until the answer
 *
 * Prints the number; exits with 1 and says why on any failure.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536

static char buffer[1 << 20] __attribute__((aligned(4096)));

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Block numbers in an order that repeats from run to run. */
static size_t next_random(void)
{
    static uint64_t state = 88172645463325252ULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 8);
}

static void requests(const char *file, bool is_write, size_t block, size_t count, bool random)
{
    int fd = open(file, (is_write ? O_WRONLY : O_RDONLY) | O_DIRECT);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    int64_t start;

    if (size < (off_t)block || block > sizeof(buffer))
        err(1, "%s", file);
    start = now();
    for (size_t i = 0; i < count; i++) {
        off_t at = (off_t)((random ? next_random() : i) % ((size_t)size / block) * block);
        ssize_t n = is_write ? pwrite(fd, buffer, block, at) : pread(fd, buffer, block, at);

        if (n != (ssize_t)block)
            err(1, "request %zu", i);
    }
    printf("%lld\n", (long long)(now() - start));
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        errx(1, "no address: %s", host);
    return a;
}

static void sink(const char *port)
{
    struct sockaddr_in a = address_of("0.0.0.0", port);
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1, c;
    ssize_t n;

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
        err(1, "listen");
    c = accept(s, NULL, NULL);
    while ((n = read(c, buffer, CHUNK)) > 0)
        ;
    if (c < 0 || n < 0 || write(c, "", 1) != 1)
        err(1, "sink");
}

static void send_bytes(const char *host, const char *port, size_t bytes)
{
    struct sockaddr_in a = address_of(host, port);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int64_t start;

    if (connect(s, (struct sockaddr *)&a, sizeof(a)))
        err(1, "connect");
    start = now();
    while (bytes > 0) {
        ssize_t n = write(s, buffer, bytes < CHUNK ? bytes : CHUNK);

        if (n <= 0)
            err(1, "write");
        bytes -= (size_t)n;
    }
    shutdown(s, SHUT_WR);
    if (read(s, buffer, 1) != 1)
        err(1, "no answer");
    printf("%lld\n", (long long)(now() - start));
}

int main(int argc, char **argv)
{
    if (argc == 6 && (!strcmp(argv[1], "read") || !strcmp(argv[1], "write")))
        requests(argv[2], argv[1][0] == 'w', strtoul(argv[3], NULL, 0), strtoul(argv[4], NULL, 0),
                 !strcmp(argv[5], "random"));
    else if (argc == 3 && !strcmp(argv[1], "sink"))
        sink(argv[2]);
    else if (argc == 5 && !strcmp(argv[1], "send"))
        send_bytes(argv[2], argv[3], strtoul(argv[4], NULL, 0));
    else
        errx(2, "usage: see the source");
    return 0;
}
