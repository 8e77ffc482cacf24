/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c tests/host/hvm_ctx.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/save.c arch/x86/hvm/save_types.c arch/x86/hvm/save_cpu.c */
/* links: arch/x86/hvm/cr_rules.c arch/x86/hvm/viridian_save.c */
/*
 * Save records: there and back, what Xen's domain builder loads, each way of being malformed, each
 * rule of the CPU record. What is refused has changed nothing.
 */
#include "check.h"

#include "../host/hvm_ctx.h"

#include <stdlib.h>

#include <arch/regs.h>
#include <hv/errno.h>

#define VCPUS 3U
#define SIZE_MAX_TEST 65536U

static uint8_t first[SIZE_MAX_TEST] __attribute__((aligned(8)));
static uint8_t second[SIZE_MAX_TEST] __attribute__((aligned(8)));
static uint8_t work[SIZE_MAX_TEST] __attribute__((aligned(8)));
static size_t length;

static size_t save(uint8_t *buf)
{
    memset(buf, 0, SIZE_MAX_TEST);
    CHECK(hvm_ctx_size(hw_dom) <= SIZE_MAX_TEST);
    return hvm_ctx_save(hw_dom, buf);
}

/* A domain with devices that have been used; its records are in first[]. */
static void start(void)
{
    ctx_start(VCPUS, HW_HVM);
    hw_apic_on(0);
    hw_pic_start(0x0001);
    hw_ioapic(9, 0x8031 | 1ULL << 56);
    hw_out(0x43, 0x34);
    hw_out(0x40, 0x9c);
    hw_out(0x40, 0x2e);
    hw_run(1000000);
    ctx_run(0, 5);
    ctx_run(1, 7);
    length = save(first);
}

static void end(void)
{
    CHECK_STR(hw_broken(), NULL);
    CHECK_EQ(ctx_end(), 0);
}

static struct hvm_save_descriptor *find(uint8_t *buf, unsigned int code, unsigned int instance)
{
    for (size_t at = 0;;) {
        struct hvm_save_descriptor *desc = (void *)(buf + at);

        if (desc->typecode == code && desc->instance == instance)
            return desc;
        if (desc->typecode == 0)
            return NULL;
        at += sizeof(*desc) + desc->length;
    }
}

static size_t distance(const uint8_t *buf, const void *p) { return (const uint8_t *)p - buf; }

/* Load what is in work[]; what is refused leaves everything as it was. */
static int load(size_t n)
{
    int rc = hvm_ctx_load(hw_dom, work, n);

    if (rc) {
        CHECK_EQ(save(second), length);
        CHECK(!memcmp(first, second, length));
    }
    return rc;
}

static void again(void)
{
    memcpy(work, first, SIZE_MAX_TEST);
}

static void test_round_trip(void)
{
    TEST("all of it, there and back")
    {
        start();
        CHECK(find(first, HVM_SAVE_CODE(CPU), 0) && find(first, HVM_SAVE_CODE(CPU), 1));
        CHECK(!find(first, HVM_SAVE_CODE(CPU), 2)); /* down */
        CHECK(find(first, HVM_SAVE_CODE(MTRR), 2) && find(first, HVM_SAVE_CODE(PIC), 1));
        CHECK(find(first, CPU_MSR_CODE, 0));
        ctx_end();
        ctx_start(VCPUS, HW_HVM);
        again();
        CHECK_EQ(hvm_ctx_load(hw_dom, work, length), 0);
        CHECK_EQ(save(second), length);
        CHECK(!memcmp(first, second, length));
        CHECK(hw_dom->vcpu[1]->is_initialised && !hw_dom->vcpu[2]->is_initialised);
        CHECK_EQ(hw_dom->vcpu[0]->pause_flags, 0);
        CHECK(hw_dom->vcpu[2]->pause_flags != 0);
        CHECK(!hw_dom->vcpu[1]->arch.hvm->lapic.wait_sipi);
        CHECK(hw_dom->vcpu[2]->arch.hvm->lapic.wait_sipi);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.event.vector, TRAP_PF);
        CHECK_EQ(ctx_vcpu[1].s.gpr[15], 7 * 16);
        CHECK_EQ(ctx_vcpu[1].s.tr.base, 0xfffffe0000003000);
        CHECK_EQ(ctx_vcpu[0].xsave[600], (uint8_t)(5 + 600));
        end();
    }
    TEST("records in another order")
    {
        size_t to = find(first, 2, 0) ? distance(first, find(first, 2, 0)) : 0;
        const size_t head = to;
        unsigned int n = 0;

        start();
        again();
        /* the header, then the others from the last to the first */
        for (size_t end_at = distance(first, find(first, 0, 0)); end_at > head; n++) {
            size_t at = head, before = head;

            while (at < end_at) {
                before = at;
                at += 8 + ((struct hvm_save_descriptor *)(first + at))->length;
            }
            memcpy(work + to, first + before, end_at - before);
            to += end_at - before;
            end_at = before;
        }
        CHECK(n > 20);
        CHECK_EQ(load(length), 0);
        CHECK_EQ(save(second), length);
        CHECK(!memcmp(first, second, length));
        end();
    }
    TEST("one record alone")
    {
        size_t n;

        start();
        CHECK_EQ(hvm_ctx_save_one(hw_dom, HVM_SAVE_CODE(CPU), 1, work, &n), 0);
        CHECK_EQ(n, HVM_SAVE_LENGTH(CPU));
        CHECK(!memcmp(work, find(first, HVM_SAVE_CODE(CPU), 1) + 1, n));
        CHECK_EQ(hvm_ctx_save_one(hw_dom, HVM_SAVE_CODE(CPU), 2, work, &n), -ENOENT);
        CHECK_EQ(hvm_ctx_save_one(hw_dom, HVM_SAVE_CODE(CPU), VCPUS, work, &n), -ENOENT);
        CHECK_EQ(hvm_ctx_save_one(hw_dom, HVM_SAVE_CODE(PIT), 1, work, &n), -ENOENT);
        CHECK_EQ(hvm_ctx_save_one(hw_dom, HVM_SAVE_CODE(VIRIDIAN_VCPU), 0, work, &n), -ENOENT);
        CHECK_EQ(hvm_ctx_save_one(hw_dom, 0, 0, work, &n), -EINVAL);
        CHECK_EQ(hvm_ctx_save_one(hw_dom, 21, 0, work, &n), -EINVAL);
        end();
    }
}

/* What libxenguest's vcpu_hvm() makes: most is 0. */
static void test_builder(void)
{
    TEST("the first vcpu as Xen's domain builder makes it")
    {
        struct {
            struct hvm_save_descriptor header_d;
            HVM_SAVE_TYPE(HEADER) header;
            struct hvm_save_descriptor cpu_d;
            HVM_SAVE_TYPE(CPU) cpu;
            struct hvm_save_descriptor mtrr_d;
            HVM_SAVE_TYPE(MTRR) mtrr;
            struct hvm_save_descriptor end_d;
        } b = { 0 };

        ctx_start(VCPUS, HW_PVH);
        length = save(first);
        memcpy(&b, first, sizeof(b.header_d) + sizeof(b.header));
        b.cpu_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU) };
        b.cpu.cs_limit = b.cpu.ds_limit = b.cpu.es_limit = b.cpu.ss_limit = ~0U;
        b.cpu.tr_limit = 0x67;
        b.cpu.cs_arbytes = 0xc9b;
        b.cpu.ds_arbytes = b.cpu.es_arbytes = b.cpu.ss_arbytes = 0xc93;
        b.cpu.tr_arbytes = 0x8b;
        b.cpu.cr0 = X86_CR0_PE | X86_CR0_ET;
        b.cpu.rip = 0x1000160;
        b.cpu.rbx = 0x1c00000;
        b.mtrr_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(MTRR), 0, HVM_SAVE_LENGTH(MTRR) };
        memcpy(&b.mtrr, find(first, HVM_SAVE_CODE(MTRR), 0) + 1, sizeof(b.mtrr));
        b.mtrr.msr_mtrr_def_type = 0x806;
        memcpy(work, &b, sizeof(b));
        CHECK_EQ(hvm_ctx_load(hw_dom, work, sizeof(b)), 0);
        CHECK(hw_dom->vcpu[0]->is_initialised && hw_dom->vcpu[0]->pause_flags == 0);
        CHECK_EQ(ctx_vcpu[0].s.rflags, 2);
        CHECK_EQ(ctx_vcpu[0].s.rip, 0x1000160);
        CHECK_EQ(ctx_vcpu[0].s.seg[INSN_CS].attr, 0xc9b);
        CHECK_EQ(ctx_vcpu[0].s.cpl, 0);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.dr6, 0xffff0ff0);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.dr7, 0x400);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.mtrr_def_type, 0x806);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.event.vector, (uint64_t)-1);
        CHECK_EQ(hvm_guest_tsc(hw_dom->vcpu[0]), 0);
        end();
    }
}

/* --- malformed -------------------------------------------------------------------------------- */

static void test_frame(void)
{
    TEST("cut off anywhere")
    {
        start();
        again();
        for (size_t n = 0; n < length; n += 4)
            CHECK_EQ(load(n), -EINVAL);
        end();
    }
    TEST("no header, two, or another's")
    {
        struct hvm_save_descriptor *desc;

        start();
        again();
        memmove(work, work + 32, length - 32);
        CHECK_EQ(load(length - 32), -EINVAL);
        again();
        ((struct hvm_save_header *)(work + 8))->magic++;
        CHECK_EQ(load(length), -EINVAL);
        again();
        ((struct hvm_save_header *)(work + 8))->version++;
        CHECK_EQ(load(length), -EINVAL);
        again();
        ((struct hvm_save_header *)(work + 8))->gtsc_khz *= 2;
        CHECK_EQ(load(length), -EOPNOTSUPP);
        ((struct hvm_save_header *)(work + 8))->gtsc_khz = 0;
        CHECK_EQ(load(length), 0);
        again();
        desc = find(work, HVM_SAVE_CODE(PCI_IRQ), 0);
        desc->typecode = HVM_SAVE_CODE(HEADER);
        CHECK_EQ(load(length), -EINVAL);
        memset(work, 0, 8); /* END alone */
        CHECK_EQ(load(8), -EINVAL);
        end();
    }
    TEST("duplicates, unknown types, foreign instances")
    {
        start();
        again();
        find(work, HVM_SAVE_CODE(CPU), 1)->instance = 0;
        CHECK_EQ(load(length), -EINVAL);
        again();
        find(work, HVM_SAVE_CODE(PIC), 1)->instance = 0;
        CHECK_EQ(load(length), -EINVAL);
        again();
        find(work, HVM_SAVE_CODE(PIC), 1)->instance = 2;
        CHECK_EQ(load(length), -EINVAL);
        again();
        find(work, HVM_SAVE_CODE(CPU), 1)->instance = VCPUS;
        CHECK_EQ(load(length), -EINVAL);
        find(work, HVM_SAVE_CODE(CPU), VCPUS)->instance = 0xffff;
        CHECK_EQ(load(length), -EINVAL);
        for (unsigned int code = 21; code < 0x10000; code += 77) {
            again();
            find(work, HVM_SAVE_CODE(PCI_IRQ), 0)->typecode = (uint16_t)code;
            CHECK_EQ(load(length), -EINVAL);
        }
        end();
    }
    TEST("lengths: each record longer and shorter by 8, and wild ones")
    {
        start();
        for (size_t at = 0; at < length;) {
            struct hvm_save_descriptor *desc = (void *)(work + at);
            const uint32_t was = ((struct hvm_save_descriptor *)(first + at))->length;
            const uint32_t wild[] = { was + 8, was + 1, 1U << 31, ~7U, ~0U, 1U << 20, was - 8 };

            for (unsigned int i = 0; i < ARRAY_SIZE(wild); i++) {
                again();
                if (desc->typecode == CPU_XSAVE_CODE && i == 6)
                    break; /* its last bytes are 0, an END */
                desc->length = wild[i];
                if (desc->typecode == 0)
                    CHECK_EQ(load(length), -EINVAL);
                else
                    CHECK(load(length) != 0);
            }
            at += sizeof(*desc) + was;
        }
        end();
    }
    TEST("devices that a PVH domain has not")
    {
        ctx_start(VCPUS, HW_HVM);
        length = save(first);
        ctx_end();
        ctx_start(VCPUS, HW_PVH);
        again();
        length = save(first);
        CHECK_EQ(load(SIZE_MAX_TEST), -ENODEV);
        end();
    }
    TEST("a device's record is refused after others were loaded: they go back")
    {
        start();
        again();
        ((struct hvm_hw_vpic *)(find(work, HVM_SAVE_CODE(PIC), 0) + 1))->imr ^= 0x40;
        ((struct hvm_hw_cpu *)(find(work, HVM_SAVE_CODE(CPU), 1) + 1))->rax = 0x1234;
        ((struct hvm_hw_vioapic *)(find(work, HVM_SAVE_CODE(IOAPIC), 0) + 1))->id = 3;
        ((struct hvm_one_msr *)(find(work, CPU_MSR_CODE, 0) + 2))->val = 8;
        ((struct hvm_hw_cpu_xsave *)(find(work, CPU_XSAVE_CODE, 0) + 1))->save_area.fpu_sse.x[9]++;
        CHECK_EQ(load(length), -ENXIO);
        again();
        ((struct hvm_hw_cpu *)(find(work, HVM_SAVE_CODE(CPU), 0) + 1))->rcx = 0x1234;
        ((struct hvm_hw_vpic *)(find(work, HVM_SAVE_CODE(PIC), 1) + 1))->irq_base = 3;
        CHECK_EQ(load(length), -EINVAL);
        CHECK_EQ(ctx_vcpu[0].s.gpr[1], 10);
        end();
    }
    TEST("the second of two MSRs is refused: the first goes back")
    {
        struct hvm_msr *m;

        start();
        ctx_vcpu[0].misc_features = 1;
        length = save(first);
        again();
        m = (void *)(find(work, CPU_MSR_CODE, 0) + 1);
        CHECK_EQ(m->count, 2);
        m->msr[0].val = 2;
        m->msr[1].val = 8;
        CHECK_EQ(load(length), -ENXIO);
        CHECK_EQ(ctx_vcpu[0].spec_ctrl, 5);
        end();
    }
    TEST("MSRs: a count that is not its length's")
    {
        start();
        again();
        ((struct hvm_msr *)(find(work, CPU_MSR_CODE, 0) + 1))->count++;
        CHECK_EQ(load(length), -EINVAL);
        ((struct hvm_msr *)(find(work, CPU_MSR_CODE, 0) + 1))->count = 0x10000001;
        CHECK_EQ(load(length), -EINVAL);
        end();
    }
    TEST("extended state that does not fit together")
    {
        struct hvm_hw_cpu_xsave *x;

        start();
        again();
        x = (void *)(find(work, CPU_XSAVE_CODE, 0) + 1);
        x->xcr0 = 8;
        CHECK_EQ(load(length), -EINVAL);
        end();
    }
}

/* --- the CPU record: each rule ---------------------------------------------------------------- */

#define AT(field) offsetof(struct hvm_hw_cpu, field), sizeof(((struct hvm_hw_cpu *)0)->field)

/* In 64-bit code of the kernel, this field with that value. */
static const struct {
    const char *what;
    unsigned int at, size;
    uint64_t val;
    bool ok;
} rules[] = {
    { "cr0: PG without PE", AT(cr0), 0x80050032, false },
    { "cr0: without ET", AT(cr0), 0x80050023, false },
    { "cr0: NW without CD", AT(cr0), 0xa0050033, false },
    { "cr0: NW and CD", AT(cr0), 0xe0050033, true },
    { "cr0: bit 32", AT(cr0), 0x180050033, false },
    { "cr0: bit 6", AT(cr0), 0x80050073, false },
    { "cr0: no paging, but LMA", AT(cr0), 0x00050033, false },
    { "cr4: VMXE", AT(cr4), 0x1026f0, false },
    { "cr4: bit 40", AT(cr4), 0x100001006f0, false },
    { "cr4: no PAE, but LMA", AT(cr4), 0x1006d0, false },
    { "efer: LMA without LME", AT(msr_efer), 0xc01, false },
    { "efer: LME and paging without LMA", AT(msr_efer), 0x901, false },
    { "efer: SVME", AT(msr_efer), 0x1d01, false },
    { "efer: bit 1", AT(msr_efer), 0xd03, false },
    { "cr3: beyond 40 bits", AT(cr3), 1ULL << 40, false },
    { "cr3: 40 bits", AT(cr3), 0xfffffff000, true },
    { "rflags: 0", AT(rflags), 0, true },
    { "rflags: bit 15", AT(rflags), 0x8002, false },
    { "rflags: bit 32", AT(rflags), 0x100000002, false },
    { "rflags: VM in long mode", AT(rflags), 0x20002, false },
    { "dr6: bit 32", AT(dr6), 1ULL << 32, false },
    { "dr7: bit 32", AT(dr7), 1ULL << 32, false },
    { "dr7: 0", AT(dr7), 0, true },
    { "tsc_aux: bit 32", AT(msr_tsc_aux), 1ULL << 32, false },
    { "fmask: bit 32", AT(msr_syscall_mask), 1ULL << 32, false },
    { "lstar", AT(msr_lstar), 1ULL << 47, false },
    { "cstar", AT(msr_cstar), 1ULL << 63, false },
    { "sysenter_eip", AT(sysenter_eip), 1ULL << 48, false },
    { "sysenter_esp", AT(sysenter_esp), 1ULL << 48, false },
    { "kernel gs base", AT(shadow_gs), 1ULL << 48, false },
    { "star: anything", AT(msr_star), ~0ULL, true },
    { "rip: anything in 64-bit code", AT(rip), 1ULL << 47, true },
    { "fs base", AT(fs_base), 1ULL << 47, false },
    { "fs base: kernel", AT(fs_base), -1ULL << 47, true },
    { "gs base", AT(gs_base), 1ULL << 62, false },
    { "tr base", AT(tr_base), 1ULL << 62, false },
    { "ldtr base", AT(ldtr_base), 1ULL << 62, false },
    { "gdtr base", AT(gdtr_base), 1ULL << 62, false },
    { "idtr base", AT(idtr_base), 1ULL << 62, false },
    { "gdtr limit", AT(gdtr_limit), 0x10000, false },
    { "idtr limit", AT(idtr_limit), 0x10000, false },
    { "cs base: 32 bits", AT(cs_base), 1ULL << 32, false },
    { "ss base: 32 bits", AT(ss_base), 1ULL << 32, false },
    { "cs selector: 16 bits", AT(cs_sel), 0x10000, false },
    { "tr selector: 16 bits", AT(tr_sel), 0x10000, false },
    { "cs: not present", AT(cs_arbytes), 0xa1b, false },
    { "cs: a system segment", AT(cs_arbytes), 0xa8b, false },
    { "cs: L and D", AT(cs_arbytes), 0xe9b, false },
    { "cs: as VT-x has it", AT(cs_arbytes), 0xa09b, true },
    { "cs: more bits", AT(cs_arbytes), 0x10a9b, false },
    { "cs: 32-bit code, rip beyond", AT(cs_arbytes), 0xc9b, false },
    { "ss: none", AT(ss_arbytes), 0, true },
    { "ss: a system segment", AT(ss_arbytes), 0x83, false },
    { "ds: a system segment", AT(ds_arbytes), 0x8b, false },
    { "tr: none", AT(tr_arbytes), 0, true },
    { "tr: not busy", AT(tr_arbytes), 0x89, true },
    { "tr: a code segment", AT(tr_arbytes), 0x9b, false },
    { "tr: a task gate", AT(tr_arbytes), 0x85, false },
    { "tr: an interrupt gate", AT(tr_arbytes), 0x8e, false },
    { "tr: an LDT", AT(tr_arbytes), 0x82, false },
    { "ldtr: a TSS", AT(ldtr_arbytes), 0x89, false },
    { "ldtr: none", AT(ldtr_arbytes), 0, true },
    { "event: an interrupt", AT(pending_event), 0x80000031, true },
    { "event: type 1", AT(pending_event), 0x80000131, false },
    { "event: type 7", AT(pending_event), 0x80000731, false },
    { "event: reserved bits", AT(pending_event), 0x80001031, false },
    { "event: exception 32", AT(pending_event), 0x80000320, false },
    { "event: NMI as an exception", AT(pending_event), 0x80000302, false },
    { "event: #UD with an error code", AT(pending_event), 0x80000b06, false },
    { "event: #GP with an error code", AT(pending_event), 0x80000b0d, true },
    { "event: #BR in long mode", AT(pending_event), 0x80000305, false },
    { "event: an interrupt with an error code", AT(pending_event), 0x80000831, false },
    { "event: #BP, to be raised anew", AT(pending_event), 0x80000303, true },
    { "event: INT n, to be raised anew", AT(pending_event), 0x80000480, true },
    { "flags: 2", AT(flags), 2, false },
    { "flags: none", AT(flags), 0, true },
    { "pad0", AT(pad0), 1, false },
};

static void test_cpu(void)
{
    TEST("the CPU record: each rule")
    {
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
            int rc;

            start();
            again();
            memcpy((uint8_t *)(find(work, HVM_SAVE_CODE(CPU), 0) + 1) + rules[i].at,
                   &rules[i].val, rules[i].size);
            rc = load(length);
            if ((rc == 0) != rules[i].ok)
                printf("  %s: %d\n", rules[i].what, rc);
            CHECK_EQ(rc, rules[i].ok ? 0 : -EINVAL);
            end();
        }
    }
    TEST("events that instructions raise anew are forgotten")
    {
        start();
        again();
        ((struct hvm_hw_cpu *)(find(work, HVM_SAVE_CODE(CPU), 0) + 1))->pending_event = 0x80000303;
        CHECK_EQ(load(length), 0);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.event.vector, (uint64_t)-1);
        end();
    }
    TEST("extended state wins over the CPU record's, and without either there is none")
    {
        struct hvm_save_descriptor *x;
        struct hvm_hw_cpu *c;

        start();
        again();
        c = (void *)(find(work, HVM_SAVE_CODE(CPU), 0) + 1);
        c->fpu_regs[100] ^= 0xff;
        CHECK_EQ(load(length), 0);
        CHECK_EQ(ctx_vcpu[0].xsave[100], 105);
        x = find(work, CPU_XSAVE_CODE, 0);
        memmove(x, (uint8_t *)(x + 1) + x->length,
                length - distance(work, (uint8_t *)(x + 1) + x->length));
        CHECK_EQ(hvm_ctx_load(hw_dom, work, length - 8 - 24 - CTX_XSAVE_SIZE), 0);
        CHECK_EQ(ctx_vcpu[0].xsave[100], 105 ^ 0xff);
        CHECK_EQ(ctx_vcpu[0].xsave[600], 0);
        c->flags = 0;
        CHECK_EQ(hvm_ctx_load(hw_dom, work, length - 8 - 24 - CTX_XSAVE_SIZE), 0);
        CHECK_EQ(ctx_vcpu[0].xsave[100], 0);
        end();
    }
    TEST("a user's stack segment says the privilege level")
    {
        struct hvm_hw_cpu *c;

        start();
        again();
        c = (void *)(find(work, HVM_SAVE_CODE(CPU), 0) + 1);
        c->ss_arbytes = 0xcf3;
        c->cs_arbytes = 0xafb;
        CHECK_EQ(load(length), 0);
        CHECK_EQ(ctx_vcpu[0].s.cpl, 3);
        end();
    }
}

int main(void)
{
    test_round_trip();
    test_builder();
    test_frame();
    test_cpu();
    return check_exit();
}
