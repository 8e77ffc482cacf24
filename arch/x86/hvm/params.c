/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HVM_PARAM_* of a domain: a table of who may set and read each, and what setting does beyond
 * remembering. The toolstack may do all that the table has a row for. Rights and errors are those
 * of Xen 4.17; what was taken out there (the default ioreq server with BUFIOREQ_EVTCHN, DM_DOMAIN,
 * NESTEDHVM, memory events) has no row.
 */
#include <abi.h>
#include <arch/hvm.h>
#include <arch/hvm_params.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define TSS_SIZE 104U /* Intel SDM vol. 3, "Task-State Segment (TSS)": the 32-bit one */
#define MAX_SERVER_PAGES 64U
#define FIP_WIDTH_64 8U

/* --- what setting does ------------------------------------------------------------------------ */

/* Checks *val, which may change, and acts on it; then it is stored. */
typedef int param_set(struct domain *d, uint64_t *val);

static int set_callback(struct domain *d, uint64_t *val) { return hvm_callback_set(d, *val); }
static int set_timer_mode(struct domain *d, uint64_t *val) { return hvm_timer_mode_set(d, *val); }

static int set_hpet(struct domain *d, uint64_t *val)
{
    write_once(d->arch.hvm->hpet_enabled, *val != 0);
    return 0;
}

static int set_align(struct domain *d, uint64_t *val)
{
    write_once(d->arch.hvm->align_ticks, *val != 0);
    return 0;
}

static int set_acpi_ports(struct domain *d, uint64_t *val)
{
    if (!(d->arch.hvm->emulation & XEN_X86_EMU_PM))
        return -ENODEV;
    return vpm_set_location(d, *val);
}

/* Not yet: suspending to RAM. A domain that is not suspended can be resumed. */
static int set_s_state(struct domain *d, uint64_t *val)
{
    return *val == 0 ? 0 : *val == 3 ? -EOPNOTSUPP : -EINVAL;
}

/* The old name says no size: that of the hardware's. */
static int set_tss(struct domain *d, uint64_t *val)
{
    if (*val > UINT32_MAX)
        return -EINVAL;
    write_once(d->arch.hvm->param[HVM_PARAM_VM86_TSS_SIZED], (uint64_t)TSS_SIZE << 32 | *val);
    return 0;
}

static int set_tss_sized(struct domain *d, uint64_t *val)
{
    const uint32_t size = (uint32_t)(*val >> 32), base = (uint32_t)*val;

    if (size < TSS_SIZE || base > UINT32_MAX - (size - 1))
        return -EINVAL;
    write_once(d->arch.hvm->param[HVM_PARAM_VM86_TSS], (uint64_t)base);
    return 0;
}

static int set_shutdown_reason(struct domain *d, uint64_t *val)
{
    return *val > SHUTDOWN_MAX ? -EINVAL : 0;
}

static int set_server_pages(struct domain *d, uint64_t *val)
{
    return *val == 0 || *val > MAX_SERVER_PAGES ? -EINVAL : 0;
}

/* Which groups of Hyper-V's interface; the basic one is always among them. */
static int set_viridian(struct domain *d, uint64_t *val)
{
    return (*val & ~(uint64_t)HVMPV_feature_mask) || !(*val & HVMPV_base_freq) ? -EINVAL : 0;
}

/* Features that can only be declined. */
static int set_altp2m(struct domain *d, uint64_t *val)
{
    return *val == XEN_ALTP2M_disabled ? 0 : *val > XEN_ALTP2M_limited ? -EINVAL : -EOPNOTSUPP;
}

static int set_mca(struct domain *d, uint64_t *val)
{
    return *val == 0 ? 0 : (*val & ~XEN_HVM_MCA_CAP_MASK) ? -EINVAL : -EOPNOTSUPP;
}

/* The FPU's pointers are saved with 64 bits, always (arch/x86/cpu/fpu.c). */
static int set_fip_width(struct domain *d, uint64_t *val)
{
    return *val == FIP_WIDTH_64 ? 0 : *val == 0 || *val == 4 ? -EOPNOTSUPP : -EINVAL;
}

/* --- the table -------------------------------------------------------------------------------- */

enum {
    KNOWN = 1,     /* there is such a parameter */
    GUEST_SET = 2, /* the domain itself may set it, */
    GUEST_GET = 4, /* and read it */
    ONCE = 8       /* not from one value other than 0 to another */
};
#define TOOLS KNOWN
#define GUEST_READS (KNOWN | GUEST_GET)
#define GUEST_DOES (KNOWN | GUEST_GET | GUEST_SET)

struct param_row {
    uint8_t flags;
    param_set *set; /* NULL: it is only remembered */
};

static const struct param_row rows[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = { GUEST_DOES, set_callback },
    [HVM_PARAM_STORE_PFN] = { GUEST_READS, NULL },
    [HVM_PARAM_STORE_EVTCHN] = { GUEST_DOES, NULL },
    [HVM_PARAM_IOREQ_PFN] = { TOOLS | ONCE, NULL },
    [HVM_PARAM_BUFIOREQ_PFN] = { TOOLS | ONCE, NULL },
    [HVM_PARAM_VIRIDIAN] = { TOOLS | ONCE, set_viridian },
    [HVM_PARAM_TIMER_MODE] = { TOOLS, set_timer_mode },
    [HVM_PARAM_HPET_ENABLED] = { TOOLS, set_hpet },
    [HVM_PARAM_IDENT_PT] = { TOOLS, NULL }, /* SVM needs none */
    [HVM_PARAM_ACPI_S_STATE] = { TOOLS, set_s_state },
    [HVM_PARAM_VM86_TSS] = { GUEST_DOES, set_tss },
    [HVM_PARAM_VPT_ALIGN] = { TOOLS, set_align },
    [HVM_PARAM_CONSOLE_PFN] = { GUEST_READS, NULL },
    [HVM_PARAM_CONSOLE_EVTCHN] = { GUEST_DOES, NULL },
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = { GUEST_DOES, set_acpi_ports },
    [HVM_PARAM_PAGING_RING_PFN] = { TOOLS, NULL },
    [HVM_PARAM_MONITOR_RING_PFN] = { TOOLS, NULL },
    [HVM_PARAM_SHARING_RING_PFN] = { TOOLS, NULL },
    [HVM_PARAM_TRIPLE_FAULT_REASON] = { TOOLS, set_shutdown_reason },
    [HVM_PARAM_IOREQ_SERVER_PFN] = { TOOLS | ONCE, NULL },
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = { TOOLS | ONCE, set_server_pages },
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = { GUEST_DOES, NULL },
    [HVM_PARAM_ALTP2M] = { GUEST_READS | ONCE, set_altp2m },
    [HVM_PARAM_X87_FIP_WIDTH] = { GUEST_DOES, set_fip_width },
    [HVM_PARAM_VM86_TSS_SIZED] = { GUEST_DOES, set_tss_sized },
    [HVM_PARAM_MCA_CAP] = { TOOLS | ONCE, set_mca },
};

/* *index: in bounds for whatever the cpu guesses. */
static int find(const struct domain *d, const struct domain *by, uint32_t *index, uint8_t right)
{
    uint8_t flags;

    if (*index >= HVM_NR_PARAMS)
        return -EINVAL;
    *index = (uint32_t)index_nospec(*index, HVM_NR_PARAMS);
    flags = rows[*index].flags;
    if (!(flags & KNOWN))
        return -EINVAL;
    return d == by && !(flags & right) ? -EPERM : 0;
}

int hvm_param_set(struct domain *d, const struct domain *by, uint32_t index, uint64_t val)
{
    uint64_t *param = d->arch.hvm->param;
    uint64_t old;
    int rc = find(d, by, &index, GUEST_SET);

    if (rc)
        return rc;
    spin_lock(&d->life_lock);
    old = param[index];
    if ((rows[index].flags & ONCE) && old != 0 && val != old)
        rc = -EEXIST;
    else if (rows[index].set)
        rc = rows[index].set(d, &val);
    if (!rc)
        write_once(param[index], val);
    spin_unlock(&d->life_lock);
    if (!rc && index == HVM_PARAM_CALLBACK_IRQ && d == by)
        hvm_latch_shared_info(d);
    return rc;
}

int hvm_param_get(struct domain *d, const struct domain *by, uint32_t index, uint64_t *val)
{
    int rc = find(d, by, &index, GUEST_GET);

    if (!rc)
        *val = read_once(d->arch.hvm->param[index]);
    return rc;
}

void hvm_params_init(struct domain *d)
{
    d->arch.hvm->param[HVM_PARAM_TIMER_MODE] = d->arch.hvm->timer_mode;
    d->arch.hvm->param[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    d->arch.hvm->param[HVM_PARAM_X87_FIP_WIDTH] = FIP_WIDTH_64;
}
