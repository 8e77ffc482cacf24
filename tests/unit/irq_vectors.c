/* SPDX-License-Identifier: GPL-2.0-only */
/* Choice of vectors; encoding of redirection entries and messages. */
/* links: arch/x86/cpu/vector.c */
#include "check.h"

#include <arch/apic.h>
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <arch/msi.h>
#include <arch/pv32.h>

int main(void)
{
    static uint16_t table[NR_VECTORS];

    TEST("every device vector is given out once, and no other") {
        memset(table, 0, sizeof(table));
        for (unsigned int i = 0; i < 191; i++) {
            uint8_t v = vector_find(table, 1, 0);

            CHECK(v >= VECTOR_DEVICE_FIRST && v <= VECTOR_DEVICE_LAST);
            CHECK_EQ(table[v], 0);
            CHECK(v != PV32_HYPERCALL_VECTOR);
            table[v] = 1;
        }
        CHECK_EQ(vector_find(table, 1, 0), 0);
        CHECK_EQ(vector_find(table, 1, 0x80), 0);
        CHECK_EQ(vector_find(table, 1, PV32_HYPERCALL_VECTOR), 0);
        table[0x77] = 0;
        CHECK_EQ(vector_find(table, 1, 0), 0x77);
    }
    TEST("the preferred one is taken if it is free and a device vector") {
        memset(table, 0, sizeof(table));
        CHECK_EQ(vector_find(table, 1, 0x91), 0x91);
        table[0x91] = 5;
        CHECK(vector_find(table, 1, 0x91) != 0x91);
        CHECK_EQ(vector_find(table, 1, VECTOR_TIMER), VECTOR_DEVICE_FIRST);
        CHECK_EQ(vector_find(table, 1, 0x20), VECTOR_DEVICE_FIRST);
    }
    TEST("a block is consecutive, aligned and within the device vectors") {
        for (unsigned int nr = 2; nr <= 32; nr *= 2) {
            unsigned int blocks = 0;
            uint8_t v;

            memset(table, 0, sizeof(table));
            table[VECTOR_DEVICE_FIRST] = 1;
            while ((v = vector_find(table, nr, 0)) != 0) {
                CHECK_EQ(v % nr, 0);
                CHECK(v >= VECTOR_DEVICE_FIRST && v + nr - 1 <= VECTOR_DEVICE_LAST);
                for (unsigned int i = 0; i < nr; i++) {
                    CHECK_EQ(table[v + i], 0);
                    table[v + i] = 7;
                }
                if (!CHECK(++blocks < 200))
                    break;
            }
            /*
             * 0x30 to 0xef holds whole blocks but for the taken one; blocks of 32 start at 0x40 and
             * end at 0xdf. The hypercalls' vector costs one.
             */
            CHECK_EQ(blocks, nr == 32 ? 4 : 192 / nr - 2);
        }
    }
    TEST("a wrong number of vectors gets none") {
        memset(table, 0, sizeof(table));
        CHECK_EQ(vector_find(table, 0, 0), 0);
        CHECK_EQ(vector_find(table, 3, 0), 0);
        CHECK_EQ(vector_find(table, 64, 0), 0);
    }
    TEST("redirection entries: 82093AA, I/O Redirection Table Registers") {
        CHECK_EQ(ioapic_rte(0x31, 0, false, false, false), 0x31);
        CHECK_EQ(ioapic_rte(0x31, 0, false, false, true), 0x10031);
        CHECK_EQ(ioapic_rte(0x40, 7, true, true, false), 0x070000000000a040);
        CHECK_EQ(ioapic_rte(0x40, 0xfe, true, false, true), 0xfe00000000018040);
    }
    TEST("messages: SDM vol. 3, Message Signalled Interrupts") {
        CHECK_EQ(msi_address(0), 0xfee00000);
        CHECK_EQ(msi_address(0xfe), 0xfeefe000);
        CHECK_EQ(msi_data(0x55), 0x55);
    }
    return check_exit();
}
