/* SPDX-License-Identifier: GPL-2.0-only */
/* memory_op and the domain's view of its memory: populate, decrease, exchange, maps. */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include <abi.h>
#include <hv/types.h>

struct domain;
struct vcpu;

/*
 * Machine-to-physical table (PV guests read it): entry of a frame. Sections are mapped with the
 * frame table's.
 */
#define M2P_INVALID (~0ULL)
#define M2P_SHARED 0x5555555555555555ULL
void m2p_set(mfn_t mfn, uint64_t pfn);
uint64_t m2p_get(mfn_t mfn); /* M2P_INVALID for what is not RAM in use */

/* One range of a memory map in the form of BIOS call E820: what the memory-map calls hand out. */
struct e820entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct e820entry) == 20, "ACPI specification, INT 15h E820");

#define MEMORY_MAP_MAX 128

/* Sub-operations in files of their own. arg is the guest address of the operation's struct. */
long memory_exchange(struct vcpu *v, uint64_t arg);
long memory_map_get(struct vcpu *v, uint64_t arg);
long memory_map_get_machine(struct vcpu *v, uint64_t arg);
/* XENMEM_reserved_device_memory_map */
long memory_map_of_firmware(struct vcpu *v, uint64_t arg);
long memory_map_set(struct vcpu *v, uint64_t arg);
/* start: frames that are done */
long memory_acquire_resource(struct vcpu *v, uint32_t op, uint64_t arg, uint64_t start);
/* start: pages that are done */
long memory_add_to_physmap(struct vcpu *v, uint64_t arg, uint64_t start);
long memory_add_to_physmap_batch(struct vcpu *v, uint64_t arg, uint64_t start);
long memory_remove_from_physmap(struct vcpu *v, uint64_t arg);

/* The command's upper bits hold the extent to continue from: public memory.h leaves them to us. */
#define MEMORY_CMD_MASK 0x3f
#define MEMORY_CMD_SHIFT 6
#define MEMORY_MAX_EXTENTS (UINT32_MAX >> MEMORY_CMD_SHIFT)
static inline uint64_t memory_op_at(uint32_t op, uint64_t extent)
{
    return op | (extent << MEMORY_CMD_SHIFT);
}

/* Allocation flags of hv/page.h from the ABI's mem_flags (XENMEMF_*). */
uint32_t memory_alloc_flags(const struct domain *d, unsigned int mem_flags);
/* The largest extent that a domain may ask for contiguously. */
unsigned int memory_max_order(const struct domain *d);
/*
 * Take frame mfn away from d, which must own it and hold no other use of it that we need: its
 * allocation is dropped.
 */
int memory_release_frame(struct domain *d, mfn_t mfn);

/*
 * New frames at gfn and on, in the place of what is there, as physmap_move(). -ENOMEM, -EINVAL;
 * -EPERM: a grant is there.
 */
int physmap_populate(struct domain *d, gfn_t gfn, unsigned int order, uint32_t flags) must_check;
/* Its own frames at gfn and on are taken out and freed; what was done before an error stays so. */
int physmap_release(struct domain *d, gfn_t gfn, unsigned int order) must_check;
/* The page at one gfn goes to another, and what was there is given up: as XENMAPSPACE_gmfn. */
int physmap_move(struct domain *d, gfn_t from, gfn_t to) must_check;
/* Nothing is at gfn and on afterwards: what was there is given up. -EPERM as above. */
int physmap_vacate(struct domain *d, gfn_t gfn, unsigned int order) must_check;
/*
 * A page of another's or of ours, for which the caller has a page and a writable type reference, in
 * the place of what is there: the references are the entry's, or dropped. -EPERM, -ENOMEM, -EINVAL.
 */
struct page;
int physmap_add_foreign(struct domain *d, struct page *pg, gfn_t gfn) must_check;
/*
 * Implemented by the architecture, resources that only it knows: frames that one may have, 0 if d
 * has none such; and its i-th frame (-ENOENT, -EPERM, -EINVAL, -ENOMEM).
 */
uint32_t arch_resource_size(const struct domain *d, unsigned int type);
int arch_resource_frame(struct domain *d, unsigned int type, uint32_t id, uint64_t i, mfn_t *mfn)
    must_check;

/* Implemented by the architecture: entry i of the machine's memory map; false past its end. */
bool arch_machine_memory_map(unsigned int i, struct e820entry *e);
uint64_t arch_m2p_virt_start(const struct domain *d);
uint64_t arch_m2p_virt_end(const struct domain *d);
uint64_t arch_m2p_max_mfn(const struct domain *d); /* the last that its M2P can tell of */
/* The number, as DOMID_XEN's, of the first of the 512 frames of its i-th 2 MiB; false: no such. */
bool arch_m2p_frame(unsigned int i, uint64_t *mfn);
/* Where the i-th 2 MiB of the M2P of 32-bit guests are; false: it has no such part. */
bool arch_m2p32_frame(unsigned int i, uint64_t *mfn);
/* Bits that the machine addresses of its memory may have. */
unsigned int arch_address_bits(const struct domain *d);

#endif
