/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The context switch, of PV and HVM vcpus. this_cpu(loaded) is the vcpu whose address space,
 * segments and FPU are in the cpu: current, or the one before while the cpu idles (lazy: it often
 * comes back). v->dirty_cpu says the same from the other side.
 *
 * Order matters twice: a domain's bit in dirty_cpus is set before its page table is loaded and
 * cleared after another one is, so that a TLB flush reaches every cpu that may need it; and GDTR
 * points at our own page while the address space changes.
 */
#include <arch/cpu.h>
#include <arch/boot.h>
#include <arch/desc.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/policy.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/time.h>

static DEFINE_PER_CPU(struct vcpu *, loaded);
static DEFINE_PER_CPU(uint64_t, hw_cr4);

static paddr_t own_cr3(void) { return (uintptr_t)hv_l4 - IMAGE_VIRT_START; }

static void load_cr4(uint64_t cr4)
{
    if (cr4 != this_cpu(hw_cr4)) {
        write_cr4(cr4);
        this_cpu(hw_cr4) = cr4;
    }
}

void pv_load_cr4(const struct vcpu *v)
{
    uint64_t cr4 = cpu_base_cr4() | (v->arch.pv.cr4 & (X86_CR4_TSD | X86_CR4_DE));

    /* Ring 1 is the supervisor to these, and would be kept from its own user's pages. */
    if (domain_is_32bit(v->domain))
        cr4 &= ~(X86_CR4_SMEP | X86_CR4_SMAP);
    load_cr4(cr4);
}

/* The registers of the vcpu that is loaded, to memory. They stay in the cpu as well. */
static void save_state(struct vcpu *v)
{
    if (is_pv(v->domain))
        pv_save_segments(v);
    else
        hvm_ops->leave(v);
    clts();
    fpu_save(v);
    v->arch.fpu_loaded = false;
}

static void note_unloaded(struct vcpu *v, const struct domain *next)
{
    if (v->domain != next)
        cpumask_clear_atomic(&v->domain->dirty_cpus, smp_processor_id());
    __atomic_store_n(&v->dirty_cpu, -1, __ATOMIC_RELEASE);
}

/*
 * Page 14 of v's GDT is the page of the cpu that it runs on. The TLB cannot hold an older one: CR3
 * is loaded next.
 */
static void map_gdt_page(struct vcpu *v, unsigned int cpu)
{
    const pte_t want = pte_make(cpu_gdt_frame(cpu, domain_is_32bit(v->domain)), HV_RO);
    pte_t *e = perdomain_l1e(v->domain, GDT_VIRT(v->id) + GDT_RESERVED_OFFSET);

    if (read_once(e->v) != want.v)
        write_once(e->v, want.v);
}

static void load_address_space(struct vcpu *v, unsigned int cpu)
{
    map_gdt_page(v, cpu);
    cpumask_set_atomic(&v->domain->dirty_cpus, cpu);
    gdt_load_own(cpu);
    write_cr3(v->arch.cr3);
    xpti_load(v);
    gdt_load_vcpu(v);
    ldt_load(v);
}

/* HVM: the tables that it runs on are the extension's to load, and ours are enough for us. */
static void load_own_address_space(struct vcpu *v, unsigned int cpu)
{
    cpumask_set_atomic(&v->domain->dirty_cpus, cpu);
    gdt_load_own(cpu);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; lldt %w0" ::"r"(0));
    write_cr3(own_cr3());
    xpti_load(NULL);
}

static void load_fpu(struct vcpu *v)
{
    clts();
    fpu_restore(v);
    v->arch.fpu_loaded = true;
    if (v->arch.pv.cr0_ts)
        write_cr0(read_cr0() | X86_CR0_TS);
}

/* False: a selector was bad. */
static bool load_pv_registers(struct vcpu *v)
{
    const bool ok = pv_load_segments(v);

    load_fpu(v);
    pv_load_cr4(v);
    pv_load_debugregs(v);
    if (cpu_features.rdtscp)
        wrmsr(MSR_TSC_AUX, v->arch.pv.tsc_aux);
    cpuid_faulting_load(v);
    return ok;
}

static void load_hvm_registers(struct vcpu *v)
{
    load_fpu(v);
    load_cr4(cpu_base_cr4());
    if (cpu_features.rdtscp)
        wrmsr(MSR_TSC_AUX, v->arch.hvm->cpu.tsc_aux);
    hvm_ops->enter(v);
}

static bool load_state(struct vcpu *v, struct vcpu *old)
{
    const unsigned int cpu = smp_processor_id();

    if (old)
        save_state(old);
    write_once(v->dirty_cpu, (int32_t)cpu);
    this_cpu(loaded) = v;
    if (is_pv(v->domain))
        load_address_space(v, cpu);
    else
        load_own_address_space(v, cpu);
    if (old)
        note_unloaded(old, v->domain);
    if (is_pv(v->domain))
        return load_pv_registers(v);
    load_hvm_registers(v);
    return true;
}

/*
 * Time and runstate, where the guest's kernel wants them: at addresses that its user's table may
 * not have.
 */
static void update_guest_areas(struct vcpu *v)
{
    const bool borrow = is_pv(v->domain) && !v->arch.pv.in_kernel &&
                        (v->runstate_guest || v->time_guest);

    if (borrow)
        write_cr3(mfn_to_paddr(v->arch.pv.kernel_l4));
    time_update_vcpu(v);
    vcpu_runstate_to_guest(v);
    if (borrow)
        write_cr3(v->arch.cr3);
}

/* It could go on, but another has the cpu: its clocks may have to stand still. */
static void note_left(struct vcpu *v)
{
    if (is_hvm(v->domain) && !read_once(v->pause_flags))
        vtick_leave(v);
}

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    struct cpu_info *info = get_cpu_info();
    bool selectors_ok = true;

    if (!prev->is_idle) {
        prev->arch.regs = info->regs;
        note_left(prev);
    }
    if (next->is_idle) {
        info->running = next;
        sched_context_saved(prev);
        reset_stack_and_call(info, idle_loop);
    }
    if (this_cpu(loaded) != next) {
        arch_sync_vcpu(next); /* another cpu may have it still */
        info->running = next;
        selectors_ok = load_state(next, this_cpu(loaded));
    }
    info->running = next;
    info->regs = next->arch.regs;
    sched_context_saved(prev);
    update_guest_areas(next);
    if (is_hvm(next->domain)) {
        vtick_enter(next);
        hvm_ops->resume();
        __builtin_unreachable();
    }
    /*
     * SYSRET on AMD takes the hidden part of SS from here, and an interrupt out of ring 3 has left
     * it null.
     */
    __asm__ volatile("mov %0, %%ss" ::"r"(HV_DS));
    if (!selectors_ok)
        pv_failsafe(next);
    guest_resume();
}

/*
 * QEMU's TCG changes the first cpu's SVM state, unlocked, whenever another one loads FPU state: its
 * host may find itself in nested paging after an exit. docs/hvm.md.
 */
void arch_avoid_cpus(const struct vcpu *v, cpumask_t *cpus)
{
    if (cpu_features.hypervisor_tcg && is_hvm(v->domain))
        cpumask_set(cpus, 0);
}

static void sync_here(void *data)
{
    struct vcpu *v = data;

    if (this_cpu(loaded) != v || current == v)
        return;
    save_state(v);
    this_cpu(loaded) = NULL;
    gdt_load_own(smp_processor_id());
    write_cr3(own_cr3());
    xpti_load(NULL);
    note_unloaded(v, NULL);
}

void arch_sync_vcpu(struct vcpu *v)
{
    const int32_t cpu = __atomic_load_n(&v->dirty_cpu, __ATOMIC_ACQUIRE);
    cpumask_t mask = { { 0 } };

    if (cpu < 0)
        return;
    if (cpu == (int32_t)smp_processor_id()) {
        sync_here(v);
        return;
    }
    cpumask_set(&mask, (unsigned int)cpu);
    smp_call(&mask, sync_here, v);
}
