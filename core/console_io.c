/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console_io hypercall: dom0's own console lines, and input for it. Other domains have none in
 * this build (-EPERM).
 */
#include <abi.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/softirq.h>

#define CHUNK 128

static long console_io_write(struct vcpu *v, uint64_t count, uint64_t buffer)
{
    char chunk[CHUNK];

    while (count > 0) {
        size_t n = MIN(count, (uint64_t)CHUNK);

        if (guest_read(chunk, buffer, n))
            return -EFAULT;
        console_puts(chunk, n);
        count -= n;
        buffer += n;
        if (count > 0 && preempt_wanted())
            return hypercall_continue(v, 3, (uint64_t)CONSOLEIO_write, count, buffer);
    }
    return 0;
}

static long console_io_read(uint64_t count, uint64_t buffer)
{
    char chunk[CHUNK];
    size_t n = console_take_input(chunk, MIN(count, (uint64_t)CHUNK));

    if (n > 0 && guest_write(buffer, chunk, n))
        return -EFAULT;
    return (long)n;
}

long hc_console_io(struct vcpu *v, const uint64_t arg[])
{
    uint64_t count = (uint32_t)arg[1];

    if (!v->domain->is_hardware)
        return -EPERM;
    switch ((uint32_t)arg[0]) {
    case CONSOLEIO_write:
        return console_io_write(v, count, arg[2]);
    case CONSOLEIO_read:
        return count > INT32_MAX ? -EINVAL : console_io_read(count, arg[2]);
    default:
        return -ENOSYS;
    }
}
