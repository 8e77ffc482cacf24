/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine's processors do in a second, of so many that pass while this sleeps:
 *
 *   busy SECONDS
 *
 * Prints the nanoseconds of a second that a processor did not idle, which are instructions where
 * the emulator counts them. Exits with 1 and says why if the hypervisor does not tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define __XEN_TOOLS__
#include <xen/xen.h>

#include <xen/sysctl.h>

#define PAGE 4096
#define MAX_CPUS 64

/* Linux's interface, include/uapi/xen/privcmd.h. */
struct privcmd_hypercall {
    uint64_t op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

/* The hypervisor reads and writes it while the call runs: memory that stays where it is. */
static struct {
    struct xen_sysctl op;
    xen_sysctl_cpuinfo_t cpu[MAX_CPUS];
} call __attribute__((aligned(PAGE)));

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Of all processors since the machine's start, and how many they are; -1 with errno. */
static int idle_time(int fd, int64_t *idle)
{
    struct privcmd_hypercall h = { .op = __HYPERVISOR_sysctl, .arg = { (uintptr_t)&call.op } };

    memset(&call, 0, sizeof(call));
    call.op.cmd = XEN_SYSCTL_getcpuinfo;
    call.op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    call.op.u.getcpuinfo.max_cpus = MAX_CPUS;
    set_xen_guest_handle(call.op.u.getcpuinfo.info, call.cpu);
    if (ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &h) < 0)
        return -1;
    *idle = 0;
    for (unsigned int i = 0; i < call.op.u.getcpuinfo.nr_cpus; i++)
        *idle += (int64_t)call.cpu[i].idletime;
    return (int)call.op.u.getcpuinfo.nr_cpus;
}

int main(int argc, char **argv)
{
    const int seconds = argc == 2 ? atoi(argv[1]) : 0, fd = open("/dev/xen/privcmd", O_RDWR);
    int64_t start, passed, before, after;
    int cpus;

    if (seconds <= 0)
        return 2;
    if (fd < 0 || mlock(&call, sizeof(call)) || idle_time(fd, &before) < 0) {
        fprintf(stderr, "busy: %s\n", strerror(errno));
        return 1;
    }
    start = now();
    sleep((unsigned int)seconds);
    passed = now() - start;
    cpus = idle_time(fd, &after);
    if (cpus <= 0) {
        fprintf(stderr, "busy: %s\n", strerror(errno));
        return 1;
    }
    printf("%lld\n", (long long)((cpus * passed - (after - before)) / seconds));
    return 0;
}
