/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of an HVM guest's hypercalls: what arch/x86/cpu/guest_access.c hands over here. They
 * are accessed as its supervisor; SMAP does not count, since a kernel gives its own pointers and
 * its programs' alike and has said so by making the call.
 */
#include <arch/cpu.h>
#include <arch/gwalk.h>
#include <arch/hvm_cpu.h>
#include <hv/errno.h>

bool hvm_guest_range_ok(uint64_t addr, size_t n)
{
    struct gwalk_cpu cpu;
    uint64_t last;

    gwalk_cpu_of(current, &cpu);
    if (n == 0)
        return gwalk_address_ok(&cpu, addr);
    if (__builtin_add_overflow(addr, (uint64_t)n - 1, &last))
        return false;
    /* not over the hole between the halves */
    return gwalk_address_ok(&cpu, addr) && gwalk_address_ok(&cpu, last) &&
           (int64_t)(addr ^ last) >= 0;
}

/*
 * These stay calls: inlined into guest_read() and its like they would make the short copy of a PV
 * guest's argument save registers that it does not use.
 */
#define OUT_OF_LINE __attribute__((noinline))

OUT_OF_LINE int hvm_guest_read(void *dst, uint64_t addr, size_t n)
{
    struct hvm_fault f;

    if (!hvm_guest_range_ok(addr, n) ||
        hvm_copy_from_linear(current, dst, addr, n, GWALK_NO_SMAP, &f) != HVM_COPY_OK)
        return -EFAULT;
    return 0;
}

OUT_OF_LINE int hvm_guest_write(uint64_t addr, const void *src, size_t n)
{
    struct hvm_fault f;

    if (!hvm_guest_range_ok(addr, n) ||
        hvm_copy_to_linear(current, addr, src, n, GWALK_NO_SMAP, &f) != HVM_COPY_OK)
        return -EFAULT;
    return 0;
}

OUT_OF_LINE int hvm_guest_clear(uint64_t addr, size_t n)
{
    static const uint64_t zeros[64];
    size_t part;

    if (!hvm_guest_range_ok(addr, n))
        return -EFAULT;
    for (; n > 0; addr += part, n -= part) {
        part = MIN(n, sizeof(zeros));
        if (hvm_guest_write(addr, zeros, part))
            return -EFAULT;
    }
    return 0;
}
