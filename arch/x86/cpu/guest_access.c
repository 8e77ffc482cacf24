/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border to the running guest's memory: copies that recover from faults. The address is checked
 * to lie outside of our own range, so whatever happens there is the guest's mapping's doing: it was
 * not there, or not writable (CR0.WP is on).
 *
 * That is for PV guests, whose address space is loaded. An HVM guest's tables are walked
 * (arch/x86/hvm/copy.c).
 */
#include <arch/cpu.h>
#include <arch/guest_range.h>
#include <arch/hvm_cpu.h>
#include <arch/traps.h>
#include <hv/errno.h>
#include <hv/guest.h>

static inline bool caller_is_hvm(void) { return unlikely(is_hvm(current->domain)); }

static inline bool range_ok(uint64_t addr, size_t n)
{
    return guest_range_allowed(addr, n, caller_is_32bit());
}

static inline void access_begin(void)
{
    if (cpu_features.smap)
        stac();
}

static inline void access_end(void)
{
    if (cpu_features.smap)
        clac();
}

/*
 * Bytes that were not copied, from where *dst and *src point then. Whole words first; the rest, or
 * what is left at a fault, byte by byte.
 */
static inline size_t copy(void **dst, const void **src, size_t n)
{
    size_t tail = n & 7, words = n >> 3;

    access_begin();
    __asm__ volatile("1: rep movsq\n\t"
                     "mov %[tail], %[n]\n"
                     "2: rep movsb\n\t"
                     "jmp 4f\n"
                     "3: lea (%[tail], %[n], 8), %[n]\n" /* words left and the tail */
                     "4:\n\t" EX_TABLE("1b", "3b") EX_TABLE("2b", "4b")
                     : [n] "+c"(words), "+D"(*dst), "+S"(*src)
                     : [tail] "r"(tail)
                     : "memory");
    access_end();
    return words;
}

static __attribute__((noinline, cold)) int copy_rest(void *dst, const void *src, size_t n)
{
    return copy(&dst, &src, n) ? -EFAULT : 0;
}

/*
 * A fault may be spurious: the guest has raised the rights of an entry without a flush, and the TLB
 * had the old one, which the fault has removed. So the second one counts.
 */
static inline int copy_twice(void *dst, const void *src, size_t n)
{
    const size_t left = copy(&dst, &src, n);

    return unlikely(left) ? copy_rest(dst, src, left) : 0;
}

bool guest_range_ok(uint64_t addr, size_t n)
{
    return caller_is_hvm() ? hvm_guest_range_ok(addr, n) : range_ok(addr, n);
}

int guest_read(void *dst, uint64_t addr, size_t n)
{
    if (caller_is_hvm())
        return hvm_guest_read(dst, addr, n);
    return range_ok(addr, n) ? copy_twice(dst, (const void *)addr, n) : -EFAULT;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (caller_is_hvm())
        return hvm_guest_write(addr, src, n);
    return range_ok(addr, n) ? copy_twice((void *)addr, src, n) : -EFAULT;
}

int guest_clear(uint64_t addr, size_t n)
{
    static const uint64_t zeros[32];

    if (caller_is_hvm())
        return hvm_guest_clear(addr, n);
    if (!range_ok(addr, n))
        return -EFAULT;
    while (n > 0) {
        const size_t part = MIN(n, sizeof(zeros));

        if (copy_twice((void *)addr, zeros, part))
            return -EFAULT;
        addr += part;
        n -= part;
    }
    return 0;
}
