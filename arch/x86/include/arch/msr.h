/* SPDX-License-Identifier: GPL-2.0-only */
/* MSR numbers. Intel SDM vol. 4; AMD APM vol. 2, appendix A "MSR Cross-Reference". */
#ifndef ARCH_MSR_H
#define ARCH_MSR_H

#include <hv/types.h>

#define MSR_TSC 0x010
#define MSR_PLATFORM_ID 0x017
#define MSR_APIC_BASE 0x01b
#define MSR_TSC_ADJUST 0x03b
#define MSR_SPEC_CTRL 0x048
#define MSR_PRED_CMD 0x049
#define MSR_UCODE_REV 0x08b
#define MSR_PLATFORM_INFO 0x0ce
#define MSR_MTRR_CAP 0x0fe
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_FLUSH_CMD 0x10b
#define MSR_MISC_FEATURES 0x140
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MCG_CTL 0x17b
#define MSR_MISC_ENABLE 0x1a0
#define MSR_DEBUGCTL 0x1d9
#define MSR_LBR_FROM 0x1db
#define MSR_LER_TO 0x1de
#define MSR_MTRR_VAR_FIRST 0x200
#define MSR_MTRR_VAR_LAST 0x20f
#define MSR_MTRR_FIX_64K 0x250
#define MSR_MTRR_FIX_16K_FIRST 0x258
#define MSR_MTRR_FIX_16K_LAST 0x259
#define MSR_MTRR_FIX_4K_FIRST 0x268
#define MSR_MTRR_FIX_4K_LAST 0x26f
#define MSR_PAT 0x277
#define MSR_MCI_CTL2(n) (0x280U + (n))
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MSR_PERF_CAPABILITIES 0x345
#define MSR_MC0_CTL 0x400
#define MSR_MC_LAST 0x47f
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff
#define MSR_XSS 0xda0
#define MSR_EFER 0xc0000080U
#define MSR_STAR 0xc0000081U
#define MSR_LSTAR 0xc0000082U
#define MSR_CSTAR 0xc0000083U
#define MSR_FMASK 0xc0000084U
#define MSR_FS_BASE 0xc0000100U
#define MSR_GS_BASE 0xc0000101U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define MSR_TSC_AUX 0xc0000103U
#define MSR_AMD_TSC_RATIO 0xc0000104U
#define MSR_AMD_EVNTSEL0 0xc0010000U
#define MSR_AMD_PERFCTR3 0xc0010007U
#define MSR_AMD_SYSCFG 0xc0010010U
#define MSR_AMD_HWCR 0xc0010015U
#define MSR_AMD_IORR_FIRST 0xc0010016U
#define MSR_AMD_TOP_MEM 0xc001001aU
#define MSR_AMD_TOP_MEM2 0xc001001dU
#define MSR_AMD_NB_CFG 0xc001001fU
#define MSR_AMD_MMCONF 0xc0010058U
#define MSR_AMD_PSTATE_FIRST 0xc0010061U
#define MSR_AMD_PSTATE_LAST 0xc001006bU
#define MSR_AMD_PERF_CORE_FIRST 0xc0010200U
#define MSR_AMD_PERF_CORE_LAST 0xc001020bU
#define MSR_AMD_DR1_MASK 0xc0011019U
#define MSR_AMD_DR3_MASK 0xc001101bU
#define MSR_AMD_DR0_MASK 0xc0011027U
#define MSR_VM_CR 0xc0010114U
#define MSR_VM_HSAVE_PA 0xc0010117U
#define MSR_AMD_DE_CFG 0xc0011029U
#define MSR_XEN_FIRST 0x40000000U

#define EFER_SCE (1ULL << 0)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_NX (1ULL << 11)
#define EFER_SVME (1ULL << 12)
#define EFER_FFXSR (1ULL << 14)

#define PAT_VALUE 0x050100070406ULL /* entries WB WT UC- UC WC WP UC UC: part of the PV ABI */
#define PLATFORM_INFO_CPUID_FAULTING (1ULL << 31)
#define MISC_FEATURES_CPUID_FAULTING (1ULL << 0)

struct vcpu;

/* PV guest's RDMSR and WRMSR: 0, or -1 for #GP. */
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val);
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val);

#endif
