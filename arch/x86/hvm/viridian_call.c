/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's hypercalls: those that Xen 4.17 answers. TLFS, "Hypercall Interface"; flushes and IPIs
 * in "Virtual MMU" and "Virtual Interrupt Control". Each is done whether CPUID recommends it or
 * not.
 */
#include <arch/regs.h>
#include <hv/errno.h>
#include <hv/sched.h>

#include "viridian_priv.h"

enum { CALL_FLUSH_SPACE = 0x02, CALL_FLUSH_LIST = 0x03, CALL_LONG_SPIN_WAIT = 0x08,
       CALL_SEND_IPI = 0x0b, CALL_FLUSH_SPACE_EX = 0x13, CALL_FLUSH_LIST_EX = 0x14,
       CALL_SEND_IPI_EX = 0x15 };
enum { STATUS_SUCCESS = 0, STATUS_INVALID_CODE = 2, STATUS_INVALID_PARAMETER = 5 };
enum { SET_SPARSE = 0, SET_ALL = 1 };

#define FAST BIT(16)
#define FLUSH_ALL_PROCESSORS BIT(0)

struct call {
    uint64_t control, in, out; /* in, out: addresses, or values of a fast call */
    uint64_t vcpus[HVM_VCPUS / 64]; /* who is meant */
};

struct vp_set {
    uint64_t format, banks; /* of 64 vcpus each; those there are follow as masks */
};

struct ipi_head {
    uint32_t vector;
    uint8_t vtl, reserved[3];
};

static unsigned int rep_count(const struct call *c) { return c->control >> 32 & 0xfff; }

static bool read_in(struct vcpu *v, void *dst, uint64_t gpa, size_t n)
{
    return hvm_copy_from_phys(v->domain, dst, gpa, n) == 0;
}

/* --- who -------------------------------------------------------------------------------------- */

static void set_all(struct call *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->vcpus); i++)
        c->vcpus[i] = ~0ULL;
}

/* The set at gpa. All its banks are read, also those of vcpus that cannot be. */
static bool read_set(struct vcpu *v, struct call *c, uint64_t gpa)
{
    struct vp_set s;
    uint64_t mask;

    if (!read_in(v, &s, gpa, sizeof(s)))
        return false;
    if (s.format == SET_ALL) {
        set_all(c);
        return true;
    }
    if (s.format != SET_SPARSE)
        return false;
    gpa += sizeof(s);
    for (unsigned int bank = 0; bank < 64; bank++) {
        if (!(s.banks >> bank & 1))
            continue;
        if (!read_in(v, &mask, gpa, sizeof(mask)))
            return false;
        gpa += sizeof(mask);
        if (bank < ARRAY_SIZE(c->vcpus))
            c->vcpus[bank] = mask;
    }
    return true;
}

/* --- calls: a status -------------------------------------------------------------------------- */

static unsigned int spin_wait(struct vcpu *v, struct call *c)
{
    (void)vcpu_yield();
    return STATUS_SUCCESS;
}

static unsigned int flush(struct vcpu *v, struct call *c)
{
    struct { uint64_t space, flags, mask; } in;

    if ((c->control & FAST) || !read_in(v, &in, c->in, sizeof(in)))
        return STATUS_INVALID_PARAMETER;
    c->vcpus[0] = in.mask;
    if (in.flags & FLUSH_ALL_PROCESSORS)
        set_all(c);
    hvm_flush_vcpus(v->domain, c->vcpus);
    return STATUS_SUCCESS;
}

static unsigned int flush_ex(struct vcpu *v, struct call *c)
{
    struct { uint64_t space, flags; } in;

    if ((c->control & FAST) || !read_in(v, &in, c->in, sizeof(in)))
        return STATUS_INVALID_PARAMETER;
    if (in.flags & FLUSH_ALL_PROCESSORS)
        set_all(c);
    else if (!read_set(v, c, c->in + sizeof(in)))
        return STATUS_INVALID_PARAMETER;
    hvm_flush_vcpus(v->domain, c->vcpus);
    return STATUS_SUCCESS;
}

static void send(struct vcpu *v, const struct call *c, uint32_t vector)
{
    struct vcpu *to;

    for_each_vcpu (v->domain, to)
        if (to->id < HVM_VCPUS && (c->vcpus[to->id / 64] >> (to->id % 64) & 1) &&
            to->arch.hvm && vlapic_enabled(to))
            vlapic_set_vector(to, vector);
}

static bool ipi_valid(const struct ipi_head *h)
{
    return h->vector >= 0x10 && h->vector <= 0xff && !h->vtl && !h->reserved[0] &&
           !h->reserved[1] && !h->reserved[2];
}

static unsigned int ipi(struct vcpu *v, struct call *c)
{
    struct ipi_head h = { .vector = (uint32_t)c->in };
    uint64_t mask = c->out;

    if ((c->control & FAST) ? c->in >> 32 != 0
                            : !read_in(v, &h, c->in, sizeof(h)) ||
                                  !read_in(v, &mask, c->in + sizeof(h), sizeof(mask)))
        return STATUS_INVALID_PARAMETER;
    if (!ipi_valid(&h))
        return STATUS_INVALID_PARAMETER;
    c->vcpus[0] = mask;
    send(v, c, h.vector);
    return STATUS_SUCCESS;
}

static unsigned int ipi_ex(struct vcpu *v, struct call *c)
{
    struct ipi_head h;

    if ((c->control & FAST) || !read_in(v, &h, c->in, sizeof(h)) || !ipi_valid(&h) ||
        !read_set(v, c, c->in + sizeof(h)))
        return STATUS_INVALID_PARAMETER;
    send(v, c, h.vector);
    return STATUS_SUCCESS;
}

/* --- dispatch --------------------------------------------------------------------------------- */

typedef unsigned int call_fn(struct vcpu *v, struct call *c);

static const struct {
    call_fn *fn;
    bool reps; /* says how many repetitions are done: all */
} calls[] = {
    [CALL_FLUSH_SPACE] = { flush, true },
    [CALL_FLUSH_LIST] = { flush, true },
    [CALL_LONG_SPIN_WAIT] = { spin_wait, false },
    [CALL_SEND_IPI] = { ipi, false },
    [CALL_FLUSH_SPACE_EX] = { flush_ex, true },
    [CALL_FLUSH_LIST_EX] = { flush_ex, true },
    [CALL_SEND_IPI_EX] = { ipi_ex, false },
};

static uint64_t dispatch(struct vcpu *v, struct call *c)
{
    const uint16_t code = (uint16_t)c->control;
    unsigned int nr, status;

    if (code >= ARRAY_SIZE(calls))
        return STATUS_INVALID_CODE;
    nr = (unsigned int)index_nospec(code, ARRAY_SIZE(calls));
    if (!calls[nr].fn)
        return STATUS_INVALID_CODE;
    status = calls[nr].fn(v, c);
    return status == STATUS_SUCCESS && calls[nr].reps ? (uint64_t)rep_count(c) << 32 : status;
}

/* Registers of 32-bit code: pairs of halves. */
static uint64_t pair(uint64_t high, uint64_t low) { return high << 32 | (uint32_t)low; }

void viridian_hypercall(struct vcpu *v, struct cpu_user_regs *r, bool is_64bit)
{
    struct call c = { .control = r->rcx, .in = r->rdx, .out = r->r8 };
    uint64_t result;

    if (!is_64bit) {
        c.control = pair(r->rdx, r->rax);
        c.in = pair(r->rbx, r->rcx);
        c.out = pair(r->rdi, r->rsi);
    }
    result = dispatch(v, &c);
    r->rax = is_64bit ? result : (uint32_t)result;
    if (!is_64bit)
        r->rdx = result >> 32;
}
