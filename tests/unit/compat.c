/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/compat.c */
/*
 * Structures of 32-bit callers: their places and sizes against what two compilers say for i386
 * (tools/mk/compat.mk), the conversion there and back, and the copies at the edges of a 32-bit
 * guest's memory.
 */
#include "check.h"

#include <stdlib.h>

#include <arch/guest_range.h>
#include <hv/compat.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>

#define ROUNDS 2000
#define MEMORY 256U /* bytes of guest memory, at the end of its address space */
#define MEMORY_ADDR (GUEST32_END - MEMORY)

struct vcpu *host_current[64];
unsigned int host_cpu;

static struct domain dom = { .kind = 1, .is_32bit = true };
static struct vcpu vcpu = { .domain = &dom };
static uint8_t memory[MEMORY];
static uint64_t seed = 1;

void panic(const char *fmt, ...) { abort(); }

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* --- the guest's memory ----------------------------------------------------------------------- */

static uint8_t *guest_bytes(uint64_t addr, size_t n)
{
    if (!guest_range_allowed(addr, n, dom.is_32bit) || addr < MEMORY_ADDR)
        return NULL;
    return memory + (addr - MEMORY_ADDR);
}

int guest_read(void *dst, uint64_t addr, size_t n)
{
    const uint8_t *p = guest_bytes(addr, n);

    if (!p)
        return -EFAULT;
    memcpy(dst, p, n);
    return 0;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    uint8_t *p = guest_bytes(addr, n);

    if (!p)
        return -EFAULT;
    memcpy(p, src, n);
    return 0;
}

static void reset(void)
{
    host_current[0] = &vcpu;
    memset(memory, 0xee, sizeof(memory));
}

/* --- layouts ---------------------------------------------------------------------------------- */

struct place {
    const char *type, *name;
    size_t off, size;
};

/* Ours, those of gcc, those of clang. */
#define OUR_FIELD(kind, T, f) \
    { #T, #f, offsetof(struct T##_32, f), sizeof(((struct T##_32 *)NULL)->f) },
#define OUR_STRUCT(inner, T, f) OUR_FIELD(STRUCT, T, f)
#define OURS(T) FIELDS_##T(OUR_FIELD, OUR_STRUCT, T, )
static const struct place ours[] = { COMPAT_STRUCTS(OURS) };

#define STRUCT(T, size)
#define FIELD(T, f, off, size) { #T, #f, off, size },
#define MEMBER(T, f, off)
static const struct place of_gcc[] = {
#include "compat_i386.inc"
};
#undef STRUCT
#undef FIELD
#undef MEMBER

#define STRUCT(T, size)
#define FIELD(T, f, off, size)
#define MEMBER(T, f, off) { T, f, off, 0 },
static const struct place of_clang[] = {
#include "compat_i386.inc"
};
#undef STRUCT
#undef FIELD
#undef MEMBER

#define STRUCT(T, size) { #T, "", 0, size },
#define FIELD(T, f, off, size)
#define MEMBER(T, f, off)
static const struct place sizes[] = {
#include "compat_i386.inc"
};

static const struct place *find(const struct place *list, size_t n, const char *type,
                                const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].type, type) == 0 && strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool is_ours(const char *type)
{
    return find(sizes, ARRAY_SIZE(sizes), type, "") != NULL;
}

/* Arrays without a length, at the end, which no argument has in it. */
static bool is_open_array(const struct place *p)
{
    return (strcmp(p->type, "xen_build_id") == 0 && strcmp(p->name, "buf") == 0) ||
           (strcmp(p->type, "physdev_pci_device_add") == 0 && strcmp(p->name, "optarr") == 0);
}

static const struct layout_name {
    const char *name;
    const struct compat_layout *l;
} layouts[] = {
#define NAMED(T) { #T, &compat_##T },
    COMPAT_STRUCTS(NAMED)
    { "xen_pfn_t", &compat_xen_pfn },
};

static void check_layouts(void)
{
    TEST("each structure has its size on i386") {
        CHECK_EQ(ARRAY_SIZE(sizes), ARRAY_SIZE(layouts) - 1);
        for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
            CHECK_STR(sizes[i].type, layouts[i].name);
            CHECK_EQ(sizes[i].size, layouts[i].l->size32);
        }
    }
    TEST("each field is where i386 has it, and as long") {
        CHECK_EQ(ARRAY_SIZE(ours), ARRAY_SIZE(of_gcc));
        for (unsigned int i = 0; i < ARRAY_SIZE(ours); i++) {
            const struct place *p = find(of_gcc, ARRAY_SIZE(of_gcc), ours[i].type, ours[i].name);

            if (CHECK(p != NULL) && (p->off != ours[i].off || p->size != ours[i].size)) {
                printf("%s.%s: %zu, %zu bytes; i386: %zu, %zu bytes\n", p->type, p->name,
                       ours[i].off, ours[i].size, p->off, p->size);
                CHECK(false);
            }
        }
    }
    TEST("no member of a structure is left out") {
        unsigned int members = 0;

        for (unsigned int i = 0; i < ARRAY_SIZE(of_clang); i++) {
            const struct place *m = &of_clang[i], *p;

            if (!is_ours(m->type) || is_open_array(m))
                continue;
            p = find(ours, ARRAY_SIZE(ours), m->type, m->name);
            if (p == NULL)
                printf("%s.%s is not in compat_fields.h\n", m->type, m->name);
            CHECK(p != NULL && p->off == m->off);
            members++;
        }
        CHECK_EQ(members, ARRAY_SIZE(ours));
    }
}

/* --- conversion ------------------------------------------------------------------------------- */

/* Random fields that fit, zeroes between them. */
static void fill(uint8_t *native, const struct compat_layout *l)
{
    memset(native, 0, l->size);
    for (unsigned int i = 0; i < l->nr; i++) {
        const struct compat_field *f = &l->field[i];

        for (unsigned int k = 0; k < f->size; k++)
            native[f->off + k] = (uint8_t)(random64() >> 24);
        for (unsigned int k = 0; f->kind != COMPAT_KEEP && k < f->size; k += 8) {
            uint64_t x = random64() >> 20;

            x = f->kind == COMPAT_LONG ? (uint64_t)(int64_t)(int32_t)x : (uint32_t)x;
            memcpy(native + f->off + k, &x, sizeof(x));
        }
    }
}

static int narrow_all(uint8_t *out, const uint8_t *in, const struct compat_layout *l)
{
    size_t start, end;
    int rc = compat_narrow(out, in, l, 0, l->size, &start, &end);

    if (rc == 0) {
        CHECK_EQ(start, l->field[0].off32);
        CHECK(end <= l->size32 && end + 4 > l->size32);
    }
    return rc;
}

static void check_round_trip(void)
{
    uint8_t native[UINT8_MAX], again[UINT8_MAX], narrow[COMPAT_MAX_SIZE32];

    TEST("what fits comes back as it went, and what is between the fields is zero") {
        for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++)
            for (unsigned int r = 0; r < ROUNDS / 10; r++) {
                const struct compat_layout *l = layouts[i].l;

                fill(native, l);
                memset(narrow, 0xee, sizeof(narrow));
                memset(again, 0xee, sizeof(again));
                CHECK_EQ((uint64_t)narrow_all(narrow, native, l), 0);
                compat_widen(again, narrow, l);
                CHECK(memcmp(native, again, l->size) == 0);
                CHECK_EQ(again[l->size], 0xee);
            }
    }
    TEST("any 32-bit structure widens, and narrows to the same fields") {
        for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++)
            for (unsigned int r = 0; r < ROUNDS / 10; r++) {
                const struct compat_layout *l = layouts[i].l;
                uint8_t in[COMPAT_MAX_SIZE32];

                for (unsigned int k = 0; k < l->size32; k++)
                    in[k] = (uint8_t)(random64() >> 24);
                memcpy(narrow, in, sizeof(in));
                compat_widen(native, in, l);
                CHECK_EQ((uint64_t)narrow_all(narrow, native, l), 0);
                CHECK(memcmp(narrow, in, l->size32) == 0);
            }
    }
    TEST("a number that a field does not hold is ERANGE, bit for bit") {
        for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++)
            for (unsigned int k = 0; k < layouts[i].l->nr; k++) {
                const struct compat_field *f = &layouts[i].l->field[k];

                for (unsigned int bit = 0; f->kind != COMPAT_KEEP && bit < f->size * 8; bit++) {
                    const unsigned int last = f->kind == COMPAT_LONG ? 31 : 32;

                    memset(native, 0, sizeof(native));
                    native[f->off + bit / 8] = (uint8_t)(1U << bit % 8);
                    CHECK_EQ((uint64_t)narrow_all(narrow, native, layouts[i].l),
                             bit % 64 < last ? 0 : (uint64_t)-ERANGE);
                }
            }
    }
}

/* Values by hand, so that not all rests on the tables. */
static void check_examples(void)
{
    TEST("a reservation, byte by byte") {
        static const uint8_t in[20] = { /* the last two are padding */
            0x78, 0x56, 0x34, 0xf2, 5, 0, 0,    0x80, 9,    0,
            0,    0,    1,    0,    2, 0, 0xf0, 0x7f, 0xaa, 0xbb
        };
        struct xen_memory_reservation r;

        compat_widen(&r, in, &compat_xen_memory_reservation);
        CHECK_EQ(handle_addr(r.extent_start), 0xf2345678);
        CHECK_EQ(r.nr_extents, 0x80000005);
        CHECK_EQ(r.extent_order, 9);
        CHECK_EQ(r.mem_flags, 0x20001);
        CHECK_EQ(r.domid, DOMID_SELF);
    }
    TEST("results of a multicall keep their sign") {
        struct multicall_entry e = { .op = 1, .result = (unsigned long)-EPERM };
        struct multicall_entry_32 out;

        const int rc = narrow_all((uint8_t *)&out, (const uint8_t *)&e, &compat_multicall_entry);

        CHECK_EQ((uint64_t)rc, 0);
        CHECK_EQ((uint32_t)out.result, (uint32_t)-EPERM);
        compat_widen(&e, &out, &compat_multicall_entry);
        CHECK_EQ(e.result, (unsigned long)-EPERM);
    }
    TEST("a reference and a frame number share a field of a grant copy") {
        struct gnttab_copy_32 in = { .source.u = 77, .dest.u = 0xfffffffe, .status = -3 };
        struct gnttab_copy c;

        compat_widen(&c, &in, &compat_gnttab_copy);
        CHECK_EQ(c.source.u.ref, 77);
        CHECK_EQ(c.dest.u.gmfn, 0xfffffffe);
        CHECK_EQ((uint16_t)c.status, (uint16_t)-3);
    }
}

/* --- copies ----------------------------------------------------------------------------------- */

static void check_copies(void)
{
    struct sched_poll poll;
    struct multicall_entry e = { .op = 3, .result = 4, .args = { 5, 6, 7, 8, 9, 10 } };

    TEST("a 32-bit caller's structure may end where its memory does") {
        reset();
        CHECK_EQ((uint64_t)copy_arg(&poll, GUEST32_END - 16), 0);
        CHECK_EQ(handle_addr(poll.ports), 0xeeeeeeee);
        CHECK_EQ(poll.timeout, 0xeeeeeeeeeeeeeeeeULL);
        for (unsigned int i = 1; i < 16; i++)
            CHECK_EQ((uint64_t)copy_arg(&poll, GUEST32_END - i), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg(&poll, GUEST32_END), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg(&poll, 1ULL << 40 | MEMORY_ADDR), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg(&poll, ~0ULL), (uint64_t)-EFAULT);
    }
    TEST("of a 64-bit caller the same call reads the 64-bit structure") {
        reset();
        dom.is_32bit = false;
        CHECK_EQ((uint64_t)copy_arg(&poll, GUEST32_END - 24), 0);
        CHECK_EQ(handle_addr(poll.ports), 0xeeeeeeeeeeeeeeeeULL);
        CHECK_EQ((uint64_t)arg_elem(1000, 2, &poll), 1048);
        dom.is_32bit = true;
        CHECK_EQ((uint64_t)arg_elem(1000, 2, &poll), 1032);
    }
    TEST("elements of an array are as far apart as the caller has them") {
        reset();
        for (unsigned int i = 0; i < 8; i++) {
            e.op = 100 + i;
            CHECK_EQ((uint64_t)copy_arg_back_i(MEMORY_ADDR, i, &e), 0);
        }
        for (unsigned int i = 0; i < 8; i++) {
            CHECK_EQ(((struct multicall_entry_32 *)memory)[i].op, 100 + i);
            CHECK_EQ((uint64_t)copy_arg_i(&e, MEMORY_ADDR, i), 0);
            CHECK_EQ(e.op, 100 + i);
            CHECK_EQ(e.args[5], 10);
        }
        CHECK_EQ((uint64_t)copy_arg_i(&e, MEMORY_ADDR, 8), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg_i(&e, MEMORY_ADDR, GUEST32_END / 32), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg_i(&e, MEMORY_ADDR, 1ULL << 59), (uint64_t)-EFAULT);
        CHECK_EQ((uint64_t)copy_arg_i(&e, MEMORY_ADDR, ~0ULL), (uint64_t)-EFAULT);
    }
    TEST("one field goes to its place, and nothing around it changes") {
        reset();
        e.result = (unsigned long)-ENOSYS;
        CHECK_EQ((uint64_t)copy_field_back(MEMORY_ADDR, &e, result), 0);
        for (unsigned int i = 0; i < MEMORY; i++)
            CHECK_EQ(memory[i], i == 4 ? 256 - ENOSYS : i > 4 && i < 8 ? 0xff : 0xee);
    }
    TEST("what does not fit is not written, not in part either") {
        reset();
        e.args[5] = 1ULL << 32;
        CHECK_EQ((uint64_t)copy_field_back(MEMORY_ADDR, &e, args), (uint64_t)-ERANGE);
        CHECK_EQ((uint64_t)copy_arg_back(MEMORY_ADDR, &e), (uint64_t)-ERANGE);
        for (unsigned int i = 0; i < MEMORY; i++)
            CHECK_EQ(memory[i], 0xee);
        CHECK_EQ((uint64_t)copy_field_back(MEMORY_ADDR, &e, result), 0);
    }
}

static void check_frames(void)
{
    XEN_GUEST_HANDLE(xen_pfn_t) frames = { .p = (xen_pfn_t *)(uintptr_t)MEMORY_ADDR };
    XEN_GUEST_HANDLE(uint32) numbers = { .p = (uint32_t *)(uintptr_t)MEMORY_ADDR };
    const uint64_t pfn[3] = { 0x11111111, 0x22222222, 0xffffffff };
    uint32_t number;
    xen_pfn_t x;

    TEST("frame numbers are 32 bits apart, in both directions") {
        reset();
        CHECK_EQ((uint64_t)copy_frames_to_guest(MEMORY_ADDR, 1, pfn, 3), 0);
        CHECK_EQ(((uint32_t *)memory)[0], 0xeeeeeeee);
        for (unsigned int i = 0; i < 3; i++) {
            CHECK_EQ((uint64_t)copy_from_guest_i(&x, frames, 1 + i), 0);
            CHECK_EQ(x, pfn[i]);
            CHECK_EQ((uint64_t)copy_from_guest_i(&number, numbers, 1 + i), 0);
            CHECK_EQ(number, pfn[i]);
        }
        x = 0x1234;
        CHECK_EQ((uint64_t)copy_to_guest_i(frames, 63, &x), 0);
        CHECK_EQ(((uint32_t *)memory)[63], 0x1234);
        CHECK_EQ((uint64_t)copy_to_guest_i(frames, 64, &x), (uint64_t)-EFAULT);
        x = 1ULL << 32;
        CHECK_EQ((uint64_t)copy_to_guest_i(frames, 0, &x), (uint64_t)-ERANGE);
        CHECK_EQ((uint64_t)copy_frames_to_guest(MEMORY_ADDR, 62, pfn, 3), (uint64_t)-EFAULT);
    }
    TEST("a 64-bit caller's are 64 bits apart") {
        reset();
        dom.is_32bit = false;
        CHECK_EQ((uint64_t)copy_frames_to_guest(MEMORY_ADDR, 1, pfn, 3), 0);
        CHECK_EQ(((uint64_t *)memory)[3], 0xffffffff);
        CHECK_EQ((uint64_t)copy_from_guest_i(&x, frames, 2), 0);
        CHECK_EQ(x, 0x22222222);
        dom.is_32bit = true;
    }
}

static void check_ranges(void)
{
    TEST("a 32-bit guest's addresses end at 4 GiB, and do not wrap there") {
        CHECK(guest_range_allowed(0, GUEST32_END, true));
        CHECK(!guest_range_allowed(0, GUEST32_END + 1, true));
        CHECK(guest_range_allowed(GUEST32_END - 1, 1, true));
        CHECK(!guest_range_allowed(GUEST32_END - 1, 2, true));
        CHECK(!guest_range_allowed(GUEST32_END, 1, true));
        CHECK(!guest_range_allowed(HV_VIRT_END, 8, true));
        CHECK(!guest_range_allowed(~0ULL, 1, true));
        CHECK(!guest_range_allowed(1, ~0ULL, true));
    }
    TEST("a 64-bit guest has all but what is ours") {
        CHECK(guest_range_allowed(GUEST32_END - 1, 2, false));
        CHECK(guest_range_allowed(GUEST_USER_END - 8, 8, false));
        CHECK(!guest_range_allowed(GUEST_USER_END - 8, 9, false));
        CHECK(!guest_range_allowed(HV_VIRT_START, 8, false));
        CHECK(!guest_range_allowed(HV_VIRT_END - 8, 16, false));
        CHECK(guest_range_allowed(HV_VIRT_END, 8, false));
        CHECK(!guest_range_allowed(~0ULL - 3, 8, false));
    }
}

int main(void)
{
    check_layouts();
    check_round_trip();
    check_examples();
    check_copies();
    check_frames();
    check_ranges();
    return check_exit();
}
