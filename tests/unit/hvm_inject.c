/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/inject.c arch/x86/hvm/ops.c */
/* Events on their way into an HVM guest: their order, double and triple faults, windows. */
#include "check.h"

#include "../host/hvm_vcpu.h"

static struct hvm_int pending[4];
static unsigned int nr_pending, taken;
static bool goes_away;

struct hvm_int hvm_int_pending(struct vcpu *v)
{
    return nr_pending > taken ? pending[taken] : (struct hvm_int){ HVM_INT_NONE, 0 };
}

int hvm_int_take(struct vcpu *v, struct hvm_int what)
{
    if (goes_away) {
        nr_pending = taken;
        return -1;
    }
    taken++;
    return what.vector;
}

void hvm_callback_sync(struct vcpu *v) {}
void hvm_triple_fault(struct vcpu *v) { hw.triple_faults++; }

static void start(bool interrupts)
{
    hw_start();
    nr_pending = taken = 0;
    goes_away = false;
    if (interrupts)
        hw.regs.rflags |= X86_EFLAGS_IF;
}

static void interrupt(uint8_t vector)
{
    pending[nr_pending++] = (struct hvm_int){ HVM_INT_LAPIC, vector };
}

static void enter(void)
{
    hw.nr_injected = hw.windows = hw.nmi_windows = 0;
    hvm_inject_pending(&hw.v);
}

static const struct hvm_event *waiting(void) { return &hw.hv.cpu.event; }

int main(void)
{
    TEST("nothing: nothing") {
        start(true);
        enter();
        CHECK(hw.nr_injected == 0 && hw.windows == 0 && hw.nmi_windows == 0);
    }
    TEST("an exception, once, with its error code") {
        start(false);
        hvm_inject(&hw.v, TRAP_GP, 0x18);
        enter();
        CHECK(hw.nr_injected == 1 && hw.injected.vector == TRAP_GP && hw.injected.has_error &&
              hw.injected.error == 0x18 && hw.injected.type == HVM_EVENT_EXCEPTION);
        enter();
        CHECK_EQ(hw.nr_injected, 0);
    }
    TEST("an exception without an error code") {
        start(false);
        hvm_inject(&hw.v, TRAP_UD, 5);
        enter();
        CHECK(hw.injected.vector == TRAP_UD && !hw.injected.has_error);
    }
    TEST("a page fault sets CR2") {
        start(false);
        hvm_inject_pf(&hw.v, PFEC_WRITE, 0x1234);
        CHECK_EQ(hw.hv.cpu.cr2, 0x1234);
        CHECK(hw.updates > 0 && waiting()->vector == TRAP_PF && waiting()->error == PFEC_WRITE);
    }
    TEST("which two make a double fault: AMD APM vol. 2 table 8-4") {
        static const int contributory[] = { TRAP_DE, TRAP_TS, TRAP_NP, TRAP_SS, TRAP_GP };
        static const int benign[] = {
            TRAP_DB, TRAP_BP, TRAP_UD, TRAP_NM, TRAP_MF, TRAP_AC, TRAP_XM
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(contributory); i++) {
            for (unsigned int j = 0; j < ARRAY_SIZE(contributory); j++) {
                start(false);
                hvm_inject(&hw.v, contributory[i], 1);
                hvm_inject(&hw.v, contributory[j], 2);
                CHECK(waiting()->vector == TRAP_DF && waiting()->error == 0 &&
                      waiting()->has_error);
            }
            start(false);
            hvm_inject(&hw.v, contributory[i], 1);
            hvm_inject(&hw.v, TRAP_PF, 2);
            CHECK_EQ(waiting()->vector, TRAP_PF);
            hvm_inject(&hw.v, contributory[i], 0);
            CHECK_EQ(waiting()->vector, TRAP_DF);
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(benign); i++) {
            start(false);
            hvm_inject(&hw.v, TRAP_GP, 0);
            hvm_inject(&hw.v, benign[i], 0);
            CHECK_EQ(waiting()->vector, benign[i]);
            hvm_inject(&hw.v, TRAP_GP, 0);
            CHECK_EQ(waiting()->vector, TRAP_GP);
        }
    }
    TEST("a third is a triple fault") {
        start(false);
        hvm_inject(&hw.v, TRAP_GP, 0);
        hvm_inject(&hw.v, TRAP_GP, 0);
        CHECK_EQ(hw.triple_faults, 0);
        hvm_inject(&hw.v, TRAP_PF, 0);
        CHECK_EQ(hw.triple_faults, 1);
    }
    TEST("an interrupt that was being delivered is no first exception") {
        start(true);
        hw.hv.cpu.event = (struct hvm_event){ .vector = TRAP_GP, .type = HVM_EVENT_INTR };
        hvm_inject(&hw.v, TRAP_GP, 0);
        CHECK_EQ(waiting()->vector, TRAP_GP);
        CHECK_EQ(waiting()->type, HVM_EVENT_EXCEPTION);
    }
    TEST("interrupts: taken when they can be, otherwise a window") {
        start(false);
        interrupt(0x40);
        enter();
        CHECK(hw.nr_injected == 0 && hw.windows == 1 && taken == 0);
        hw.regs.rflags |= X86_EFLAGS_IF;
        hw.shadow = true;
        enter();
        CHECK(hw.nr_injected == 0 && hw.windows == 1);
        hw.shadow = false;
        enter();
        CHECK(hw.nr_injected == 1 && hw.injected.vector == 0x40 && hw.windows == 0);
        CHECK_EQ(hw.injected.type, HVM_EVENT_INTR);
    }
    TEST("one at a time: the next one waits in a window") {
        start(true);
        interrupt(0x40);
        interrupt(0x50);
        enter();
        CHECK(hw.nr_injected == 1 && hw.injected.vector == 0x40 && hw.windows == 1);
        enter();
        CHECK(hw.nr_injected == 1 && hw.injected.vector == 0x50 && hw.windows == 0);
    }
    TEST("an exception goes first") {
        start(true);
        interrupt(0x40);
        hw.v.nmi_pending = true;
        hvm_inject(&hw.v, TRAP_UD, 0);
        enter();
        CHECK(hw.nr_injected == 1 && hw.injected.vector == TRAP_UD && hw.windows == 1);
        CHECK(hw.v.nmi_pending && taken == 0);
        enter();
        CHECK(hw.injected.type == HVM_EVENT_NMI && !hw.v.nmi_pending && taken == 0);
        enter();
        CHECK(hw.injected.vector == 0x40 && hw.injected.type == HVM_EVENT_INTR);
    }
    TEST("an NMI in an NMI's handler waits; interrupts do not wait for it") {
        start(true);
        hw.nmi_masked = true;
        hw.v.nmi_pending = true;
        interrupt(0x40);
        enter();
        CHECK(hw.nmi_windows == 1 && hw.v.nmi_pending && hw.injected.vector == 0x40);
    }
    TEST("one that goes away while it is taken") {
        start(true);
        interrupt(0x40);
        goes_away = true;
        enter();
        CHECK_EQ(hw.nr_injected, 0);
    }
    return check_exit();
}
