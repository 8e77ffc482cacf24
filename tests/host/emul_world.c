/* SPDX-License-Identifier: GPL-2.0-only */
/* See emul_world.h. */
#include "emul_world.h"

#include <stdlib.h>
#include <string.h>

#include <arch/features.h>
#include <arch/fpu.h>
#include <arch/fpu_vector.h>
#include <arch/gwalk.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <arch/ioreq.h>
#include <arch/msr.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <xen/hvm/ioreq.h>

struct ew ew;
static struct hvm_domain hvm_dom;
static struct hvm_vcpu hvm_cpu;
static struct domain dom = { .kind = 2, .arch.hvm = &hvm_dom };
struct vcpu ew_vcpu = { .domain = &dom, .arch.hvm = &hvm_cpu };
struct vcpu *host_current[64] = { &ew_vcpu };
unsigned int host_cpu;
struct cpu_features cpu_features;

static struct page frames[EW_PAGES + 1];
static struct cpu_user_regs regs;
static int held;

static void require(bool holds)
{
    if (!holds)
        abort();
}

void vcpu_sleep_nosync(struct vcpu *v) {}

/* --- memory ----------------------------------------------------------------------------------- */

uint8_t *ew_at(uint64_t linear)
{
    return &ew.memory[ew_gfn((unsigned int)(linear >> PAGE_SHIFT))][linear & PAGE_OFFSET_MASK];
}

void gwalk_cpu_of(struct vcpu *v, struct gwalk_cpu *out)
{
    *out = (struct gwalk_cpu){ .efer = v->arch.hvm->cpu.efer };
}

bool gwalk(const struct gwalk_cpu *cpu, const struct gwalk_ops *ops, void *ctx, uint64_t linear,
           uint32_t access, struct gwalk_out *out)
{
    const uint64_t n = linear >> PAGE_SHIFT;
    const uint8_t rights = n == EW_PAGES ? PFEC_PRESENT : n < EW_PAGES ? ew.rights[n] : 0;

    *out = (struct gwalk_out){ .gpa = (uint64_t)ew_gfn((unsigned int)n) << PAGE_SHIFT |
                                      (linear & PAGE_OFFSET_MASK),
                               .error = (access & PFEC_WRITE) | (rights & PFEC_PRESENT) };
    return rights & PFEC_PRESENT && (!(access & PFEC_WRITE) || rights & PFEC_WRITE);
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    static const enum p2m_type types[EW_KINDS] = {
        [EW_RAM] = P2M_RAM, [EW_READ_ONLY] = P2M_RAM_RO, [EW_MODEL] = P2M_MMIO_DM,
        [EW_OURS] = P2M_NONE, [EW_MODEL_WRITES] = P2M_IOREQ,
    };

    return (struct p2m_entry){
        .type = gfn.n < EW_PAGES ? types[ew.kind[gfn.n]] : gfn.n == EW_PAGES ? P2M_RAM : P2M_NONE
    };
}

struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type)
{
    *type = p2m_lookup(d, gfn).type;
    if (*type != P2M_RAM && *type != P2M_IOREQ && (write || *type != P2M_RAM_RO))
        return NULL;
    held++;
    return &frames[gfn.n];
}

mfn_t page_to_mfn(const struct page *pg) { return _mfn(pg - frames); }
void page_put(struct page *pg) { held--; }
void page_unmap(const void *va) {}
void *page_map(mfn_t mfn) { return ew.memory[mfn.n]; }
void p2m_mark_dirty(struct domain *d, gfn_t gfn) {}

/* --- devices ---------------------------------------------------------------------------------- */

/* An element, which devices see within its page. */
static void element(uint64_t gpa, unsigned int size, bool write, void *data)
{
    const uint64_t in_page = gpa & PAGE_OFFSET_MASK;

    require(gpa >> PAGE_SHIFT < EW_PAGES && in_page + size <= PAGE_SIZE);
    require(size == 1 || size == 2 || size == 4 || size == 8);
    ew.last = gpa;
    ew.last_size = size;
    if (write)
        memcpy(&ew.memory[gpa >> PAGE_SHIFT][in_page], data, size);
    else
        memcpy(data, &ew.memory[gpa >> PAGE_SHIFT][in_page], size);
}

static enum ew_kind kind_at(uint64_t gpa)
{
    return gpa >> PAGE_SHIFT < EW_PAGES ? ew.kind[gpa >> PAGE_SHIFT] : EW_RAM;
}

bool hvm_mmio_is_ours(struct vcpu *v, uint64_t gpa) { return kind_at(gpa) == EW_OURS; }

bool hvm_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    if (kind_at(gpa) != EW_OURS)
        return false;
    element(gpa, size, write, val);
    ew.ours++;
    return true;
}

static struct ioreq_access request;
static bool out;

static bool claims(const struct ioreq_access *a, uint64_t gpa)
{
    const enum ew_kind kind = kind_at(gpa);

    return kind == EW_MODEL || (kind == EW_MODEL_WRITES && a->write && a->count == 1);
}

enum ioreq_result hvm_ioreq_send(struct vcpu *v, const struct ioreq_access *a)
{
    require(a->type == IOREQ_TYPE_COPY && !out && a->count >= 1);
    require(!a->between || (a->data_is_ptr && a->write && kind_at(a->data) == EW_MODEL));
    if (!claims(a, a->addr) || (ew.no_blocks && a->count > 1))
        return IOREQ_NONE;
    request = *a;
    out = true;
    ew.sent++;
    ew.blocks += a->count > 1;
    return IOREQ_WAIT;
}

bool hvm_ioreq_pending(const struct vcpu *v) { return out; }

static uint64_t nth(uint64_t gpa, uint32_t i)
{
    const uint64_t by = (uint64_t)i * request.size;

    return request.df ? gpa - by : gpa + by;
}

/* A device model's way: element by element, by the fields of the request. */
bool hvm_ioreq_complete(struct vcpu *v, uint64_t *data)
{
    uint64_t val = request.write ? request.data : 0;

    require(out);
    out = false;
    require(request.data_is_ptr || request.count == 1);
    for (uint32_t i = 0; i < request.count; i++) {
        if (request.data_is_ptr && request.write)
            element(nth(request.data, i), request.size, false, &val);
        element(nth(request.addr, i), request.size, request.write, &val);
        if (request.data_is_ptr && !request.write)
            element(nth(request.data, i), request.size, true, &val);
    }
    *data = val;
    return true;
}

enum ioreq_result hvm_ioreq_broadcast(struct vcpu *v, const struct ioreq_access *a, bool queued)
{
    return IOREQ_NONE;
}

/* No ports: they read as ones. */
bool hvm_port_is_ours(struct vcpu *v, unsigned int port) { return true; }
bool hvm_pt_port(const struct domain *d, uint32_t port, unsigned int size, uint16_t *machine)
{
    return false;
}
void hvm_pt_written(struct domain *d, uint64_t gpa, unsigned int size, uint64_t val) { }
uint32_t hw_port_read(uint16_t port, unsigned int size) { return ~0U; }
void hw_port_write(uint16_t port, unsigned int size, uint32_t val) { }
bool hvm_port_io(struct vcpu *v, unsigned int port, unsigned int size, bool write, uint32_t *val)
{
    if (!write)
        *val = ~0U;
    return true;
}
bool hwdom_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    return false;
}
void hwdom_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *val)
{
}

/* --- the processor ---------------------------------------------------------------------------- */

static void get_state(struct vcpu *v, struct emul_state *s) { *s = ew.state; }
static void set_state(struct vcpu *v, const struct emul_state *s) { ew.state = *s; }
static void set_shadow(struct vcpu *v, bool on) {}
static void update(struct vcpu *v) {}

static const struct hvm_ops ops = {
    .name = "test", .get_state = get_state, .set_state = set_state, .set_shadow = set_shadow,
    .update = update, .forget_tlb = update,
};
const struct hvm_ops *hvm_ops = &ops;

void hvm_inject(struct vcpu *v, unsigned int vector, uint32_t error)
{
    ew.vector = (int)vector;
    ew.error = error;
}
void hvm_inject_pf(struct vcpu *v, uint32_t error, uint64_t cr2)
{
    hvm_inject(v, TRAP_PF, error);
    ew.cr2 = cr2;
}

void spin_lock(spinlock_t *l) {}
void spin_unlock(spinlock_t *l) {}
void guest_log(enum log_level level, const char *fmt, ...) {}
struct cpu_user_regs *hvm_regs(struct vcpu *v) { return &regs; }
enum insn_mode hvm_insn_mode(struct vcpu *v) { return INSN_LONG64; }
unsigned int vlapic_get_cr8(struct vcpu *v) { return 0; }
void vlapic_set_cr8(struct vcpu *v, unsigned int cr8) {}
int hvm_set_cr0(struct vcpu *v, uint64_t val) { return 0; }
int hvm_set_cr3(struct vcpu *v, uint64_t val) { return 0; }
int hvm_set_cr4(struct vcpu *v, uint64_t val) { return 0; }
int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val) { return -1; }
int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val) { return -1; }
void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out_[4])
{
    memset(out_, 0, 16);
}
void hvm_hlt(struct vcpu *v) {}
void fpu_edit_begin(struct vcpu *v, struct fpu_area *area) {}
void fpu_edit_end(struct vcpu *v) {}
void vector_read_ymm(const struct fpu_area *a, unsigned int nr, uint8_t *val)
{
    memcpy(val, ew.vectors[nr], 32);
}
void vector_write_ymm(const struct fpu_area *a, unsigned int nr, const uint8_t *val,
                      bool keep_upper)
{
    memcpy(ew.vectors[nr], val, keep_upper ? 16 : 32);
}
bool vector_enter_mmx(const struct fpu_area *a) { return true; }
void vector_read_mmx(const struct fpu_area *a, unsigned int nr, uint8_t *val)
{
    memcpy(val, ew.vectors[nr], 8);
}
void vector_write_mmx(const struct fpu_area *a, unsigned int nr, const uint8_t *val)
{
    memcpy(ew.vectors[nr], val, 8);
}

/* --- running ---------------------------------------------------------------------------------- */

void ew_start(enum insn_mode mode, unsigned int cpl)
{
    const uint16_t dpl = (uint16_t)(cpl << 5);
    const uint16_t wide = mode == INSN_LONG64   ? EMUL_ATTR_L
                          : mode == INSN_PROT32 ? EMUL_ATTR_DB
                                                : 0;

    memset(&ew, 0, sizeof(ew));
    memset(&hvm_cpu, 0, sizeof(hvm_cpu));
    out = false;
    held = 0;
    ew.vector = -1;
    memset(ew.rights, PFEC_PRESENT | PFEC_WRITE, sizeof(ew.rights));
    for (unsigned int i = 0; i < 6; i++)
        ew.state.seg[i] = (struct emul_segment){
            .limit = 0xffffffff, .attr = (uint16_t)((i == INSN_CS ? 0x89b | wide : 0xc93) | dpl)
        };
    ew.state.cpl = (uint8_t)cpl;
    ew.state.rip = EW_CODE;
    ew.state.rflags = X86_EFLAGS_MBS;
    ew_vcpu.arch.xcr0 = 7;
    hvm_cpu.cpu.cr0 = X86_CR0_PE;
    hvm_cpu.cpu.cr4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
    hvm_cpu.cpu.efer = mode == INSN_LONG64 ? EFER_LMA : 0;
    hvm_emulate_init(&ew_vcpu);
}

bool ew_run(void)
{
    const struct hvm_io *io = &hvm_cpu.io;

    for (unsigned int i = 0; i < 64; i++) {
        hvm_emulate(&ew_vcpu);
        require(io->state == HVM_IO_SENT || io->state == HVM_IO_NONE);
        require(io->state == HVM_IO_NONE || out);
        if (io->state == HVM_IO_SENT)
            require(hvm_io_finish(&ew_vcpu));
        require(held == 0 && io->state == HVM_IO_NONE && io->done == 0);
        if (ew.vector >= 0 || ew.state.rip != EW_CODE)
            return true;
    }
    return false;
}
