/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/io.c */
/*
 * Blocks of port I/O and of device memory: which go to a device model as one request, what becomes
 * of the RAM behind it, and whose an answer is: a block's or a single access's. Memory accesses of
 * vector instructions, in parts.
 */
#include "check.h"

#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <arch/ioreq.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <xen/hvm/ioreq.h>

#define PORT 0x511
#define OURS 0x70
#define THROUGH 0xe000
#define RAM 0x5010U
#define ROM 0x6000U
#define OUR_PAGE 0xfec00000U
#define DEVICE 0xf0000010U

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
bool hvm_mmio_is_ours(struct vcpu *v, uint64_t gpa) { return gpa >> 12 == OUR_PAGE >> 12; }
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

/* A device of the machine's, with a port, and an MSI-X entry in a page of the device model's. */
static uint32_t machine_port;
static uint64_t entry_written;

bool hvm_pt_port(const struct domain *d, uint32_t port, unsigned int size, uint16_t *machine)
{
    *machine = 0xc000;
    return port == THROUGH;
}
uint32_t hw_port_read(uint16_t port, unsigned int size) { return port << 8 | size; }
void hw_port_write(uint16_t port, unsigned int size, uint32_t val) { machine_port = val; }
void hvm_pt_written(struct domain *d, uint64_t gpa, unsigned int size, uint64_t val)
{
    entry_written = gpa;
}

static unsigned int sleeps;
void hvm_emulate(struct vcpu *v) { nr_emulated++; }
void vcpu_sleep_nosync(struct vcpu *v) { sleeps++; }
/* Accesses over two pages are in emul_device.c. */
int hvm_copy_from_phys(struct domain *d, void *dst, uint64_t gpa, size_t n) { return -1; }
int hvm_copy_to_phys(struct domain *d, uint64_t gpa, const void *src, size_t n) { return -1; }

static uint64_t answer_data = 0x5a;

static enum p2m_type ram_type = P2M_RAM, device_type = P2M_NONE;
static unsigned int nr_lookups, nr_marked;
static uint64_t marked;

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    nr_lookups++;
    return (struct p2m_entry){ .type = gfn.n == RAM >> 12   ? ram_type
                                       : gfn.n == ROM >> 12 ? P2M_RAM_RO
                                                            : device_type };
}

void p2m_mark_dirty(struct domain *d, gfn_t gfn)
{
    nr_marked++;
    marked = gfn.n;
}

enum ioreq_result hvm_ioreq_send(struct vcpu *v, const struct ioreq_access *a)
{
    sent = *a;
    nr_sent++;
    return answer;
}

static unsigned int nr_told;
static bool told_out, told_answered;

enum ioreq_result hvm_ioreq_broadcast(struct vcpu *v, const struct ioreq_access *a, bool queued)
{
    CHECK(a->type == IOREQ_TYPE_INVALIDATE && a->write && !queued && !told_out);
    nr_told++;
    told_out = true;
    return IOREQ_WAIT;
}
bool hvm_ioreq_pending(const struct vcpu *v)
{
    return told_out || v->arch.hvm->io.state == HVM_IO_SENT;
}

bool hvm_ioreq_complete(struct vcpu *v, uint64_t *data)
{
    if (told_out) {
        told_out = !told_answered;
        return told_answered;
    }
    *data = answer_data;
    return true;
}

static void start(enum ioreq_result a)
{
    memset(&hvm_cpu, 0, sizeof(hvm_cpu));
    memset(&sent, 0, sizeof(sent));
    nr_sent = nr_emulated = nr_lookups = nr_marked = 0;
    ram_type = P2M_RAM;
    device_type = P2M_NONE;
    answer = a;
}

static bool down;

static enum emul_result copy(unsigned int size, unsigned int count, uint64_t from, uint64_t to)
{
    return hvm_copy_block(&vcpu, &(struct emul_block){ size, count, down }, from, to);
}

static enum emul_result block(uint16_t port, uint64_t gpa)
{
    return hvm_port_block(&vcpu, &(struct emul_block){ 2, 100, down }, port, gpa, true);
}

/* What the exit code does when the answer is there. */
static void answered(void)
{
    hvm_cpu.io.emulating = true;
    hvm_io_finish(&vcpu);
}

static enum emul_result on_device(uint64_t gpa, unsigned int size, bool write, void *data)
{
    return hvm_mmio_access(&vcpu, &(struct hvm_place){ { gpa }, size }, size, write, data);
}

/* Parts of a read of 30 bytes: what the device model is asked, one after the other. */
static void test_read_in_parts(void)
{
    static const struct { uint8_t at, size; } parts[] = {
        { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 4 }, { 28, 2 }
    };
    uint8_t buf[32] = { 0 };

    start(IOREQ_WAIT);
    for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
        CHECK(on_device(0xfed000f0, 30, false, buf) == EMUL_RETRY);
        CHECK(nr_sent == i + 1 && sent.type == IOREQ_TYPE_COPY && !sent.write);
        CHECK(sent.addr == 0xfed000f0ULL + parts[i].at && sent.size == parts[i].size);
        answer_data = 0x0101010101010101ULL * (i + 1);
        answered();
    }
    CHECK(on_device(0xfed000f0, 30, false, buf) == EMUL_OK && nr_sent == 5);
    CHECK(buf[0] == 1 && buf[8] == 2 && buf[23] == 3 && buf[27] == 4 && buf[29] == 5);
    CHECK(buf[30] == 0 && hvm_cpu.io.done == 0 && hvm_cpu.io.state == HVM_IO_NONE);
}

static void test_write_in_parts(void)
{
    uint8_t buf[32];

    for (unsigned int i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)i;
    start(IOREQ_DONE);
    CHECK(on_device(0xa0000, 32, true, buf) == EMUL_OK);
    CHECK(nr_sent == 4 && sent.write && sent.addr == 0xa0018 && sent.data == 0x1f1e1d1c1b1a1918);
    CHECK(on_device(0xa0000, 33, true, buf) == EMUL_UNHANDLED && nr_sent == 4);
}

/* Nothing of an access that was given up is left for the next one. */
static void test_forget(void)
{
    uint8_t buf[16] = { 0 };
    uint32_t val = 0;

    start(IOREQ_WAIT);
    CHECK(on_device(0xfed000f0, 16, false, buf) == EMUL_RETRY);
    answered();
    hvm_io_emulated(&vcpu, false); /* it led to RAM this time */
    CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY && nr_sent == 2);

    start(IOREQ_WAIT);
    CHECK(on_device(0xfed000f0, 16, false, buf) == EMUL_RETRY);
    hvm_io_emulated(&vcpu, true);
    hvm_io_forget(&vcpu); /* INIT: the slot is in use until there is an answer */
    CHECK(hvm_cpu.io.state == HVM_IO_SENT);
    hvm_io_finish(&vcpu);
    CHECK(nr_emulated == 0 && hvm_cpu.io.state == HVM_IO_NONE);
}

static enum emul_result from_device(void) { return copy(4, 50, DEVICE, RAM); }
static enum emul_result to_device(void) { return copy(4, 50, RAM, DEVICE); }

/* A device model writes to a page by its number: what that stands for decides. */
static void test_types(void)
{
    for (enum p2m_type t = 0; t < P2M_NR_TYPES; t++) {
        const bool ram = t == P2M_RAM || t == P2M_LOGDIRTY;
        const bool device = t == P2M_NONE || t == P2M_MMIO_DM;

        start(IOREQ_WAIT);
        ram_type = t;
        CHECK(from_device() == (ram || device ? EMUL_RETRY : EMUL_UNHANDLED));
        CHECK(nr_sent == (ram || device) && sent.between == device);
        CHECK_EQ(nr_lookups, 2);
        start(IOREQ_WAIT);
        ram_type = t;
        CHECK(to_device() == (ram || device ? EMUL_RETRY : EMUL_UNHANDLED));
        CHECK(nr_sent == (ram || device) && sent.between == device);
        start(IOREQ_WAIT);
        ram_type = t;
        CHECK(block(PORT, RAM) == (ram ? EMUL_RETRY : EMUL_UNHANDLED) && nr_sent == ram);
        start(IOREQ_WAIT);
        device_type = t;
        CHECK(from_device() == (device ? EMUL_RETRY : EMUL_UNHANDLED) && nr_sent == device);
        start(IOREQ_WAIT);
        device_type = t;
        CHECK(to_device() == (device ? EMUL_RETRY : EMUL_UNHANDLED) && nr_sent == device);
    }
    start(IOREQ_NONE); /* nobody claims all of it: each element finds its own */
    CHECK(from_device() == EMUL_UNHANDLED && hvm_cpu.io.state == HVM_IO_NONE);
    answered();
    CHECK(nr_marked == 0 && !hvm_block_done(&vcpu));
}

/* What a device model has filled is dirty, once it has, whoever still waits for it. */
static void test_dirty(void)
{
    uint32_t val = 0;

    start(IOREQ_WAIT);
    ram_type = P2M_LOGDIRTY;
    CHECK(from_device() == EMUL_RETRY && nr_marked == 0);
    answered();
    CHECK(nr_marked == 1 && marked == RAM >> 12 && hvm_block_done(&vcpu));
    CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY);
    answered();
    CHECK_EQ(nr_marked, 1);

    start(IOREQ_WAIT);
    CHECK(block(PORT, RAM) == EMUL_RETRY);
    answered();
    CHECK(nr_marked == 1 && marked == RAM >> 12);

    start(IOREQ_WAIT); /* it only reads there */
    CHECK(to_device() == EMUL_RETRY);
    answered();
    CHECK(nr_marked == 0 && hvm_block_done(&vcpu));
    start(IOREQ_WAIT);
    CHECK(hvm_port_block(&vcpu, &(struct emul_block){ 2, 100, down }, PORT, RAM, false) ==
          EMUL_RETRY);
    answered();
    CHECK_EQ(nr_marked, 0);

    start(IOREQ_WAIT); /* INIT: the vcpu does not want it any more */
    CHECK(from_device() == EMUL_RETRY);
    hvm_io_forget(&vcpu);
    hvm_io_finish(&vcpu);
    CHECK(nr_marked == 1 && nr_emulated == 0 && !hvm_block_done(&vcpu));
}

/* Nothing of the page is held or looked up again: it may be gone when the answer comes. */
static void test_page_goes(void)
{
    for (unsigned int i = 0; i < 2; i++) {
        start(IOREQ_WAIT);
        CHECK((i ? to_device() : from_device()) == EMUL_RETRY && nr_lookups == 2);
        ram_type = P2M_MMIO;
        answered();
        CHECK(hvm_block_done(&vcpu) && nr_lookups == 2 && hvm_cpu.io.state == HVM_IO_NONE);
        CHECK((i ? to_device() : from_device()) == EMUL_UNHANDLED && nr_sent == 1);
    }
}

int main(void)
{
    uint32_t val = 0;

    TEST("one request for all") {
        start(IOREQ_WAIT);
        CHECK(block(PORT, RAM) == EMUL_RETRY && nr_sent == 1);
        CHECK(sent.type == IOREQ_TYPE_PIO && sent.addr == PORT && sent.size == 2);
        CHECK(sent.count == 100 && sent.data_is_ptr && sent.data == RAM && !sent.write && !sent.df);
        CHECK(!hvm_block_done(&vcpu));
        answered();
        CHECK(nr_emulated == 1 && hvm_block_done(&vcpu));
        CHECK(!hvm_block_done(&vcpu) && hvm_cpu.io.state == HVM_IO_NONE);
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
    TEST("ports of the machine's: not the device model's, neither one by one nor as a block") {
        uint32_t val = 0;

        start(IOREQ_WAIT);
        CHECK(hvm_port_access(&vcpu, THROUGH, 2, false, &val) == EMUL_OK);
        CHECK_EQ(val, 0xc00002);
        val = 7;
        CHECK(hvm_port_access(&vcpu, THROUGH, 1, true, &val) == EMUL_OK);
        CHECK_EQ(machine_port, 7);
        CHECK(block(THROUGH, RAM) == EMUL_UNHANDLED && nr_sent == 0);
    }
    TEST("a write is looked at for an MSI-X entry's mask once the device model has done it") {
        uint32_t val = 1;

        start(IOREQ_WAIT);
        CHECK(on_device(0xf000000c, 4, true, &val) == EMUL_RETRY);
        CHECK_EQ(entry_written, 0);
        answered();
        CHECK(on_device(0xf000000c, 4, true, &val) == EMUL_OK);
        CHECK_EQ(entry_written, 0xf000000c);
        entry_written = 0;
        start(IOREQ_DONE);
        CHECK(on_device(0xf000000c, 4, false, &val) == EMUL_OK);
        CHECK_EQ(entry_written, 0);
    }
    TEST("one request between a device model's memory and RAM, both ways") {
        start(IOREQ_WAIT);
        CHECK(copy(4, 50, DEVICE, RAM) == EMUL_RETRY && nr_sent == 1);
        CHECK(sent.type == IOREQ_TYPE_COPY && sent.addr == DEVICE && sent.size == 4 && !sent.df);
        CHECK(sent.count == 50 && sent.data_is_ptr && sent.data == RAM && !sent.write);
        answered();
        CHECK(hvm_block_done(&vcpu));
        start(IOREQ_WAIT);
        CHECK(copy(8, 2, RAM, DEVICE) == EMUL_RETRY && nr_sent == 1);
        CHECK(sent.addr == DEVICE && sent.data == RAM && sent.write && sent.size == 8);
    }
    TEST("... but not where RAM is on both sides, or read-only, or the device is ours") {
        start(IOREQ_WAIT);
        CHECK(copy(4, 50, RAM, RAM) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, DEVICE, ROM) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, ROM, DEVICE) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, OUR_PAGE, RAM) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, RAM, OUR_PAGE) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, OUR_PAGE, DEVICE) == EMUL_UNHANDLED);
        CHECK(copy(4, 50, DEVICE, OUR_PAGE) == EMUL_UNHANDLED);
        CHECK_EQ(nr_sent, 0);
    }
    TEST("downwards: the first element's address, and the field for it") {
        down = true;
        start(IOREQ_WAIT);
        CHECK(copy(4, 4, RAM, DEVICE) == EMUL_RETRY && sent.df && sent.addr == DEVICE);
        CHECK(sent.data == RAM && sent.count == 4 && sent.write && !sent.between);
        start(IOREQ_WAIT);
        CHECK(copy(4, 4, DEVICE, RAM) == EMUL_RETRY && sent.df && !sent.write);
        start(IOREQ_WAIT);
        CHECK(block(PORT, RAM) == EMUL_RETRY && sent.df && sent.data == RAM);
        down = false;
    }
    TEST("from a model's memory to its memory: a write whose source is there, too") {
        start(IOREQ_WAIT);
        CHECK(copy(4, 50, DEVICE, DEVICE + 0x3000) == EMUL_RETRY && sent.write && sent.between);
        CHECK(sent.addr == DEVICE + 0x3000 && sent.data == DEVICE && sent.data_is_ptr);
        answered();
        CHECK(hvm_block_done(&vcpu) && nr_marked == 0);
        start(IOREQ_NONE);
        CHECK(copy(4, 50, DEVICE, DEVICE) == EMUL_UNHANDLED);
    }
    TEST("RAM that may be read and written is one side, a device model's memory the other")
        test_types();
    TEST("what a device model has filled is marked as written to, once") test_dirty();
    TEST("the page may go while its request is out") test_page_goes();
    TEST("a single access's answer is no block's") {
        start(IOREQ_WAIT);
        CHECK(block(PORT, RAM) == EMUL_RETRY); /* forgotten: INIT came */
        hvm_io_forget(&vcpu);
        hvm_io_finish(&vcpu);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY && nr_sent == 2);
        answered();
        CHECK(!hvm_block_done(&vcpu));
        CHECK(block(PORT, RAM) == EMUL_UNHANDLED && nr_sent == 2);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_OK && val == 0x5a);
    }
    TEST("a wide read goes in parts, each asked for once") test_read_in_parts();
    TEST("so does a wide write") test_write_in_parts();
    TEST("an access that is given up leaves nothing behind") test_forget();
    TEST("a vcpu of a domain that settles goes on until its access is finished") {
        start(IOREQ_WAIT);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY);
        vcpu.unfinished = true; /* as the request does */
        dom.settling = SETTLING;
        sleeps = 0;
        told_answered = false;
        hvm_mapcache_invalidate(&dom);
        answered();
        CHECK(!hvm_io_finish(&vcpu) && vcpu.unfinished && sleeps == 0);
        told_answered = true;
        CHECK(hvm_io_finish(&vcpu) && !vcpu.unfinished && sleeps == 1);
        CHECK(hvm_io_finish(&vcpu) && sleeps == 1);
        dom.settling = SETTLING_NO;
        nr_told = 0;
    }
    TEST("device models are told of stale maps once, and the vcpu waits for them") {
        start(IOREQ_WAIT);
        told_answered = false;
        answer_data = 0x5a;
        CHECK(hvm_io_finish(&vcpu) && nr_told == 0);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_RETRY);
        hvm_mapcache_invalidate(&dom);
        answered(); /* of the access; then they are asked */
        CHECK(nr_told == 1 && told_out);
        CHECK(hvm_port_access(&vcpu, PORT, 1, false, &val) == EMUL_OK && val == 0x5a);
        CHECK(!hvm_io_finish(&vcpu) && nr_told == 1);
        told_answered = true;
        CHECK(hvm_io_finish(&vcpu) && !told_out);
        CHECK(hvm_io_finish(&vcpu) && nr_told == 1);
    }
    return check_exit();
}
