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
/* links: arch/x86/hvm/cr_rules.c arch/x86/hypercall_page.c arch/x86/hvm/viridian_save.c */
/* links: arch/x86/hvm/save_domctl.c arch/x86/hvm/domctl.c arch/x86/hvm/vcpu_context.c */
/* domctls of HVM domains: sizes, buffers that are too small or not there, who may, pauses. */
#include "check.h"

#include "../host/hvm_ctx.h"

#include <arch/pv_hypercall.h>
#include <arch/cpu.h>
#include <arch/hvm_pt.h>
#include <arch/msr.h>
#include <arch/pv.h>
#include <arch/xstate.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/page.h>
#include <hv/vcpu.h>
#include <xen/domctl.h>

#define BAD ((void *)0xdead0000)

static struct domain caller;
static struct vcpu caller_vcpu = { .domain = &caller };
static int pauses;
static uint64_t dirty; /* the last frame that was logged */
static uint64_t pool_asked;
static uint8_t page[PAGE_SIZE];
static uint8_t buffer[65536] __attribute__((aligned(8)));

/* --- what it asks for ------------------------------------------------------------------------- */

int guest_read(void *dst, uint64_t addr, size_t n)
{
    if (addr >= 0xdead0000 && addr < 0xdead1000)
        return -EFAULT;
    memcpy(dst, (const void *)addr, n);
    return 0;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (addr >= 0xdead0000 && addr < 0xdead1000)
        return -EFAULT;
    memcpy((void *)addr, src, n);
    return 0;
}

/* Those of devices, which have tests of their own. */
long hvm_pt_map_memory(struct domain *d, const struct xen_domctl_memory_mapping *m) { return 0; }
long hvm_pt_map_ports(struct domain *d, const struct xen_domctl_ioport_mapping *m) { return 0; }
long hvm_pt_bind(struct domain *d, const struct xen_domctl_bind_pt_irq *b) { return 0; }
long hvm_pt_unbind(struct domain *d, const struct xen_domctl_bind_pt_irq *b) { return 0; }

void domain_pause(struct domain *d) { pauses++; }
void domain_unpause(struct domain *d) { pauses--; }
void arch_sync_vcpu(struct vcpu *v) {}
int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val) { return val > 7 ? -1 : 0; }
long pv_get_page_info(struct domain *d, const struct xen_domctl *op) { return 0; }
void *page_map(mfn_t mfn) { return page; }
void page_unmap(const void *va) {}
mfn_t page_to_mfn(const struct page *pg) { return _mfn(0); }
void arch_page_put(struct page *pg, bool writable_type) {}
void pv_fill_hypercall_page(const struct domain *d, void *to) {}
void p2m_mark_dirty(struct domain *d, gfn_t gfn) { dirty = gfn.n; }
void hvm_fill_hypercall_page(void *to) { memset(to, 0xc3, PAGE_SIZE); }
long xstate_domctl_get(struct domain *d, struct vcpu *v, struct xen_domctl *op) { return 77; }
long xstate_domctl_set(struct domain *d, struct vcpu *v, struct xen_domctl *op) { return 78; }

struct page *arch_gfn_to_page_get(struct domain *d, gfn_t gfn, bool writable_type)
{
    return gfn.n == 5 ? (struct page *)page : NULL;
}

int p2m_log_op(struct domain *d, struct xen_domctl_shadow_op *o) { return 79; }

int p2m_set_pool(struct domain *d, uint64_t pages)
{
    pool_asked = pages;
    d->arch.hvm->p2m.pool = (uint32_t)pages;
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static struct xen_domctl op;
static bool copy_back;

static long call(uint32_t cmd)
{
    long rc;

    op.cmd = cmd;
    copy_back = false;
    rc = hvm_domctl(hw_dom, &op, &copy_back);
    CHECK_EQ(pauses, 0);
    CHECK_EQ(ctx_pages, 0);
    return rc;
}

static void start(uint32_t emulation)
{
    memset(&op, 0, sizeof(op));
    host_current[0] = &caller_vcpu;
    ctx_start(2, emulation);
    ctx_run(0, 5);
}

static void test_context(void)
{
    struct xen_domctl_hvmcontext *c = &op.u.hvmcontext;
    uint32_t most, size;

    TEST("a context: its size, there and back")
    {
        start(HW_HVM);
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext), 0);
        CHECK(copy_back);
        most = c->size;
        CHECK_EQ(most, hvm_ctx_size(hw_dom));
        c->buffer.p = buffer;
        c->size = most - 1;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext), -ENOSPC);
        c->size = most;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext), 0);
        size = c->size;
        CHECK(size > 1000 && size < most);
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), 0);
        CHECK(!copy_back);
        c->size = size - 8;
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), -EINVAL);
        c->size = 0;
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), -EINVAL);
        c->size = ~0U;
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), -E2BIG);
        c->size = size;
        c->buffer.p = BAD;
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), -EFAULT);
        c->size = most;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext), -EFAULT);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("one record: its length, too little room, none such")
    {
        struct xen_domctl_hvmcontext_partial *p = &op.u.hvmcontext_partial;

        start(HW_HVM);
        p->type = HVM_SAVE_CODE(CPU);
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext_partial), 0);
        CHECK_EQ(p->bufsz, HVM_SAVE_LENGTH(CPU));
        p->buffer.p = buffer;
        p->bufsz--;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext_partial), -ENOBUFS);
        p->bufsz = 4096;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext_partial), 0);
        CHECK_EQ(((struct hvm_hw_cpu *)buffer)->cr3, 0x1234000);
        p->instance = 1;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext_partial), -ENOENT);
        p->type = 4711;
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext_partial), -EINVAL);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("not one's own")
    {
        start(HW_HVM);
        host_current[0] = hw_dom->vcpu[0];
        CHECK_EQ(call(XEN_DOMCTL_gethvmcontext), -EINVAL);
        CHECK_EQ(call(XEN_DOMCTL_sethvmcontext), -EINVAL);
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), -EINVAL);
        CHECK_EQ(call(XEN_DOMCTL_set_paging_mempool_size), -EINVAL);
        host_current[0] = &caller_vcpu;
        CHECK_EQ(ctx_end(), 0);
    }
}

/* What the toolstack does to a guest that it has suspended, and that is to go on. */
static void test_set_context(void)
{
    static struct vcpu_guest_context g, bad;

    TEST("registers are set; what is beyond them stays")
    {
        start(HW_HVM);
        op.u.vcpucontext.ctxt.p = (void *)&g;
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), 0);
        const struct hvm_ctx_vcpu before = ctx_vcpu[0];
        const uint64_t offset = hw_dom->vcpu[0]->arch.hvm->cpu.tsc_offset;

        g.user_regs.rax = 1;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), 0);
        CHECK(!copy_back);
        CHECK_EQ(ctx_vcpu[0].s.gpr[0], 1);
        CHECK_EQ(hw_dom->vcpu[0]->arch.hvm->cpu.tsc_offset, offset);
        ctx_vcpu[0].s.gpr[0] = before.s.gpr[0];
        CHECK(memcmp(&ctx_vcpu[0].s.gpr, &before.s.gpr, sizeof(before.s.gpr)) == 0);
        CHECK_EQ(ctx_vcpu[0].s.rip, before.s.rip);
        CHECK_EQ(ctx_vcpu[0].s.seg[INSN_CS].attr, before.s.seg[INSN_CS].attr);
        CHECK_EQ(ctx_vcpu[0].s.cpl, before.s.cpl);
        CHECK(memcmp(ctx_vcpu[0].msr, before.msr, sizeof(before.msr)) == 0);
        CHECK(memcmp(ctx_vcpu[0].xsave, before.xsave, CTX_XSAVE_SIZE) == 0);
        ((uint8_t *)&g.fpu_ctxt)[100] ^= 1;
        g.user_regs.rip += 2;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), 0);
        CHECK_EQ(ctx_vcpu[0].s.rip, before.s.rip + 2);
        CHECK_EQ(ctx_vcpu[0].xsave[100], before.xsave[100] ^ 1);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("registers that no guest has are refused, and nothing changes")
    {
        start(HW_HVM);
        op.u.vcpucontext.ctxt.p = (void *)&g;
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), 0);
        const struct hvm_ctx_vcpu before = ctx_vcpu[0];

        op.u.vcpucontext.ctxt.p = (void *)&bad;
        bad = g;
        bad.user_regs.rflags |= 1UL << 40;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), -EINVAL);
        bad = g;
        bad.debugreg[7] |= 1UL << 32;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), -EINVAL);
        bad = g;
        bad.flags &= ~VGCF_online;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), -EOPNOTSUPP);
        op.u.vcpucontext.ctxt.p = BAD;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), -EFAULT);
        op.u.vcpucontext.vcpu = 1;
        CHECK_EQ(call(XEN_DOMCTL_setvcpucontext), -EOPNOTSUPP);
        CHECK(memcmp(&before, &ctx_vcpu[0], sizeof(before)) == 0);
        CHECK_EQ(ctx_end(), 0);
    }
}

static void test_vcpu(void)
{
    TEST("registers for those who look")
    {
        static struct vcpu_guest_context g;

        start(HW_HVM);
        op.u.vcpucontext.ctxt.p = (void *)&g;
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), 0);
        CHECK_EQ(g.user_regs.rax, 5);
        CHECK_EQ(g.user_regs.r15, 80);
        CHECK_EQ(g.user_regs.cs, 0x10);
        CHECK_EQ(g.ctrlreg[3], 0x1234000);
        CHECK_EQ(g.gs_base_kernel, 0xffff888000000005);
        CHECK(g.flags & VGCF_online && g.flags & VGCF_in_kernel);
        op.u.vcpucontext.vcpu = 1;
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), -ENODATA);
        op.u.vcpucontext.vcpu = 2;
        CHECK_EQ(call(XEN_DOMCTL_getvcpucontext), -ESRCH);
        op.u.vcpucontext.vcpu = 0;
        CHECK_EQ(call(XEN_DOMCTL_getvcpuextstate), 77);
        CHECK_EQ(call(XEN_DOMCTL_setvcpuextstate), 78);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("MSRs")
    {
        struct xen_domctl_vcpu_msrs *m = &op.u.vcpu_msrs;
        struct xen_domctl_vcpu_msr e[4] = { { 0 } };

        start(HW_HVM);
        CHECK_EQ(call(XEN_DOMCTL_get_vcpu_msrs), 0);
        CHECK_EQ(m->msr_count, 3);
        m->msrs.p = (void *)e;
        CHECK_EQ(call(XEN_DOMCTL_get_vcpu_msrs), 0);
        CHECK_EQ(m->msr_count, 1);
        CHECK(e[0].index == MSR_SPEC_CTRL && e[0].value == 5);
        m->msr_count = 0;
        CHECK_EQ(call(XEN_DOMCTL_get_vcpu_msrs), -ENOBUFS);
        m->msr_count = 1;
        CHECK_EQ(call(XEN_DOMCTL_set_vcpu_msrs), 0);
        e[0].value = 8;
        CHECK_EQ(call(XEN_DOMCTL_set_vcpu_msrs), -EINVAL);
        e[0] = (struct xen_domctl_vcpu_msr){ .index = MSR_EFER, .value = 1 };
        CHECK_EQ(call(XEN_DOMCTL_set_vcpu_msrs), -EINVAL);
        m->msr_count = 4;
        CHECK_EQ(call(XEN_DOMCTL_set_vcpu_msrs), -EINVAL);
        CHECK_EQ(ctx_end(), 0);
    }
}

static void test_domain(void)
{
    TEST("the paging pool, in bytes and in MiB")
    {
        start(HW_HVM);
        op.u.paging_mempool.size = 0x123000;
        CHECK_EQ(call(XEN_DOMCTL_set_paging_mempool_size), 0);
        CHECK_EQ(pool_asked, 0x123);
        CHECK_EQ(call(XEN_DOMCTL_get_paging_mempool_size), 0);
        CHECK_EQ(op.u.paging_mempool.size, 0x123000);
        op.u.paging_mempool.size = 0x123001;
        CHECK_EQ(call(XEN_DOMCTL_set_paging_mempool_size), -EINVAL);
        op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION;
        CHECK_EQ(call(XEN_DOMCTL_shadow_op), 0);
        CHECK_EQ(op.u.shadow_op.mb, 2);
        op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
        op.u.shadow_op.mb = ~0U;
        CHECK_EQ(call(XEN_DOMCTL_shadow_op), 0);
        CHECK_EQ(pool_asked, (uint64_t)~0U << 8);
        for (unsigned int i = 0; i < 5; i++) {
            static const uint32_t log_ops[] = {
                XEN_DOMCTL_SHADOW_OP_OFF, XEN_DOMCTL_SHADOW_OP_ENABLE,
                XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, XEN_DOMCTL_SHADOW_OP_CLEAN,
                XEN_DOMCTL_SHADOW_OP_PEEK
            };

            op.u.shadow_op.op = log_ops[i];
            CHECK_EQ(call(XEN_DOMCTL_shadow_op), 79);
            CHECK(copy_back);
        }
        op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_TEST;
        CHECK_EQ(call(XEN_DOMCTL_shadow_op), -EINVAL);
        op.u.shadow_op.op = 999;
        CHECK_EQ(call(XEN_DOMCTL_shadow_op), -EINVAL);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("triggers: NMI, and the buttons of those that have some")
    {
        start(HW_HVM);
        CHECK_EQ(call(XEN_DOMCTL_sendtrigger), 0);
        CHECK(hw_dom->vcpu[0]->nmi_pending);
        op.u.sendtrigger.vcpu = 2;
        CHECK_EQ(call(XEN_DOMCTL_sendtrigger), -ESRCH);
        op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
        CHECK_EQ(call(XEN_DOMCTL_sendtrigger), 0);
        CHECK_EQ(hw_in(0xb001) & 1, 1); /* PWRBTN_STS */
        op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_INIT;
        CHECK_EQ(call(XEN_DOMCTL_sendtrigger), -ENOSYS);
        ctx_end();
        start(HW_PVH);
        op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_SLEEP;
        CHECK_EQ(call(XEN_DOMCTL_sendtrigger), -EINVAL);
        CHECK_EQ(ctx_end(), 0);
    }
    TEST("the hypercall page, and what there is not")
    {
        start(HW_HVM);
        op.u.hypercall_init.gmfn = 5;
        CHECK_EQ(call(XEN_DOMCTL_hypercall_init), 0);
        CHECK_EQ(page[4095], 0xc3);
        CHECK_EQ(dirty, 5);
        op.u.hypercall_init.gmfn = 6;
        CHECK_EQ(call(XEN_DOMCTL_hypercall_init), -EACCES);
        CHECK_EQ(call(XEN_DOMCTL_bind_pt_irq), 0);
        CHECK_EQ(call(XEN_DOMCTL_debug_op), -ENOSYS);
        CHECK_EQ(call(0xffffffff), -ENOSYS);
        CHECK_EQ(ctx_end(), 0);
    }
}

/* Nothing of memory that is paged out, shared, watched or seen in several ways. */
static void test_not_there(void)
{
    static const uint32_t cmds[] = {
        XEN_DOMCTL_vm_event_op, XEN_DOMCTL_mem_sharing_op, XEN_DOMCTL_set_access_required,
        XEN_DOMCTL_audit_p2m, XEN_DOMCTL_monitor_op, XEN_DOMCTL_debug_op, XEN_DOMCTL_psr_cmt_op,
        XEN_DOMCTL_vmtrace_op, XEN_DOMCTL_set_broken_page_p2m,
    };

    TEST("what is not there says so")
    {
        start(HW_HVM);
        for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
            memset(&op, 0, sizeof(op));
            CHECK_EQ(call(cmds[i]), -ENOSYS);
            CHECK(!copy_back);
        }
        CHECK_EQ(ctx_end(), 0);
    }
}

int main(void)
{
    test_not_there();
    test_context();
    test_set_context();
    test_vcpu();
    test_domain();
    return check_exit();
}
