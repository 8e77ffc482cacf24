/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 3000 */
/* links: core/gnttab.c core/gnttab_entry.c core/gnttab_pin.c core/gnttab_map.c */
/* links: core/gnttab_copy.c core/gnttab_table.c core/gnttab_op.c core/compat.c core/lock.c */
/* links: tests/host/world.c */
/*
 * Sequences of grant-table calls by three domains that grant to each other, change their entries
 * and rewrite their page tables; two of them may be of 32 bits. Input: 4 bytes a step: what, who,
 * two numbers. After each step the pins of a reference are the sum of the mappings that name it,
 * its bits follow the pins, and a page has a reference for each mapping; at the end all domains die
 * and nothing is left.
 *
 * They also forge the words in which version 2 tells of uses. Then the two bits of such a word say
 * nothing until its uses have ended, or its table is begun anew, but the pins stay what they were,
 * and the other bits what the guest made of them.
 */
#include <stdlib.h>
#include <string.h>

#include "../../core/gnttab_priv.h"
#include "../host/caller32.h"
#include "../host/grants.h"

#include <hv/errno.h>

#define DOMAINS 3
#define PAGES 6
#define REFS 16
#define FRAMES 10 /* of entries: more than one frame of status words serves */
#define USE_BITS (GTF_reading | GTF_writing)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct page *guest_page[DOMAINS][PAGES];
static union {
    struct gnttab_map_grant_ref map[2];
    struct gnttab_unmap_grant_ref unmap[2];
    struct gnttab_copy copy[2];
    struct gnttab_setup_table setup;
    struct gnttab_get_status_frames status;
    struct gnttab_set_version version;
    struct gnttab_swap_grant_ref swap;
} a;
static uint64_t frames[FRAMES + 4];
/* Of each status word: what the guest wrote beside the two bits; whether these are its too. */
static struct { uint16_t other; bool forged; } status_word[DOMAINS][REFS];

static void require(bool truth)
{
    if (!truth)
        abort();
}

static uint64_t pins_of(const struct track *t)
{
    bool ro = t->flags & GNTMAP_readonly;

    return (t->flags & GNTMAP_host_map ? (ro ? PIN_HOST_READ : PIN_HOST_WRITE) : 0) +
           (t->flags & GNTMAP_device_map ? (ro ? PIN_DEV_READ : PIN_DEV_WRITE) : 0);
}

/*
 * Sum over all mappings of all domains of d's reference; counts device mappings of each page on the
 * way.
 */
static uint64_t pins_wanted(const struct domain *d, grant_ref_t ref)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < DOMAINS; i++) {
        const struct gnttab *gt = grant_domain[i]->gnttab;

        for (uint32_t h = 0; h < gt->track.nr * TRACK_PER_PAGE; h++) {
            const struct track *t = (struct track *)gt->track.page[h / TRACK_PER_PAGE] +
                                    h % TRACK_PER_PAGE;

            require(!t->busy);
            if (t->granter == d && t->ref == ref)
                sum += pins_of(t);
        }
    }
    return sum;
}

static void check_status(const struct domain *d, grant_ref_t ref, uint64_t pins)
{
    const uint16_t word = *gnttab_status(d->gnttab, ref);
    const uint16_t want = (pins ? GTF_reading : 0) | (pins & PIN_WRITERS ? GTF_writing : 0);

    require((word & ~USE_BITS) == status_word[d->id][ref].other);
    if (status_word[d->id][ref].forged && (pins || (word & USE_BITS)))
        return;
    status_word[d->id][ref].forged = false; /* all uses have ended, and with them both bits */
    require((word & USE_BITS) == want);
}

static void check_refs(const struct domain *d)
{
    const struct gnttab *gt = d->gnttab;

    for (grant_ref_t ref = 0; ref < REFS; ref++) {
        const struct active *act = gnttab_active(gt, ref);
        uint64_t want = pins_wanted(d, ref);

        require(want == (act ? act->pins : 0));
        if (gt->version == 2) /* a version 1 entry is the guest's to spoil */
            check_status(d, ref, want);
    }
}

/* References and writers of each page: its allocation, page-table entries, device mappings. */
static void check_pages(void)
{
    static uint32_t refs[WORLD_FRAMES + 64], writers[WORLD_FRAMES + 64];

    memset(refs, 0, sizeof(refs));
    memset(writers, 0, sizeof(writers));
    for (unsigned int i = 0; i < DOMAINS; i++) {
        const struct gnttab *gt = grant_domain[i]->gnttab;

        for (unsigned int n = 0; n < SLOTS; n++) {
            refs[slots[i][n].mfn] += slots[i][n].mfn != 0;
            writers[slots[i][n].mfn] += slots[i][n].mfn && slots[i][n].write;
        }
        for (uint32_t h = 0; h < gt->track.nr * TRACK_PER_PAGE; h++) {
            const struct track *t = (struct track *)gt->track.page[h / TRACK_PER_PAGE] +
                                    h % TRACK_PER_PAGE;

            if (t->granter && (t->flags & GNTMAP_device_map)) {
                refs[t->mfn]++;
                writers[t->mfn] += !(t->flags & GNTMAP_readonly);
            }
        }
    }
    for (unsigned int i = 0; i < DOMAINS; i++)
        for (unsigned int p = 0; p < PAGES; p++) {
            const struct page *pg = guest_page[i][p];

            require(world_page_refs(pg) == 1 + refs[page_to_mfn(pg).n]);
            require(world_page_writers(pg) == writers[page_to_mfn(pg).n]);
        }
}

static long call(struct domain *d, unsigned int cmd, unsigned int count)
{
    uint64_t arg[6] = { cmd, world_addr(&a), count };
    const struct compat_layout *l = d->is_32bit ? caller32_grant_layout(cmd) : NULL;
    long rc;

    world_run(d->vcpu[0]);
    if (l)
        caller32_narrow(&a, count, l);
    while ((rc = hc_grant_table_op(d->vcpu[0], arg)) == -ERESTART)
        memcpy(arg, world.cont, 3 * sizeof(arg[0]));
    if (l)
        caller32_widen(&a, count, l);
    return rc;
}

/* A list has the frames that were asked for, each `size` bytes, and nothing after them. */
static void check_frames(struct domain *d, bool status, size_t size, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t got = 0;
        mfn_t want;

        memcpy(&got, (char *)frames + i * size, size);
        require(gnttab_get_frame(d, i, status, &want) == 0 && got == want.n);
    }
    require(((uint8_t *)frames)[nr * size] == 0xee);
}

/* The elements of setup_table's list are as wide as the caller's words. */
static void setup(struct domain *d, uint8_t y)
{
    a.setup = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = y % (FRAMES + 2) };
    a.setup.frame_list.p = frames;
    memset(frames, 0xee, sizeof(frames));
    require(call(d, GNTTABOP_setup_table, 1) == 0);
    if (a.setup.status == GNTST_okay)
        check_frames(d, false, d->is_32bit ? sizeof(uint32_t) : sizeof(uint64_t),
                     a.setup.nr_frames);
}

/* Of one's own table, or of another's, which is for the privileged. */
static void status_frames(struct domain *d, uint8_t x, uint8_t y)
{
    const domid_t id = x % (DOMAINS + 2);
    struct domain *t = id < DOMAINS ? grant_domain[id] : id == DOMAINS ? d : NULL;

    a.status = (struct gnttab_get_status_frames){
        .dom = id == DOMAINS ? DOMID_SELF : id, .nr_frames = y < 250 ? y % 4 : UINT32_MAX - y
    };
    a.status.frame_list.p = frames;
    memset(frames, 0xee, sizeof(frames));
    require(call(d, GNTTABOP_get_status_frames, 1) == 0);
    if (a.status.status != GNTST_okay)
        return;
    require(t && (t == d || d->is_privileged) && t->gnttab->version == 2);
    require(a.status.nr_frames <= gnttab_nr_status(t->gnttab->shared.nr));
    check_frames(t, true, sizeof(uint64_t), a.status.nr_frames);
}

static void forge(struct domain *d, uint8_t x, uint8_t y)
{
    const grant_ref_t ref = y % REFS;

    if (d->gnttab->version != 2)
        return;
    *gnttab_status(d->gnttab, ref) = (uint16_t)(x | y << 8);
    status_word[d->id][ref].other = (uint16_t)(x | y << 8) & (uint16_t)~USE_BITS;
    status_word[d->id][ref].forged = true;
}

/* The table is another one: the words begin as zeros. */
static void set_version(struct domain *d, uint8_t x)
{
    const uint8_t was = d->gnttab->version;

    a.version.version = x % 4;
    call(d, GNTTABOP_set_version, 1);
    require(a.version.version == d->gnttab->version);
    if (d->gnttab->version != was)
        memset(status_word[d->id], 0, sizeof(status_word[d->id]));
    /* But what a version 1 entry of the toolstack's said is said again. */
    for (grant_ref_t ref = 0; was == 1 && ref < GNTTAB_NR_RESERVED_ENTRIES; ref++)
        status_word[d->id][ref].forged = true;
}

static void swap(struct domain *d, uint8_t x, uint8_t y)
{
    const grant_ref_t ref_a = x % REFS, ref_b = y % (REFS + 1);

    a.swap = (struct gnttab_swap_grant_ref){ .ref_a = ref_a, .ref_b = ref_b };
    require(call(d, GNTTABOP_swap_grant_ref, 1) == 0);
    if (a.swap.status != GNTST_okay)
        return;
    if (ref_b == REFS) {
        /* One that is not looked at; it may have been forged as one that is. */
        status_word[d->id][ref_a].other = d->gnttab->version == 2 ?
            *gnttab_status(d->gnttab, ref_a) & (uint16_t)~USE_BITS : 0;
        status_word[d->id][ref_a].forged = true;
        return;
    }
    typeof(status_word[0][0]) t = status_word[d->id][ref_a];

    status_word[d->id][ref_a] = status_word[d->id][ref_b];
    status_word[d->id][ref_b] = t;
}

static void offer(struct domain *d, grant_ref_t ref, uint8_t x, uint8_t y)
{
    static const uint16_t flags[] = { GTF_permit_access, GTF_permit_access | GTF_readonly,
                                      GTF_permit_access | GTF_sub_page, GTF_transitive, GTF_invalid,
                                      GTF_accept_transfer };
    uint16_t f = flags[x % ARRAY_SIZE(flags)];
    uint64_t frame = world_gfn(guest_page[y / 8 % 4 ? d->id : y % DOMAINS][y % PAGES]);

    if (d->gnttab->version == 1) {
        /* The bits of a use in progress are kept, as a guest that follows the protocol does. */
        uint16_t keep = gnttab_v1(d->gnttab, ref)->flags & (GTF_reading | GTF_writing);

        *gnttab_v1(d->gnttab, ref) = (grant_entry_v1_t){
            .flags = f | keep, .domid = y % 4, .frame = (uint32_t)frame
        };
        return;
    }
    gnttab_v2(d->gnttab, ref)->hdr = (grant_entry_header_t){ .flags = f, .domid = y % 4 };
    if (f == GTF_transitive) {
        gnttab_v2(d->gnttab, ref)->transitive.trans_domid = x % 4;
        gnttab_v2(d->gnttab, ref)->transitive.gref = y % REFS;
        return;
    }
    gnttab_v2(d->gnttab, ref)->sub_page.page_off = (uint16_t)(x * 64);
    gnttab_v2(d->gnttab, ref)->sub_page.length = (uint16_t)(y * 64);
    gnttab_v2(d->gnttab, ref)->full_page.frame = frame;
}

static void copy(struct domain *d, uint8_t x, uint8_t y)
{
    for (unsigned int i = 0; i < 2; i++) {
        a.copy[i] = (struct gnttab_copy){ .len = (uint16_t)(x * 17 + i), .flags = (y >> i) & 3 };
        a.copy[i].source.domid = a.copy[i].flags & GNTCOPY_source_gref ? x % 4 : DOMID_SELF;
        a.copy[i].dest.domid = a.copy[i].flags & GNTCOPY_dest_gref ? y % 4 : DOMID_SELF;
        a.copy[i].source.u.gmfn = a.copy[i].dest.u.gmfn = world_gfn(guest_page[d->id][x % PAGES]);
        if (a.copy[i].flags & GNTCOPY_source_gref)
            a.copy[i].source.u.ref = y % (REFS + 1);
        if (a.copy[i].flags & GNTCOPY_dest_gref)
            a.copy[i].dest.u.ref = x % (REFS + 1);
        a.copy[i].source.offset = (uint16_t)(y * 16);
        a.copy[i].dest.offset = (uint16_t)(x * 16);
    }
    require(call(d, GNTTABOP_copy, 2) == 0);
}

static void step(uint8_t what, struct domain *d, uint8_t x, uint8_t y)
{
    if (what >= 224) {
        if (what % 2)
            status_frames(d, x, y);
        else
            forge(d, x, y);
        return;
    }
    switch (what % 9) {
    case 0: offer(d, what / 9 % REFS, x, y); break;
    case 1:
    case 2:
        for (unsigned int i = 0; i < 2; i++)
            a.map[i] = (struct gnttab_map_grant_ref){ .host_addr = SLOT_ADDR((x + i) % (SLOTS + 1)),
                                                      .flags = x / 16U & 7,
                                                      .ref = y / 4U % REFS, .dom = y % 4 };
        require(call(d, GNTTABOP_map_grant_ref, 1 + what % 2) == 0);
        break;
    case 3:
    case 4:
        for (unsigned int i = 0; i < 2; i++)
            a.unmap[i] = (struct gnttab_unmap_grant_ref){
                .host_addr = (x + i) % 8 ? SLOT_ADDR((x + i) % SLOTS) : 0,
                .handle = y % 40U + i * (what % 2),
                .dev_bus_addr = i ? mfn_to_paddr(page_to_mfn(guest_page[y % DOMAINS][x % PAGES]))
                                  : 0
            };
        require(call(d, GNTTABOP_unmap_grant_ref, 2) == 0);
        break;
    case 5: copy(d, x, y); break;
    case 6: set_version(d, x); break;
    case 7: swap(d, x, y); break;
    case 8:
        if (x % 2)
            slot_clear(d, y % SLOTS);
        else
            setup(d, y);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    require(grants_start(FRAMES, 2));
    memset(status_word, 0, sizeof(status_word));
    world_buffer(&a, sizeof(a));
    world_buffer(frames, sizeof(frames));
    for (unsigned int i = 0; i < DOMAINS; i++)
        for (unsigned int p = 0; p < PAGES; p++) {
            guest_page[i][p] = world_frame(grant_domain[i]);
            if (data[0] & BIT(p)) /* a page table: granted for reading only */
                world_frame_is_table(guest_page[i][p], true);
        }
    grant_domain[1]->is_32bit = data[0] & BIT(PAGES);
    grant_domain[2]->is_32bit = data[0] & BIT(PAGES + 1);
    world.preempt_at = data[1] & 3;
    if (data[1] >> 2)
        world.fail_after = data[1] >> 2;
    for (size_t i = 2; i + 4 <= size && i < 600; i += 4) {
        step(data[i], grant_domain[data[i + 1] % DOMAINS], data[i + 2], data[i + 3]);
        for (unsigned int d = 0; d < DOMAINS; d++)
            check_refs(grant_domain[d]);
        check_pages();
    }
    world.fail_after = -1;
    require(grants_end() == 0);
    return 0;
}
