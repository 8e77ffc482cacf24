/* SPDX-License-Identifier: GPL-2.0-only */
/* links: drivers/pci/config.c drivers/pci/device.c */
/*
 * PCI configuration space against a model: a few functions behind ports 0xcf8/0xcfc, and a plain
 * buffer as ECAM.
 */
#include <drivers/pci.h>

#include <stdlib.h>

#include <hv/errno.h>
#include <lib/bytes.h>

#include "check.h"

/* Bus 0, devices 0 to 3, 8 functions each; writable[] says which bits stick. */
struct function {
    bool present;
    uint8_t bytes[256], writable[256];
};

static struct function functions[32];
static uint32_t address;
static int locked;
static unsigned int nr_accesses, unlocked_accesses;

static struct function *selected(void)
{
    unsigned int devfn = address >> 8 & 0xff;

    if (!(address & 0x80000000) || address >> 16 & 0xff || devfn >= 32 || !functions[devfn].present)
        return NULL;
    return &functions[devfn];
}

static uint32_t port_in(void *ctx, uint16_t port, unsigned int width)
{
    const struct function *f = selected();
    uint32_t value = UINT32_MAX;

    nr_accesses++;
    unlocked_accesses += locked != 1;
    CHECK(port >= 0xcfc && port + width <= 0xd00);
    if (f)
        memcpy(&value, f->bytes + (address & 0xfc) + (port & 3), width);
    return width == 4 ? value : value & ((1u << (8 * width)) - 1);
}

static void port_out(void *ctx, uint16_t port, uint32_t value, unsigned int width)
{
    struct function *f = selected();

    unlocked_accesses += locked != 1;
    if (port == 0xcf8) {
        CHECK_EQ(width, 4);
        address = value;
        return;
    }
    CHECK(port >= 0xcfc && port + width <= 0xd00);
    for (unsigned int i = 0; f && i < width; i++) {
        unsigned int reg = (address & 0xfc) + (port & 3) + i;
        uint8_t mask = f->writable[reg];

        f->bytes[reg] = (uint8_t)((f->bytes[reg] & ~mask) | (value >> (8 * i) & mask));
    }
}

static void lock(void *ctx)
{
    locked++;
}

static void unlock(void *ctx)
{
    locked--;
}

static const struct pci_ports ports = { port_in, port_out, lock, unlock, NULL };
static struct pci_config config;

static struct function *add_function(unsigned int devfn, uint16_t vendor, uint16_t device,
                                     uint8_t header)
{
    struct function *f = &functions[devfn];

    *f = (struct function){ .present = true };
    put_le32(f->bytes, vendor | (uint32_t)device << 16);
    f->bytes[PCI_HEADER_TYPE] = header;
    f->writable[PCI_COMMAND] = 7;
    return f;
}

static void put_bar(struct function *f, unsigned int index, uint32_t value, uint32_t writable)
{
    put_le32(f->bytes + PCI_BAR0 + 4 * index, value);
    put_le32(f->writable + PCI_BAR0 + 4 * index, writable);
}

static void put_cap(struct function *f, unsigned int at, uint8_t id, uint8_t next)
{
    f->bytes[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    f->bytes[at] = id;
    f->bytes[at + 1] = next;
}

static void begin(void)
{
    memset(functions, 0, sizeof(functions));
    address = 0;
    nr_accesses = unlocked_accesses = 0;
    pci_config_init(&config, &ports);
}

static const pci_sbdf_t dev3 = { 3 << 3 };

static void port_tests(void)
{
    TEST("ports: the address, all widths, always under the lock") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        memset(f->writable + 0x50, 0xff, 8);
        CHECK_EQ(pci_cf8_address(pci_sbdf(0, 0x12, pci_devfn(3, 4)), 0x7f), 0x80121c7c);
        CHECK_EQ(pci_read(&config, dev3, 0, 4), 0x12348086);
        CHECK_EQ(pci_read(&config, dev3, 2, 2), 0x1234);
        CHECK_EQ(pci_read(&config, dev3, 3, 1), 0x12);
        pci_write(&config, dev3, 0x50, 4, 0x11223344);
        pci_write(&config, dev3, 0x52, 2, 0xaabb);
        pci_write(&config, dev3, 0x51, 1, 0xcc);
        CHECK_EQ(pci_read(&config, dev3, 0x50, 4), 0xaabbcc44);
        CHECK_EQ(unlocked_accesses, 0);
        CHECK_EQ(locked, 0);
    }
    TEST("ports: what they cannot reach reads as ones and touches nothing") {
        begin();
        add_function(3 << 3, 0x8086, 0x1234, 0);
        CHECK_EQ(pci_read(&config, dev3, 0x100, 4), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev3, 0x100, 2), 0xffff);
        CHECK_EQ(pci_read(&config, dev3, 0x101, 1), 0xff);
        CHECK_EQ(pci_read(&config, pci_sbdf(1, 0, 3 << 3), 0, 4), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev3, 1, 2), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev3, 2, 4), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev3, 0, 3), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev3, 0x1000, 4), 0xffffffff);
        pci_write(&config, dev3, 0x100, 4, 0);
        pci_write(&config, dev3, 1, 4, 0);
        CHECK_EQ(nr_accesses, 0);
        CHECK_EQ(address, 0);
    }
}

static void ecam_tests(void)
{
    TEST("ECAM: bus and function find their page, other segments and buses do not") {
        uint8_t *space = calloc(2, 1 << 20); /* buses 8 and 9 of segment 1 */

        begin();
        struct pci_ecam region = { .segment = 1, .start_bus = 8, .end_bus = 9, .base = space };
        CHECK_EQ(pci_config_add_ecam(&config, &region), 0);
        pci_sbdf_t dev = pci_sbdf(1, 9, pci_devfn(31, 7));
        put_le32(space + (2 << 20) - 4096, 0xabcd1234);
        CHECK_EQ(pci_read(&config, dev, 0, 4), 0xabcd1234);
        CHECK_EQ(pci_read(&config, dev, 2, 2), 0xabcd);
        CHECK_EQ(pci_read(&config, dev, 1, 1), 0x12);
        pci_write(&config, dev, 0xffc, 4, 0x55667788);
        pci_write(&config, dev, 0xffc, 2, 0x1111);
        pci_write(&config, dev, 0xfff, 1, 0x22);
        CHECK_EQ(get_le32(space + (2 << 20) - 4), 0x22661111);
        CHECK(pci_has_extended(&config, dev) && !pci_has_extended(&config, dev3));
        CHECK_EQ(pci_read(&config, pci_sbdf(1, 7, 0), 0, 4), 0xffffffff);
        CHECK_EQ(pci_read(&config, pci_sbdf(1, 10, 0), 0, 4), 0xffffffff);
        CHECK_EQ(pci_read(&config, dev, 0x1000, 4), 0xffffffff);
        CHECK_EQ(nr_accesses, 0);
        free(space);
    }
    TEST("ECAM: regions that make no sense, overlap, or are too many") {
        static uint8_t byte;

        begin();
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 0, 1, NULL }), -EINVAL);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 2, 1, &byte }), -EINVAL);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 4, 7, &byte }), 0);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 7, 9, &byte }), -EINVAL);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 0, 255, &byte }), -EINVAL);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 1, 7, 9, &byte }), 0);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 8, 9, &byte }), 0);
        for (uint16_t i = 3; i < PCI_MAX_ECAM; i++)
            CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ i, 0, 255, &byte }), 0);
        CHECK_EQ(pci_config_add_ecam(&config, &(struct pci_ecam){ 999, 0, 255, &byte }), -ENOSPC);
    }
    TEST("extended capabilities: found, absent, circular, gone") {
        uint8_t *space = calloc(1, 1 << 20), *f = space + (3 << 15);

        begin();
        CHECK_EQ(pci_find_ext_cap(&config, dev3, 1), 0);
        pci_config_add_ecam(&config, &(struct pci_ecam){ 0, 0, 0, space });
        CHECK_EQ(pci_find_ext_cap(&config, dev3, 1), 0);
        put_le32(f + 0x100, 0x14010001);
        put_le32(f + 0x140, 0x20010000u | PCI_EXT_CAP_SRIOV);
        put_le32(f + 0x200, 0x14010002);
        CHECK_EQ(pci_find_ext_cap(&config, dev3, PCI_EXT_CAP_SRIOV), 0x140);
        CHECK_EQ(pci_find_ext_cap(&config, dev3, PCI_EXT_CAP_ACS), 0);
        put_le32(f + 0x100, UINT32_MAX);
        CHECK_EQ(pci_find_ext_cap(&config, dev3, PCI_EXT_CAP_SRIOV), 0);
        put_le32(f + 0x100, 0x01010001); /* points into the old header */
        CHECK_EQ(pci_find_ext_cap(&config, dev3, PCI_EXT_CAP_SRIOV), 0);
        free(space);
    }
}

static void cap_tests(void)
{
    struct pci_msi msi;
    struct pci_msix msix;

    TEST("capabilities: found, absent, none at all, circular, gone") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        f->bytes[PCI_CAPABILITIES] = 0x41; /* the low bits are reserved */
        put_cap(f, 0x40, 0x01, 0x80);
        put_cap(f, 0x80, PCI_CAP_MSI, 0x40);
        CHECK_EQ(pci_find_cap(&config, dev3, PCI_CAP_MSI), 0x80);
        CHECK_EQ(pci_find_cap(&config, dev3, 0x01), 0x40);
        nr_accesses = 0;
        CHECK_EQ(pci_find_cap(&config, dev3, PCI_CAP_MSIX), 0);
        CHECK(nr_accesses < 100);
        f->bytes[0x41] = 0x3c; /* into the header */
        CHECK_EQ(pci_find_cap(&config, dev3, PCI_CAP_MSI), 0);
        f->bytes[PCI_STATUS] = 0;
        CHECK_EQ(pci_find_cap(&config, dev3, 0x01), 0);
        CHECK_EQ(pci_find_cap(&config, (pci_sbdf_t){ 9 << 3 }, 0x01), 0);
    }
    TEST("MSI: all four layouts") {
        static const struct {
            uint16_t flags, data, mask;
        } layout[] = { { 0x0006, 0x58, 0 }, { 0x0086, 0x5c, 0 }, { 0x0106, 0x58, 0x5c },
                       { 0x0186, 0x5c, 0x60 } };

        for (unsigned int i = 0; i < 4; i++) {
            begin();
            struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
            f->bytes[PCI_CAPABILITIES] = 0x50;
            put_cap(f, 0x50, PCI_CAP_MSI, 0);
            put_le32(f->bytes + 0x50, PCI_CAP_MSI | (uint32_t)layout[i].flags << 16);
            CHECK(pci_read_msi(&config, dev3, &msi));
            CHECK(msi.pos == 0x50 && msi.nr == 8);
            CHECK_EQ(msi.data_reg, layout[i].data);
            CHECK_EQ(msi.mask_reg, layout[i].mask);
        }
    }
    TEST("MSI: a reserved count, a capability that hangs over the end") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        f->bytes[PCI_CAPABILITIES] = 0xec;
        put_cap(f, 0xec, PCI_CAP_MSI, 0);
        f->bytes[0xee] = 0x0c;
        CHECK(!pci_read_msi(&config, dev3, &msi));
        f->bytes[0xee] = 0x80;
        CHECK(pci_read_msi(&config, dev3, &msi));
        f->bytes[0xef] = 0x01;
        CHECK(!pci_read_msi(&config, dev3, &msi));
        f->bytes[PCI_STATUS] = 0;
        CHECK(!pci_read_msi(&config, dev3, &msi));
    }
    TEST("MSI-X: size, table and pending bits; a BAR that does not exist") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        f->bytes[PCI_CAPABILITIES] = 0x70;
        put_cap(f, 0x70, PCI_CAP_MSIX, 0);
        put_le32(f->bytes + 0x70, PCI_CAP_MSIX | 0x87ffu << 16);
        put_le32(f->bytes + 0x74, 0x2004);
        put_le32(f->bytes + 0x78, 0x3001);
        CHECK(pci_read_msix(&config, dev3, &msix));
        CHECK(msix.pos == 0x70 && msix.nr == 2048);
        CHECK(msix.table_bar == 4 && msix.table_offset == 0x2000);
        CHECK(msix.pba_bar == 1 && msix.pba_offset == 0x3000);
        put_le32(f->bytes + 0x78, 0x3006);
        CHECK(!pci_read_msix(&config, dev3, &msix));
    }
}

static void bar_tests(void)
{
    struct pci_bar bar;

    TEST("BARs: 32-bit, 64-bit, port, unimplemented; registers are left as they were") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        f->bytes[PCI_COMMAND] = 7;
        put_bar(f, 0, 0xfe000000, 0xffff0000);
        put_bar(f, 1, 0xc001, 0x0000ffe0);
        put_bar(f, 2, 0x0000000c, 0x00000000);
        put_bar(f, 3, 0x00000024, 0xfffffffc); /* at 0x24_0000_0000, 16 GiB */
        struct function before = *f;

        CHECK_EQ(pci_size_bar(&config, dev3, 0, &bar), 0);
        CHECK(bar.addr == 0xfe000000 && bar.size == 0x10000 && !bar.io && !bar.wide &&
              bar.nr_slots == 1);
        CHECK_EQ(pci_size_bar(&config, dev3, 1, &bar), 0);
        CHECK(bar.addr == 0xc000 && bar.size == 0x20 && bar.io);
        CHECK_EQ(pci_size_bar(&config, dev3, 2, &bar), 0);
        CHECK(bar.addr == 0x2400000000 && bar.size == 0x400000000 && bar.wide && bar.prefetchable);
        CHECK_EQ(bar.nr_slots, 2);
        CHECK_EQ(pci_size_bar(&config, dev3, 4, &bar), 0);
        CHECK(bar.size == 0 && bar.addr == 0);
        CHECK(!memcmp(&before, f, sizeof(*f)));
        CHECK_EQ(pci_read_bar(&config, dev3, 2, &bar), 0);
        CHECK(bar.addr == 0x2400000000 && bar.size == 0);
    }
    TEST("BARs: no such slot, a 64-bit one in the last slot, a reserved kind, bridges") {
        begin();
        struct function *f = add_function(3 << 3, 0x8086, 0x1234, 0);
        put_bar(f, 5, 4, 0);
        put_bar(f, 0, 6, 0);
        CHECK_EQ(pci_size_bar(&config, dev3, 6, &bar), -EINVAL);
        CHECK_EQ(pci_size_bar(&config, dev3, 5, &bar), -EINVAL);
        CHECK_EQ(pci_size_bar(&config, dev3, 0, &bar), -EINVAL);
        f->bytes[PCI_HEADER_TYPE] = 0x81;
        CHECK_EQ(pci_nr_bars(&config, dev3), 2);
        CHECK_EQ(pci_size_bar(&config, dev3, 2, &bar), -EINVAL);
        f->bytes[PCI_HEADER_TYPE] = 2;
        CHECK_EQ(pci_nr_bars(&config, dev3), 0);
        CHECK_EQ(pci_nr_bars(&config, (pci_sbdf_t){ 9 << 3 }), 0);
    }
}

static unsigned int seen;
static unsigned int stop_after;

static bool see(void *ctx, pci_sbdf_t dev)
{
    seen |= 1u << (dev.n & 31);
    return --stop_after > 0;
}

static void scan_tests(void)
{
    TEST("scan: multi-function devices are searched, single ones are not") {
        begin();
        add_function(0, 0x8086, 0x29c0, 0x00);
        add_function(1, 0x8086, 0x29c1, 0x00); /* an alias: device 0 says it has one function */
        add_function(2 << 3, 0x8086, 0x2918, 0x80);
        add_function(2 << 3 | 2, 0x8086, 0x2922, 0x00);
        add_function(3 << 3 | 1, 0x8086, 0x2930, 0x00); /* no function 0 */
        add_function(1 << 3, 0x0000, 0x0000, 0x00);     /* not a device */
        seen = 0;
        stop_after = 100;
        pci_for_each_function(&config, 0, 0, see, NULL);
        CHECK_EQ(seen, 1u << 0 | 1u << 16 | 1u << 18);
        seen = 0;
        stop_after = 1;
        pci_for_each_function(&config, 0, 0, see, NULL);
        CHECK_EQ(seen, 1);
        CHECK_EQ(unlocked_accesses, 0);
    }
}

int main(void)
{
    port_tests();
    ecam_tests();
    cap_tests();
    bar_tests();
    scan_tests();
    return check_exit();
}
