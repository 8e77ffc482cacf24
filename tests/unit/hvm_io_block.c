/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/io.c */
/*
 * Blocks of port I/O: which go to a device model as one request, and whose an answer is: a block's
 * or a single access's.
 */
#include "check.h"

#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <arch/hwdom.h>
#include <arch/ioreq.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <xen/hvm/ioreq.h>

#define PORT 0x511
#define OURS 0x70
#define RAM 0x5010U
#define ROM 0x6000U

static struct cpu_user_regs regs;
static struct hvm_domain hvm_dom;
static struct hvm_vcpu hvm_cpu;
static struct domain dom = { .kind = 2, .arch.hvm = &hvm_dom };
static struct vcpu vcpu = { .domain = &dom, .arch.hvm = &hvm_cpu };
static struct ioreq_access sent;
static unsigned int nr_sent, nr_emulated;
static enum ioreq_result answer;

void spin_lock(spinlock_t *l) {}
void spin_unlock(spinlock_t *l) {}
void guest_log(enum log_level level, const char *fmt, ...) {}
struct cpu_user_regs *hvm_regs(struct vcpu *v) { return &regs; }
bool hvm_port_is_ours(struct vcpu *v, unsigned int port) { return port == OURS; }
bool hvm_port_io(struct vcpu *v, unsigned int port, unsigned int size, bool write, uint32_t *val)
{
    return false;
}
bool hvm_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    return false;
}
bool hwdom_mmio(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    return false;
}
void hwdom_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *val)
{
}
void hvm_emulate(struct vcpu *v) { nr_emulated++; }

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    return (struct p2m_entry){ .type = gfn.n == RAM >> 12 ? P2M_RAM : P2M_RAM_RO };
}

enum ioreq_result hvm_ioreq_send(struct vcpu *v, const struct ioreq_access *a)
{
    sent = *a;
    nr_sent++;
    return answer;
}

bool hvm_ioreq_complete(struct vcpu *v, uint64_t *data)
{
    *data = 0x5a;
    return true;
}

static void start(enum ioreq_result a)
{
    memset(&hvm_cpu, 0, sizeof(hvm_cpu));
    memset(&sent, 0, sizeof(sent));
    nr_sent = nr_emulated = 0;
    answer = a;
}

static enum emul_result block(uint16_t port, uint64_t gpa)
{
    return hvm_port_block(&vcpu, port, 2, 100, gpa, true);
}

/* What the exit code does when the answer is there. */
static void answered(void)
{
    hvm_cpu.io.emulating = true;
    hvm_io_finish(&vcpu);
}

int main(void)
{
    uint32_t val = 0;

    TEST("one request for all") {
        start(IOREQ_WAIT);
        CHECK(block(PORT, RAM) == EMUL_RETRY && nr_sent == 1);
        CHECK(sent.type == IOREQ_TYPE_PIO && sent.addr == PORT && sent.size == 2);
        CHECK(sent.count == 100 && sent.data_is_ptr && sent.data == RAM && !sent.write && !sent.df);
        CHECK(!hvm_port_block_done(&vcpu));
        answered();
        CHECK(nr_emulated == 1 && hvm_port_block_done(&vcpu));
        CHECK(!hvm_port_block_done(&vcpu) && hvm_cpu.io.state == HVM_IO_NONE);
    }
    TEST("what goes one by one") {
        start(IOREQ_WAIT);
        CHECK(block(OURS, RAM) == EMUL_UNHANDLED);
        CHECK(block(0xe9, RAM) == EMUL_UNHANDLED);
        CHECK(block(PORT, ROM) == EMUL_UNHANDLED);
        CHECK_EQ(nr_sent, 0);
        start(IOREQ_NONE); /* nobody there */
        CHECK(block(PORT, RAM) == EMUL_UNHANDLED && hvm_cpu.io.state == HVM_IO_NONE);
    }
    TEST("a single access's answer is no block's") {
        start(IOREQ_WAIT);
        CHECK(block(PORT, RAM) == EMUL_RETRY); /* forgotten: INIT came */
        hvm_cpu.io.state = HVM_IO_NONE;
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY && nr_sent == 2);
        answered();
        CHECK(!hvm_port_block_done(&vcpu));
        CHECK(block(PORT, RAM) == EMUL_UNHANDLED && nr_sent == 2);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_OK && val == 0x5a);
    }
    return check_exit();
}
