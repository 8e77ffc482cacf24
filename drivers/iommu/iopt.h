/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain's DMA page tables, in one of two formats. AMD's (48882, "I/O Page Tables for Host
 * Translations"): an entry names the level of the table that it leads to; 0 makes it a leaf of its
 * own level's size. VT-d's second level (D51397, 3.7 and 9.8): an entry leads one level down, or is
 * a leaf by its bit 7. Nothing here knows of hardware: the caller flushes when told, and frees what
 * waits for it.
 */
#ifndef DRIVERS_IOMMU_IOPT_H
#define DRIVERS_IOMMU_IOPT_H

#include <hv/types.h>

struct page;

#define IOPT_MIN_LEVELS 2
#define IOPT_MAX_LEVELS 6
#define IOPT_LEAF_LEVEL 3 /* the largest leaf: 1 GiB */

#define IOPTE_PRESENT 1ULL
#define IOPTE_NEXT_SHIFT 9
#define IOPTE_ADDR 0x000ffffffffff000ULL
#define IOPTE_COHERENT (1ULL << 60)
#define IOPTE_READ (1ULL << 61)
#define IOPTE_WRITE (1ULL << 62)

#define IOPTE_VTD_READ 1ULL
#define IOPTE_VTD_WRITE 2ULL
#define IOPTE_VTD_LARGE (1ULL << 7)
#define IOPTE_VTD_SNOOP (1ULL << 11)

/* How the hardware wants its tables. */
struct iopt_kind {
    uint64_t read, write; /* bits of an entry; without both there is nothing */
    uint64_t leaf;        /* in every leaf */
    uint64_t large;       /* in a leaf above the first level, and only there */
    uint64_t table;       /* in every entry that leads to a table */
    bool names_levels;    /* AMD's: an entry has its table's level */
    bool remembers_holes; /* every change asks for a flush: what was not there is remembered too */
    uint8_t leaf_level;   /* the largest leaf: 1 to IOPT_LEAF_LEVEL */
    /* What was written, for hardware that does not look into caches; may be NULL. */
    void (*wrote)(const void *p, size_t bytes);
};

extern const struct iopt_kind iopt_amd;

struct iopt {
    const struct iopt_kind *kind; /* set, or NULL for AMD's */
    uint64_t *root;
    uint8_t levels;       /* 2 to 6: 30 to 57 bits of address (the last level is not full) */
    uint8_t leaf_level;   /* the largest leaf to be made: 1 to IOPT_LEAF_LEVEL */
    uint32_t tables;      /* in use, root included */
    /* Frames for tables: zeroed ones. NULL: out of memory. */
    void *(*take)(struct iopt *t);
    void (*give)(void *table);
    struct page *spare, *detached; /* for a change that is being made; until the next flush */
};

/* An empty one; kind, take and give are set. -EINVAL, -ENOMEM. */
int iopt_init(struct iopt *t, unsigned int levels) must_check;
void iopt_exit(struct iopt *t); /* the hardware does not know it any more */

/* Frames that the table can name. */
uint64_t iopt_frames(const struct iopt *t);

/*
 * Frames first to before end lead to mfn and on with these rights (IOMMU_READ, IOMMU_WRITE), or
 * nowhere (0). *flush says whether the hardware may remember what is no longer so; then flush, and
 * call iopt_free_detached(). -EINVAL: out of reach; -ENOMEM: nothing has changed.
 */
int iopt_set(struct iopt *t, uint64_t first, uint64_t end, uint64_t mfn, unsigned int flags,
             bool *flush) must_check;
void iopt_free_detached(struct iopt *t);

/* What is there: rights (0: nothing), and the frame. *level is that of the leaf or hole. */
unsigned int iopt_lookup(const struct iopt *t, uint64_t frame, uint64_t *mfn, unsigned int *level);

/*
 * The largest leaf that frame is in becomes smaller ones, one level down, with this table, a zeroed
 * frame. False: there is no leaf that could be split.
 */
bool iopt_split_with(struct iopt *t, uint64_t frame, void *table);
/* A leaf of level 1 goes, in the middle of a change too. */
void iopt_clear(struct iopt *t, uint64_t frame);

#endif
