/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An HVM vcpu's accesses to ports and device memory: answered by the hypervisor's own devices, by a
 * device model (then the vcpu waits for the answer), or by nobody: ones.
 */
#ifndef ARCH_HVM_IO_H
#define ARCH_HVM_IO_H

#include <arch/emul.h>
#include <hv/types.h>

struct vcpu;

/*
 * EMUL_RETRY: a device model was asked; the same access again when v runs again gives its answer.
 * EMUL_UNHANDLED: a size that devices do not have.
 */
enum emul_result hvm_port_access(struct vcpu *v, uint16_t port, unsigned int size, bool write,
                                 uint32_t *val);
/*
 * Elements between a device model's port and RAM, the first at gpa, within a page. EMUL_RETRY:
 * asked, and hvm_block_done() says so when v runs again. EMUL_UNHANDLED: not at once.
 */
enum emul_result hvm_port_block(struct vcpu *v, const struct emul_block *b, uint16_t port,
                                uint64_t gpa, bool in);
/*
 * The same between a device model's memory and RAM, whichever way, or between two places of its
 * memory; each within a page.
 */
enum emul_result hvm_copy_block(struct vcpu *v, const struct emul_block *b, uint64_t from,
                                uint64_t to);
bool hvm_block_done(struct vcpu *v);
/* Where an access is: so many bytes from gpa[0] on, the others, if any, from gpa[1] on. */
struct hvm_place {
    uint64_t gpa[2];
    unsigned int first;
};
/*
 * Up to 32 bytes: more than 8 go in parts, each asked for once. Of two pages one may be memory; one
 * page alone is a device's.
 */
enum emul_result hvm_mmio_access(struct vcpu *v, const struct hvm_place *p, unsigned int size,
                                 bool write, void *data);
/* The emulator has run: it waits for an answer, or what was under way is over. */
void hvm_io_emulated(struct vcpu *v, bool waits);
/* INIT: nobody waits any more. */
void hvm_io_forget(struct vcpu *v);
/* Before entry: what v waited for. False: it still waits, and must not enter. */
bool hvm_io_finish(struct vcpu *v);

#endif
