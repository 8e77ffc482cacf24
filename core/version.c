/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The xen_version hypercall: who we are and which features a guest may use. public version.h,
 * features.h.
 */
#include <abi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/platform.h>
#include <hv/version.h>
#include <lib/string.h>

extern const char __note_start[], __note_end[];

static int feature_submap(uint64_t arg)
{
    struct xen_feature_info fi;
    const struct domain *d = current->domain;

    if (copy_arg(&fi, arg))
        return -EFAULT;
    if (fi.submap_idx != 0)
        return -EINVAL;
    fi.submap = (1U << XENFEAT_memory_op_vnode_supported);
    if (d->is_hardware)
        fi.submap |= 1U << XENFEAT_dom0;
    if (is_pv(d)) {
        fi.submap |= (1U << XENFEAT_mmu_pt_update_preserve_ad) | (1U << XENFEAT_highmem_assist) |
                     (1U << XENFEAT_gnttab_map_avail_bits) | (1U << XENFEAT_direct_mapped);
        if (d->vm_assist & BIT(VMASST_TYPE_pae_extended_cr3))
            fi.submap |= 1U << XENFEAT_pae_pgdir_above_4gb;
    } else {
        fi.submap |= (1U << XENFEAT_writable_page_tables) |
                     (1U << XENFEAT_auto_translated_physmap) | (1U << XENFEAT_hvm_callback_vector) |
                     (1U << XENFEAT_hvm_safe_pvclock);
    }
    return copy_arg_back(arg, &fi) ? -EFAULT : 0;
}

static int answer_string(uint64_t arg, const char *s, size_t size)
{
    char buf[1024] = { 0 };

    strlcpy(buf, s, size);
    return guest_write(arg, buf, size) ? -EFAULT : 0;
}

static int compile_info(uint64_t arg)
{
    struct xen_compile_info ci = { 0 };

    if (!current->domain->is_privileged)
        return copy_arg_back(arg, &ci) ? -EFAULT : 0;
    strlcpy(ci.compiler, build_compiler, sizeof(ci.compiler));
    strlcpy(ci.compile_by, build_by, sizeof(ci.compile_by));
    strlcpy(ci.compile_domain, build_domain, sizeof(ci.compile_domain));
    strlcpy(ci.compile_date, build_date, sizeof(ci.compile_date));
    return copy_arg_back(arg, &ci) ? -EFAULT : 0;
}

static long build_id(uint64_t arg)
{
    /* An ELF note: name size, descriptor size, type, "GNU\0", descriptor. */
    const uint32_t *note = (const uint32_t *)(const void *)__note_start;
    const char *id = __note_start + 16;
    xen_build_id_t head;

    if (__note_end - __note_start < 16 + 20 || note[0] != 4)
        return -ENODATA;
    if (arg == 0)
        return (long)note[1];
    if (copy_arg(&head, arg))
        return -EFAULT;
    if (head.len < note[1])
        return -ENOBUFS;
    if (guest_write(arg + offsetof(xen_build_id_t, buf), id, note[1]))
        return -EFAULT;
    return (long)note[1];
}

long hc_xen_version(struct vcpu *v, const uint64_t arg[])
{
    bool trusted = v->domain->is_privileged;

    switch ((uint32_t)arg[0]) {
    case XENVER_version:
        return (ABI_MAJOR << 16) | ABI_MINOR;
    case XENVER_extraversion:
        return answer_string(arg[1], EXTRAVERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return compile_info(arg[1]);
    case XENVER_capabilities:
        return answer_string(arg[1], arch_capabilities(), sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return answer_string(arg[1], trusted ? build_changeset : "<denied>",
                             sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: {
        struct xen_platform_parameters pp = {
            .virt_start = domain_is_32bit(v->domain) ? PV32_VIRT_START : HV_VIRT_START
        };

        return copy_arg_back(arg[1], &pp) ? -EFAULT : 0;
    }
    case XENVER_get_features:
        return feature_submap(arg[1]);
    case XENVER_pagesize:
        return arg[1] != 0 ? -EINVAL : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return guest_write(arg[1], v->domain->handle, sizeof(v->domain->handle));
    case XENVER_commandline:
        return answer_string(arg[1], trusted ? hv_command_line() : "<denied>",
                             sizeof(xen_commandline_t));
    case XENVER_build_id:
        return trusted ? build_id(arg[1]) : -EPERM;
    default:
        return -ENOSYS;
    }
}
