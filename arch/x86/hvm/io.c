/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports and device memory of HVM guests (arch/hvm_io.h). One access of a vcpu is under way at most:
 * struct hvm_io says which state it is in, and whether an IN or the emulator waits for it.
 */
#include <arch/hvm_io.h>

#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_pt.h>
#include <arch/hwdom.h>
#include <arch/ioreq.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <lib/string.h>
#include <xen/hvm/ioreq.h>

#define DEBUG_PORT 0xe9

/* --- the debug port --------------------------------------------------------------------------- */

/* Bochs's: characters for the log, a line at a time. */
static void debug_character(struct domain *d, char c)
{
    struct hvm_domain *h = d->arch.hvm;

    spin_lock(&h->debug_lock);
    if (c != '\n' && (c >= ' ' && c <= '~') && h->debug_length < sizeof(h->debug_line) - 1)
        h->debug_line[h->debug_length++] = c;
    if (c == '\n' || h->debug_length == sizeof(h->debug_line) - 1) {
        h->debug_line[h->debug_length] = '\0';
        guest_log(LOG_INFO, "d%u: %s", d->id, h->debug_line);
        h->debug_length = 0;
    }
    spin_unlock(&h->debug_lock);
}

/* --- to a device model ------------------------------------------------------------------------ */

static enum emul_result ask(struct vcpu *v, uint8_t type, uint64_t addr, unsigned int size,
                            bool write, uint64_t *data)
{
    struct hvm_io *io = &v->arch.hvm->io;
    struct ioreq_access a = {
        .type = type, .addr = addr, .size = size, .count = 1, .write = write,
        .data = write ? *data : 0,
    };

    if (io->state == HVM_IO_ANSWERED) { /* the same access again */
        io->state = HVM_IO_NONE;
        *data = io->data;
        return EMUL_OK;
    }
    switch (hvm_ioreq_send(v, &a)) {
    case IOREQ_WAIT:
        io->block = false;
        io->state = HVM_IO_SENT;
        return EMUL_RETRY;
    case IOREQ_DONE:
        return EMUL_OK;
    default:
        *data = ~0ULL; /* nobody there: an open bus */
        return EMUL_OK;
    }
}

enum emul_result hvm_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write,
                                 uint32_t *val)
{
    uint64_t data = *val;
    enum emul_result r;
    uint16_t machine;

    if (port == DEBUG_PORT && size == 1 && write) {
        debug_character(v->domain, (char)*val);
        return EMUL_OK;
    }
    if (hvm_port_io(v, port, size, write, val))
        return EMUL_OK;
    if (v->domain->is_hardware) {
        hwdom_port_access(v, port, size, write, val);
        return EMUL_OK;
    }
    if (hvm_pt_port(v->domain, port, size, &machine)) {
        if (write)
            hw_port_write(machine, size, *val);
        else
            *val = hw_port_read(machine, size);
        return EMUL_OK;
    }
    r = ask(v, IOREQ_TYPE_PIO, port, size, write, &data);
    *val = (uint32_t)data;
    return r;
}

bool hvm_block_done(struct vcpu *v)
{
    struct hvm_io *io = &v->arch.hvm->io;

    if (io->state != HVM_IO_ANSWERED || !io->block)
        return false;
    io->state = HVM_IO_NONE;
    return true;
}

/* Where a device model may write; block_answered() says that it has. */
static bool is_plain_ram(enum p2m_type t) { return t == P2M_RAM || t == P2M_LOGDIRTY; }

static enum p2m_type type_at(struct vcpu *v, uint64_t gpa)
{
    return p2m_lookup(v->domain, _gfn(gpa >> PAGE_SHIFT)).type;
}

/* The device model copies by itself. */
static enum emul_result ask_for_block(struct vcpu *v, const struct ioreq_access *a)
{
    struct hvm_io *io = &v->arch.hvm->io;

    if (io->state != HVM_IO_NONE || hvm_ioreq_send(v, a) != IOREQ_WAIT)
        return EMUL_UNHANDLED;
    io->state = HVM_IO_SENT;
    io->block = true;
    io->fills = !a->write;
    io->ram = a->data;
    return EMUL_RETRY;
}

/* It was written to for us: the page is dirty, whether the device model reports that or not. */
static void block_answered(struct vcpu *v)
{
    struct hvm_io *io = &v->arch.hvm->io;

    if (io->fills)
        p2m_mark_dirty(v->domain, _gfn(io->ram >> PAGE_SHIFT));
    io->fills = false;
}

enum emul_result hvm_port_block(struct vcpu *v, const struct emul_block *b, uint16_t port,
                                uint64_t gpa, bool in)
{
    const struct ioreq_access a = {
        .type = IOREQ_TYPE_PIO, .addr = port, .size = b->size, .count = b->count, .df = b->down,
        .write = !in, .data = gpa, .data_is_ptr = true,
    };
    uint16_t machine;

    if (port == DEBUG_PORT || hvm_port_is_ours(v, port) ||
        hvm_pt_port(v->domain, port, b->size, &machine) || !is_plain_ram(type_at(v, gpa)))
        return EMUL_UNHANDLED;
    return ask_for_block(v, &a);
}

static bool is_device_model(struct vcpu *v, uint64_t gpa, enum p2m_type t)
{
    return (t == P2M_NONE || t == P2M_MMIO_DM) && !hvm_mmio_is_ours(v, gpa);
}

/* A read is one from a device to RAM; what goes to a device is a write. */
enum emul_result hvm_copy_block(struct vcpu *v, const struct emul_block *b, uint64_t from,
                                uint64_t to)
{
    const enum p2m_type source = type_at(v, from), destination = type_at(v, to);
    const bool read = is_plain_ram(destination);
    struct ioreq_access a = {
        .type = IOREQ_TYPE_COPY, .addr = read ? from : to, .size = b->size, .count = b->count,
        .df = b->down, .write = !read, .data = read ? to : from, .data_is_ptr = true,
    };

    if (!is_device_model(v, a.addr, read ? source : destination))
        return EMUL_UNHANDLED;
    a.between = !read && is_device_model(v, from, source);
    if (!read && !a.between && !is_plain_ram(source))
        return EMUL_UNHANDLED;
    return ask_for_block(v, &a);
}

/* Size 1, 2, 4 or 8. */
static enum emul_result mmio_part(struct vcpu *v, uint64_t gpa, unsigned int size, bool write,
                                  uint8_t *data)
{
    uint64_t val = 0;
    enum emul_result r = EMUL_OK;

    if (write)
        memcpy(&val, data, size);
    if (!hvm_mmio(v, gpa, size, write, &val) &&
        !(v->domain->is_hardware && hwdom_mmio(v, gpa, size, write, &val)))
        r = ask(v, IOREQ_TYPE_COPY, gpa, size, write, &val);
    if (write && r == EMUL_OK)
        hvm_pt_written(v->domain, gpa, size, val);
    if (!write && r == EMUL_OK)
        memcpy(data, &val, size);
    return r;
}

/* Of an access to two pages, one may be memory. False: it is none, for such an access. */
static bool memory_part(struct domain *d, uint64_t gpa, unsigned int size, bool write,
                        uint8_t *data)
{
    return !(write ? hvm_copy_to_phys(d, gpa, data, size) : hvm_copy_from_phys(d, data, gpa, size));
}

/* The next bytes of an access, up to `end` of it: *n of them. */
static enum emul_result next_part(struct vcpu *v, uint64_t gpa, bool split, unsigned int end,
                                  bool write, uint8_t *data, unsigned int *n)
{
    const unsigned int left = end - v->arch.hvm->io.done;

    *n = left;
    if (split && memory_part(v->domain, gpa, left, write, data))
        return EMUL_OK;
    *n = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    return mmio_part(v, gpa, *n, write, data);
}

/*
 * Devices see at most 8 bytes at once, and nothing that spans pages. While a part waits, io->done
 * and io->wide have what came before it.
 */
enum emul_result hvm_mmio_access(struct vcpu *v, const struct hvm_place *p, unsigned int size,
                                 bool write, void *data)
{
    struct hvm_io *io = &v->arch.hvm->io;
    const bool split = p->first < size;

    if (size > sizeof(io->wide))
        return EMUL_UNHANDLED;
    while (io->done < size) {
        const bool second = io->done >= p->first;
        const uint64_t gpa = second ? p->gpa[1] + io->done - p->first : p->gpa[0] + io->done;
        uint8_t *at = write ? (uint8_t *)data + io->done : io->wide + io->done;
        unsigned int n;
        const enum emul_result r = next_part(v, gpa, split, split && !second ? p->first : size,
                                             write, at, &n);

        if (r != EMUL_OK)
            return r;
        io->done = (uint8_t)(io->done + n);
    }
    io->done = 0;
    if (!write)
        memcpy(data, io->wide, size);
    return EMUL_OK;
}

/* A request that is out keeps its slot until it is answered; the answer is for nobody then. */
void hvm_io_forget(struct vcpu *v)
{
    struct hvm_io *io = &v->arch.hvm->io;

    io->done = io->in_size = 0;
    io->emulating = io->block = false;
    if (io->state == HVM_IO_ANSWERED)
        io->state = HVM_IO_NONE;
}

/*
 * What it did not ask for again is nobody's: the guest's page tables may lead elsewhere by now. An
 * answer that stayed would be taken by the next access, whichever that is.
 */
void hvm_io_emulated(struct vcpu *v, bool waits)
{
    if (waits)
        v->arch.hvm->io.emulating = true;
    else
        hvm_io_forget(v);
}

/* --- IN and OUT ------------------------------------------------------------------------------- */

/* Into AL, AX or EAX; only the last clears what is above. */
static void put_in_rax(struct vcpu *v, unsigned int size, uint32_t val)
{
    struct cpu_user_regs *r = hvm_regs(v);
    const uint64_t mask = size == 4 ? ~0ULL : (1ULL << 8 * size) - 1;

    r->rax = (r->rax & ~mask) | (val & (size == 4 ? 0xffffffffU : mask));
}

void hvm_port_exit(struct vcpu *v, uint16_t port, unsigned int size, bool write)
{
    struct hvm_io *io = &v->arch.hvm->io;
    uint32_t val = (uint32_t)hvm_regs(v)->rax;

    if (write && size < 4)
        val &= (1U << 8 * size) - 1;
    if (hvm_port_access(v, port, size, write, &val) == EMUL_RETRY)
        io->in_size = write ? 0 : (uint8_t)size;
    else if (!write)
        put_in_rax(v, size, val);
}

static bool finish_access(struct vcpu *v)
{
    struct hvm_io *io = &v->arch.hvm->io;

    while (io->state == HVM_IO_SENT) {
        if (!hvm_ioreq_complete(v, &io->data))
            return false;
        block_answered(v);
        io->state = HVM_IO_ANSWERED;
        if (io->emulating) {
            hvm_emulate(v); /* takes the answer; may ask again */
            continue;
        }
        io->state = HVM_IO_NONE;
        if (io->in_size)
            put_in_rax(v, io->in_size, (uint32_t)io->data);
    }
    return true;
}

void hvm_mapcache_invalidate(struct domain *d)
{
    write_once(d->arch.hvm->mapcache_stale, true);
}

/* Whichever vcpu comes first tells them. True: it waits until they have heard it. */
static bool tell_of_stale_maps(struct vcpu *v)
{
    bool *stale = &v->domain->arch.hvm->mapcache_stale;
    const struct ioreq_access a = {
        .type = IOREQ_TYPE_INVALIDATE, .size = 4, .count = 1, .write = true, .data = ~0ULL
    };

    return unlikely(read_once(*stale)) && __atomic_exchange_n(stale, false, __ATOMIC_SEQ_CST) &&
           hvm_ioreq_broadcast(v, &a, false) == IOREQ_WAIT;
}

/* If its domain waited for that, v stops here: domain_shutdown(). */
static void finished(struct vcpu *v)
{
    __atomic_store_n(&v->unfinished, false, __ATOMIC_SEQ_CST);
    if (unlikely(read_once(v->domain->settling)))
        vcpu_sleep_nosync(v);
}

bool hvm_io_finish(struct vcpu *v)
{
    uint64_t nothing;

    if (!finish_access(v))
        return false;
    if ((hvm_ioreq_pending(v) || tell_of_stale_maps(v)) && !hvm_ioreq_complete(v, &nothing))
        return false;
    if (unlikely(v->unfinished))
        finished(v);
    return true;
}
