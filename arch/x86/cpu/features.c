/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this machine can do, and which of it we use. AMD APM vol. 3, appendix E "Obtaining Processor
 * Information Via the CPUID Instruction"; Intel SDM vol. 2, "CPUID".
 */
#include <arch/features.h>
#include <arch/regs.h>
#include <hv/log.h>
#include <lib/cmdline.h>
#include <lib/string.h>

struct cpu_features cpu_features;

static bool opt_smap = true, opt_smep = true, opt_xsave = true;
PARAM_BOOL("smap", opt_smap, "use supervisor-mode access prevention");
PARAM_BOOL("smep", opt_smep, "use supervisor-mode execution prevention");
PARAM_BOOL("xsave", opt_xsave, "use XSAVE, and let guests use what depends on it");

static const struct {
    char name[13];
    uint8_t vendor;
} vendors[] = {
    { "GenuineIntel", VENDOR_INTEL },
    { "AuthenticAMD", VENDOR_AMD },
    { "HygonGenuine", VENDOR_HYGON },
};

static uint8_t find_vendor(struct cpuid_regs r)
{
    char name[13] = { 0 };

    memcpy(name, &r.b, 4);
    memcpy(name + 4, &r.d, 4);
    memcpy(name + 8, &r.c, 4);
    for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++)
        if (strcmp(name, vendors[i].name) == 0)
            return vendors[i].vendor;
    return VENDOR_UNKNOWN;
}

static void find_model(struct cpu_features *f, uint32_t eax)
{
    f->family = (eax >> 8) & 0xf;
    f->model = (eax >> 4) & 0xf;
    f->stepping = eax & 0xf;
    if (f->family >= 6)
        f->model |= (eax >> 12) & 0xf0;
    if (f->family == 0xf)
        f->family += (eax >> 20) & 0xff;
}

static void find_basic(struct cpu_features *f, uint32_t max)
{
    const struct cpuid_regs l1 = cpuid(1, 0);

    find_model(f, l1.a);
    f->pge = l1.d & BIT(13);
    f->vmx = l1.c & BIT(5);
    f->pcid = l1.c & BIT(17);
    f->x2apic = l1.c & BIT(21);
    f->tsc_deadline = l1.c & BIT(24);
    f->xsave = l1.c & BIT(26);
    if (max >= 7) {
        const struct cpuid_regs l7 = cpuid(7, 0);

        f->fsgsbase = l7.b & BIT(0);
        f->smep = l7.b & BIT(7);
        f->smap = l7.b & BIT(20);
        f->umip = l7.c & BIT(2);
        f->pku = l7.c & BIT(3);
        f->la57 = l7.c & BIT(16);
    }
    if (f->xsave && max >= 0xd) {
        const struct cpuid_regs d0 = cpuid(0xd, 0);

        f->xcr0 = d0.a & (XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_AVX512 |
                          (f->pku ? XCR0_PKRU : 0)); /* for HVM guests; our CR4.PKE stays off */
        f->xsaveopt = cpuid(0xd, 1).a & BIT(0);
    } else {
        f->xsave = false;
    }
    if (l1.c & BIT(31)) {
        const struct cpuid_regs hv = cpuid(0x40000000, 0);

        /* "TCGTCGTCGTCG" */
        f->hypervisor_tcg = hv.b == 0x54474354 && hv.c == 0x43544743 && hv.d == 0x47435447;
    }
}

static void find_extended(struct cpu_features *f)
{
    const uint32_t max = cpuid(0x80000000, 0).a;
    const struct cpuid_regs e1 = cpuid(0x80000001, 0);

    f->nx = e1.d & BIT(20);
    f->page1gb = e1.d & BIT(26);
    f->rdtscp = e1.d & BIT(27);
    f->svm = e1.c & BIT(2);
    f->tsc_invariant = max >= 0x80000007 && (cpuid(0x80000007, 0).d & BIT(8));
    f->phys_bits = max >= 0x80000008 ? (uint8_t)cpuid(0x80000008, 0).a : 36;
}

/*
 * Size of the standard-format area for the components that we enable: from their places, so XCR0
 * need not be set yet.
 */
static uint32_t area_size(uint64_t xcr0)
{
    uint32_t size = 512 + 64;

    for (unsigned int i = 2; i < 63; i++) {
        struct cpuid_regs r;

        if (!(xcr0 & BIT(i)))
            continue;
        r = cpuid(0xd, i);
        size = MAX(size, r.a + r.b);
    }
    return size;
}

void features_init(void)
{
    struct cpu_features *f = &cpu_features;
    const struct cpuid_regs l0 = cpuid(0, 0);

    f->vendor = find_vendor(l0);
    find_basic(f, l0.a);
    find_extended(f);
    if ((f->xcr0 & XCR0_AVX512) != XCR0_AVX512)
        f->xcr0 &= ~XCR0_AVX512;
    f->xsave_size = f->xsave ? area_size(f->xcr0) : 512;
}

void features_apply_options(void)
{
    struct cpu_features *f = &cpu_features;

    if (!opt_smep)
        f->smep = false;
    if (!opt_smap)
        f->smap = false;
    /*
     * QEMU 7.2 faults on a far return or IRET in ring 3 while SMAP is on, as if the guest's stack
     * were read by the supervisor.
     */
    if (f->smap && f->hypervisor_tcg) {
        f->smap = false;
        log_info("cpu: SMAP left off: this emulator applies it to far returns in ring 3");
    }
    if (!opt_xsave) {
        f->xsave = f->xsaveopt = false;
        f->xcr0 = 0;
        f->xsave_size = 512;
    }
}

void features_report(void)
{
    static const char *const names[] = { "unknown vendor", "Intel", "AMD", "Hygon" };
    const struct cpu_features *f = &cpu_features;

    log_info("cpu: %s family %#x model %#x stepping %u, %u address bits; using%s%s%s%s%s",
             names[f->vendor], f->family, f->model, f->stepping, f->phys_bits, f->nx ? " NX" : "",
             f->smep ? " SMEP" : "", f->smap ? " SMAP" : "", f->fsgsbase ? " FSGSBASE" : "",
             f->xsave ? " XSAVE" : "");
    if (f->xsave)
        log_info("cpu: XCR0 %#lx, %u bytes of state", (unsigned long)f->xcr0, f->xsave_size);
}
