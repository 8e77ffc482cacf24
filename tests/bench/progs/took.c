/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nanoseconds that a command takes, or that pass from its start until a file has a text:
 *
 *   took COMMAND...
 *   took -u FILE TEXT COMMAND...
 *
 * Prints the number; exits with 1 and says why where the command fails or the text does not come.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_NS 100000000000LL
#define LOOK_NS 100000L /* between two looks at the file */
#define TAIL 65536

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool has_text(const char *file, const char *text)
{
    static char tail[TAIL];
    int fd = open(file, O_RDONLY);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, tail, sizeof(tail));
    close(fd);
    return n > 0 && memmem(tail, (size_t)n, text, strlen(text));
}

static bool wait_for_text(const char *file, const char *text, int64_t start)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };

    while (!has_text(file, text)) {
        if (now() - start > LIMIT_NS)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static pid_t start_command(char **argv)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    if (!freopen("/dev/null", "w", stdout))
        _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    bool until = argc > 4 && strcmp(argv[1], "-u") == 0;
    int64_t start, took = 0;
    int status;
    pid_t pid;

    if (argc < 2)
        return 2;
    start = now();
    pid = start_command(argv + (until ? 4 : 1));
    if (pid < 0)
        return 1;
    if (until) {
        if (!wait_for_text(argv[2], argv[3], start)) {
            fprintf(stderr, "took: no '%s' in %s\n", argv[3], argv[2]);
            return 1;
        }
        took = now() - start;
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "took: the command failed: %#x\n", (unsigned int)status);
        return 1;
    }
    printf("%lld\n", (long long)(until ? took : now() - start));
    return 0;
}
