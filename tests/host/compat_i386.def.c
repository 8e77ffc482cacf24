/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a compiler says of the 32-bit ABI: made for i386, never linked. Each line of its assembly
 * that begins with `->` becomes an argument list for tests/unit/compat.c (tools/mk/compat.mk); what
 * clang dumps of the same file says which members there are.
 */
#ifndef __i386__
#error "for i386"
#endif
#define XEN_HAVE_PV_GUEST_ENTRY 1
#include <abi.h>
#include <hv/compat_fields.h>

/* Ours: struct callback_register, with its struct xen_callback taken apart. */
struct callback_arg {
    uint16_t type, flags;
    unsigned long cs;
    unsigned long address;
};
_Static_assert(sizeof(struct callback_arg) == sizeof(struct callback_register), "size");
#define SAME_PLACE(mine, its)                                                                \
    _Static_assert(offsetof(struct callback_arg, mine) ==                                    \
                       offsetof(struct callback_register, its) &&                            \
                       sizeof(((struct callback_arg *)0)->mine) ==                           \
                           sizeof(((struct callback_register *)0)->its),                     \
                   #its)
SAME_PLACE(type, type);
SAME_PLACE(flags, flags);
SAME_PLACE(cs, address.cs);
SAME_PLACE(address, address.eip);

#define FIELD(kind, T, f)                                                                    \
    __asm__ volatile("\n->FIELD(" #T ", " #f ", %c0, %c1)" ::"i"(offsetof(struct T, f)),      \
                     "i"(sizeof(((struct T *)0)->f)));
#define INNER(inner, T, f) FIELD(STRUCT, T, f)
#define STRUCT(T)                                                                            \
    __asm__ volatile("\n->STRUCT(" #T ", %c0)" ::"i"(sizeof(struct T)));                      \
    FIELDS_##T(FIELD, INNER, T, )

void compat_i386(void);
void compat_i386(void)
{
    COMPAT_STRUCTS(STRUCT)
}
