/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/cr.c arch/x86/hvm/cr_rules.c arch/x86/hvm/ops.c */
/* Control registers of HVM vcpus: what the processor takes, and long mode's beginning and end. */
#include "check.h"

#include "../host/hvm_vcpu.h"

#include <arch/fpu.h>
#include <arch/msr.h>

static struct hvm_cpu *c(void) { return &hw.hv.cpu; }
static uint32_t word_mask = ~0U;

unsigned int p2m_gpa_bits(void) { return 40; }
uint32_t cpu_policy_word(const struct cpu_policy *p, unsigned int word) { return word_mask; }
int fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~(uint64_t)v->domain->arch.policy->xstate[0].a))
        return -1;
    v->arch.xcr0 = xcr0;
    return 0;
}

static int cr0(uint64_t v) { return hvm_set_cr0(&hw.v, v); }
static int cr3(uint64_t v) { return hvm_set_cr3(&hw.v, v); }
static int cr4(uint64_t v) { return hvm_set_cr4(&hw.v, v); }
static int efer(uint64_t v) { return hvm_set_efer(&hw.v, v); }

#define PROTECTED (X86_CR0_PE | X86_CR0_ET)

static bool into_long_mode(void)
{
    return cr0(X86_CR0_PE) == 0 && cr4(X86_CR4_PAE) == 0 && cr3(0x1000) == 0 &&
           efer(EFER_LME | EFER_NX) == 0 && cr0(X86_CR0_PE | X86_CR0_PG) == 0;
}

int main(void)
{
    TEST("CR0: combinations that fault change nothing") {
        hw_start();
        CHECK_EQ(cr0(X86_CR0_PG), -1);
        CHECK_EQ(cr0(X86_CR0_NW), -1);
        CHECK_EQ(cr0(1ULL << 32), -1);
        CHECK_EQ(c()->cr0, X86_CR0_ET);
        CHECK_EQ(hw.updates, 0);
        CHECK_EQ(cr0(X86_CR0_PE | 1UL << 7), 0); /* reserved below 32: ignored */
        CHECK_EQ(c()->cr0, PROTECTED);
        CHECK(hw.updates == 1 && hw.flushes == 1);
    }
    TEST("long mode: on with paging, off with it") {
        hw_start();
        CHECK(into_long_mode());
        CHECK_EQ(c()->efer, EFER_LME | EFER_LMA | EFER_NX);
        CHECK_EQ(cr0(PROTECTED), 0);
        CHECK_EQ(c()->efer, EFER_LME | EFER_NX);
    }
    TEST("long mode: not without PAE, not from or into 64-bit code") {
        hw_start();
        CHECK_EQ(efer(EFER_LME), 0);
        CHECK_EQ(cr0(X86_CR0_PE | X86_CR0_PG), -1);
        CHECK_EQ(c()->efer, EFER_LME);
        CHECK_EQ(cr4(X86_CR4_PAE), 0);
        hw.seg[INSN_CS].attr |= EMUL_ATTR_L;
        CHECK_EQ(cr0(X86_CR0_PE | X86_CR0_PG), -1);
        hw.seg[INSN_CS].attr &= ~EMUL_ATTR_L;
        CHECK_EQ(cr0(X86_CR0_PE | X86_CR0_PG), 0);
        hw.seg[INSN_CS].attr |= EMUL_ATTR_L;
        CHECK_EQ(cr0(PROTECTED), -1);
        CHECK(c()->cr0 & X86_CR0_PG);
    }
    TEST("EFER: LME is fixed while paging is on, LMA is not written") {
        hw_start();
        CHECK(into_long_mode());
        CHECK_EQ(efer(EFER_NX), -1);
        CHECK_EQ(efer(EFER_LME | EFER_SCE), 0);
        CHECK_EQ(c()->efer, EFER_LME | EFER_LMA | EFER_SCE);
        CHECK_EQ(efer(EFER_LME | EFER_SVME), -1);
        CHECK_EQ(efer(1ULL << 63), -1);
    }
    TEST("EFER: bits without their feature") {
        hw_start();
        word_mask = 0;
        CHECK_EQ(efer(EFER_NX), -1);
        CHECK_EQ(efer(EFER_SCE), -1);
        CHECK_EQ(efer(EFER_LME), -1);
        CHECK_EQ(efer(0), 0);
        word_mask = ~0U;
    }
    TEST("CR4: bits without their feature, and what long mode needs") {
        hw_start();
        word_mask = 0;
        CHECK_EQ(hvm_cr4_valid(&hw.v), X86_CR4_PCE);
        CHECK_EQ(cr4(X86_CR4_PAE), -1);
        CHECK_EQ(cr4(X86_CR4_LA57), -1);
        CHECK_EQ(cr4(X86_CR4_PKE), -1);
        CHECK_EQ(cr4(X86_CR4_UMIP), -1);
        word_mask = ~0U;
        CHECK_EQ(cr4(1ULL << 31), -1);
        CHECK_EQ(cr4(1ULL << 13), -1); /* VMXE */
        CHECK(into_long_mode());
        CHECK_EQ(cr4(0), -1);
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_SMAP), 0);
        CHECK_EQ(c()->cr4, X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_SMAP);
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_LA57), -1); /* not while paging */
        hw.v.arch.xcr0_accum = 0;
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_PKE | X86_CR4_UMIP), 0);
        CHECK_EQ(hw.v.arch.xcr0_accum, XCR0_PKRU);
        hw_start();
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_LA57), 0);
    }
    TEST("CR4.PCIDE: only in long mode, and with no PCID in CR3") {
        hw_start();
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_PCIDE), -1);
        CHECK(into_long_mode());
        CHECK_EQ(cr3(0x1001), 0);
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_PCIDE), -1);
        CHECK_EQ(cr3(0x1000), 0);
        CHECK_EQ(cr4(X86_CR4_PAE | X86_CR4_PCIDE), 0);
        CHECK_EQ(cr0(PROTECTED), -1); /* it goes before paging does */
        CHECK_EQ(cr4(X86_CR4_PAE), 0);
        CHECK_EQ(cr0(PROTECTED), 0);
    }
    TEST("CR0, CR4 and EFER together") {
        const uint64_t pg = X86_CR0_PE | X86_CR0_PG, lma = EFER_LME | EFER_LMA;

        hw_start();
        CHECK(hvm_control_valid(&hw.v, pg, X86_CR4_PAE | X86_CR4_PCIDE, lma));
        CHECK(hvm_control_valid(&hw.v, pg, 0, 0) && hvm_control_valid(&hw.v, 0, 0, EFER_LME));
        CHECK(!hvm_control_valid(&hw.v, pg, X86_CR4_PAE, EFER_LME));
        CHECK(!hvm_control_valid(&hw.v, X86_CR0_PE, X86_CR4_PAE, lma));
        CHECK(!hvm_control_valid(&hw.v, pg, X86_CR4_PAE, EFER_LMA));
        CHECK(!hvm_control_valid(&hw.v, pg, 0, lma));
        CHECK(!hvm_control_valid(&hw.v, pg | 1UL << 7, 0, 0));
        CHECK(!hvm_control_valid(&hw.v, X86_CR0_PE, X86_CR4_PCIDE, 0));
    }
    TEST("CR3: an address in long mode, 32 bits otherwise") {
        hw_start();
        CHECK_EQ(cr3(0x123456789000), 0);
        CHECK_EQ(c()->cr3, 0x56789000);
        CHECK(into_long_mode());
        CHECK_EQ(cr3(1ULL << 40), -1);
        CHECK_EQ(cr3((1ULL << 40) - 0x1000), 0);
    }
    TEST("XCR0: register 0, and components of the policy") {
        hw_start();
        hw.policy.xstate[0].a = XCR0_X87 | XCR0_SSE;
        hw.policy.xstate[0].d = 0;
        CHECK_EQ(hvm_xsetbv(&hw.v, 1, XCR0_X87), -1);
        CHECK_EQ(hvm_xsetbv(&hw.v, 0, XCR0_X87 | XCR0_SSE | XCR0_YMM), -1);
        CHECK_EQ(hvm_xsetbv(&hw.v, 0, XCR0_SSE), -1);
        CHECK_EQ(hvm_xsetbv(&hw.v, 0, XCR0_X87 | XCR0_SSE), 0);
        CHECK_EQ(hw.v.arch.xcr0, XCR0_X87 | XCR0_SSE);
    }
    return check_exit();
}
