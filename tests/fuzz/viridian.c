/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 110000 */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/viridian_call.c arch/x86/hvm/viridian_save.c */
/*
 * A hostile user of Hyper-V's interface: MSRs, hypercalls, what it writes into the pages meanwhile,
 * interrupts, time, pauses, and records of a stranger. Input: two bytes of features, then 12 a
 * step: what, which, where, one more, and a value. After each step what always holds is checked;
 * host timers are at most one for each step and those of the entries between.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/hvm_world.h"

#include <arch/regs.h>
#include <hv/errno.h>
#include <xen/hvm/save.h>

#define VCPUS 2U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int entries;

static void hold(bool what)
{
    if (!what)
        abort();
}

void hvm_flush_vcpus(struct domain *d, const uint64_t *vcpus) {}
long vcpu_yield(void) { return 0; }

static void invariants(void)
{
    hold(hw_broken() == NULL);
    for (unsigned int i = 0; i < VCPUS; i++) {
        const struct viridian_vcpu *vv = &hw_dom->vcpu[i]->arch.hvm->viridian;

        hold(!(vv->stimer_pending >> VIRIDIAN_STIMERS));
        hold(!vv->assist_pending || (vv->vp_assist & 1));
        for (unsigned int n = 0; n < VIRIDIAN_SINTS; n++)
            hold(vv->sint[n] == 0x10000 || (vv->sint[n] & 0xff) >= 0x10);
        for (unsigned int n = 0; n < VIRIDIAN_STIMERS; n++) {
            const struct viridian_stimer *t = &vv->stimer[n];

            hold(!(t->config & 1) || (t->config >> 16 & 15));
            hold(!t->timer.queued || ((t->config & 1) && t->count && t->started));
        }
    }
}

static uint32_t pick(uint8_t b)
{
    static const uint32_t known[] = {
        0x40000000, 0x40000001, 0x40000020, 0x40000021, 0x40000070, 0x40000071, 0x40000072,
        0x40000073, 0x40000080, 0x40000083, 0x40000084, 0x40000090, 0x40000092, 0x40000093,
        0x400000b0, 0x400000b1, 0x400000b2, 0x400000b3, 0x400000b6, 0x400000b7, 0x40000105,
    };

    return b & 0x80 ? known[(b & 0x7f) % ARRAY_SIZE(known)] : 0x40000000U + b * 3U;
}

static void write_and_read(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t now;

    if (viridian_wrmsr(v, msr, val))
        return;
    if (msr == 0x40000000 || msr == 0x40000001 || msr == 0x40000021 || msr == 0x40000073 ||
        msr == 0x40000083 || (msr >= 0x40000090 && msr < 0x400000a0) ||
        (msr >= 0x40000100 && msr < 0x40000105))
        hold(viridian_rdmsr(v, msr, &now) == 0 && now == val);
}

/* 64-bit and 32-bit code. */
static void call(struct vcpu *v, const uint8_t *b, uint64_t val)
{
    struct cpu_user_regs r = { .rcx = (b[2] & 0x1f) | (uint64_t)(b[3] & 1) << 16 |
                                      (uint64_t)b[3] << 31,
                               .rdx = b[3] & 2 ? val : HW_MEMORY_AT + (val & 0x1ffff),
                               .r8 = val };

    r.rax = b[3] & 4 ? (uint32_t)r.rcx : 0x80000000U;
    r.rbx = val >> 32;
    r.rsi = (uint32_t)val;
    viridian_hypercall(v, &r, !(b[3] & 4));
    hold((r.rax & 0xffff) == 0 || (r.rax & 0xffff) == 2 || (r.rax & 0xffff) == 5);
}

/* The guest's side of its pages. */
static void scribble(const uint8_t *b, uint64_t val)
{
    const unsigned int at = (unsigned int)(b[2] | b[3] << 8) & (HW_MEMORY - 8);

    memcpy(&hw_memory[at], &val, b[1] & 1 ? 4 : 8);
}

static void load(struct vcpu *v, const uint8_t *b, uint64_t val)
{
    struct hvm_viridian_vcpu_context r, now;
    const size_t at = b[2] % (sizeof(r) - sizeof(val) + 1);

    viridian_save_vcpu(v, &r);
    memcpy((uint8_t *)&r + at, &val, sizeof(val));
    if (viridian_load_vcpu(v, &r))
        return;
    viridian_save_vcpu(v, &now);
    hold(memcmp(&r, &now, sizeof(r)) == 0);
}

static void enter(struct vcpu *v, bool with_eoi)
{
    entries++;
    viridian_entry(v);
    if (hw_take(v->id) >= 0 && with_eoi)
        hw_apic_write(v->id, 0xb0, 0);
}

static void step(const uint8_t *b)
{
    struct vcpu *v = hw_dom->vcpu[b[0] >> 4 & 1];
    uint64_t val, got;
    uint32_t out[4];

    memcpy(&val, b + 4, sizeof(val));
    switch (b[0] & 15) {
    case 0 ... 3: write_and_read(v, pick(b[1]), val); break;
    case 4: write_and_read(v, pick(b[1]), (HW_MEMORY_AT + (val & 0x1f000)) | (b[2] & 1)); break;
    case 5: write_and_read(v, 0x400000b0 + (b[1] & 7), val & 0x3ffff); break;
    case 6: hold(viridian_rdmsr(v, pick(b[1]), &got) == 0 || got == 0); break;
    case 7:
    case 8: call(v, b, val); break;
    case 9: scribble(b, val); break;
    case 10: vlapic_set_vector(v, 16 + b[1] % 240U); break;
    case 11: enter(v, b[1] & 1); break;
    case 12: hw_run((ns_t)(val & 0xffffff)); break;
    case 13: load(v, b, val); break;
    case 14: (b[1] & 1 ? viridian_freeze : viridian_thaw)(hw_dom); break;
    default: viridian_cpuid(v, 0x40000000 + b[1], out); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned int steps = 0;

    if (size < 2)
        return 0;
    hw_start(VCPUS, HW_PVH);
    entries = 0;
    hw_dom->arch.hvm->param[HVM_PARAM_VIRIDIAN] = 1U | (data[0] | (data[1] & 0x1fU) << 8);
    hw_apic_on(0);
    hw_apic_on(1);
    viridian_thaw(hw_dom);
    for (size_t i = 2; i + 12 <= size && i < 4096; i += 12, steps++) {
        step(&data[i]);
        invariants();
    }
    hold(hw.expiries <= VIRIDIAN_STIMERS * VCPUS * (steps + entries + 1));
    hold(hw_end() == 0);
    return 0;
}
