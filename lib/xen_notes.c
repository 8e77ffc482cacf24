/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's ELF notes. A table has a row for each note: its number, the name it has in the older
 * __xen_guest string, and the function that takes its value. Numbers arrive as numbers and strings
 * as a bounded copy; a row that wants the other kind than it is given reports XEN_NOTES_MALFORMED.
 * Notes that nobody here needs (INFO, BSD_SYMTAB) and unknown ones are skipped.
 */
#include <lib/bytes.h>
#include <lib/number.h>
#include <lib/string.h>
#include <lib/xen_notes.h>

#include <xen/elfnote.h>
#include <xen/features.h>

#define PAGE_SHIFT 12
#define STRING_VALUE_MAX 256               /* FEATURES is the longest */
#define LEGACY_SECTION "__xen_guest"

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    uint32_t bit;
} feature_names[] = {
    { "writable_page_tables", XENFEAT_writable_page_tables },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
    { "mmu_pt_update_preserve_ad", XENFEAT_mmu_pt_update_preserve_ad },
    { "highmem_assist", XENFEAT_highmem_assist },
    { "gnttab_map_avail_bits", XENFEAT_gnttab_map_avail_bits },
    { "hvm_callback_vector", XENFEAT_hvm_callback_vector },
    { "hvm_safe_pvclock", XENFEAT_hvm_safe_pvclock },
    { "hvm_pirqs", XENFEAT_hvm_pirqs },
    { "dom0", XENFEAT_dom0 },
    { "memory_op_vnode_supported", XENFEAT_memory_op_vnode_supported },
    { "linux_rsdp_unrestricted", XENFEAT_linux_rsdp_unrestricted },
};

/*
 * A PV guest lives in ring 3 and translates addresses itself, so it cannot require these two.
 * (Linux does "require" writable_page_tables, which PV has never offered: it means that it copes
 * with having them; so the list is of what is refused, not of what is offered.)
 */
#define PV_REFUSED (1u << XENFEAT_supervisor_mode_kernel | 1u << XENFEAT_auto_translated_physmap)

/* A note's value: a number, or text if text is not NULL. */
struct value {
    uint64_t number;
    const char *text;
    struct span raw;
};

static int fail(struct xen_notes *n, enum xen_notes_error error, const char *why)
{
    n->why = why;
    return (int)error;
}

static int take_one_feature(struct xen_notes *n, const char *name, size_t len)
{
    const bool required = len > 0 && *name == '!';

    if (required) {
        name++;
        len--;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(feature_names); i++) {
        if (strlen(feature_names[i].name) != len || memcmp(feature_names[i].name, name, len) != 0)
            continue;
        n->features_supported |= 1u << feature_names[i].bit;
        if (required)
            n->features_required |= 1u << feature_names[i].bit;
        return XEN_NOTES_OK;
    }
    if (required)
        return fail(n, XEN_NOTES_UNKNOWN_FEATURE, "kernel requires a feature of unknown name");
    return XEN_NOTES_OK;
}

/* "name|name|!name" */
static int take_features(struct xen_notes *n, const struct value *v)
{
    for (const char *s = v->text;;) {
        const char *bar = strchr(s, '|');
        const size_t len = bar ? (size_t)(bar - s) : strlen(s);
        int rc = take_one_feature(n, s, len);

        if (rc || !bar)
            return rc;
        s = bar + 1;
    }
}

static int take_supported(struct xen_notes *n, const struct value *v)
{
    n->features_supported |= (uint32_t)v->number;
    return XEN_NOTES_OK;
}

/* "yes", "no" or "bimodal"; "yes,bimodal" and "yes[extended-cr3]" are older spellings. */
static int take_pae_mode(struct xen_notes *n, const struct value *v)
{
    if (strstr(v->text, "bimodal"))
        n->pae_mode = XEN_PAE_BIMODAL;
    else if (strncmp(v->text, "yes", 3) == 0)
        n->pae_mode = XEN_PAE_YES;
    else if (strcmp(v->text, "no") == 0)
        n->pae_mode = XEN_PAE_NO;
    else
        return fail(n, XEN_NOTES_MALFORMED, "note PAE_MODE has an unknown value");
    return XEN_NOTES_OK;
}

/* Pairs of mask and value, of which the first is kept. */
static int take_l1_mfn_valid(struct xen_notes *n, const struct value *v)
{
    if (v->raw.size < 16)
        return fail(n, XEN_NOTES_MALFORMED, "note L1_MFN_VALID is too short");
    n->l1_mfn_mask = get_le64(v->raw.ptr);
    n->l1_mfn_value = get_le64(v->raw.ptr + 8);
    return XEN_NOTES_OK;
}

enum form { FORM_NUMBER, FORM_FLAG, FORM_TEXT, FORM_NUMBER_FN, FORM_TEXT_FN, FORM_RAW_FN };

struct row {
    const char *legacy_name;
    enum form form;
    size_t field;                          /* of struct xen_notes: where a plain value goes */
    int (*take)(struct xen_notes *n, const struct value *v);
};

#define PLAIN(legacy, form, member) { legacy, form, offsetof(struct xen_notes, member), NULL }
#define CALLS(legacy, form, function) { legacy, form, 0, function }

static const struct row rows[XEN_ELFNOTE_MAX + 1] = {
    [XEN_ELFNOTE_ENTRY] = PLAIN("VIRT_ENTRY", FORM_NUMBER, entry),
    [XEN_ELFNOTE_HYPERCALL_PAGE] = PLAIN("HYPERCALL_PAGE", FORM_NUMBER, hypercall_page),
    [XEN_ELFNOTE_VIRT_BASE] = PLAIN("VIRT_BASE", FORM_NUMBER, virt_base),
    [XEN_ELFNOTE_PADDR_OFFSET] = PLAIN("ELF_PADDR_OFFSET", FORM_NUMBER, paddr_offset),
    [XEN_ELFNOTE_XEN_VERSION] = PLAIN("XEN_VER", FORM_TEXT, xen_version),
    [XEN_ELFNOTE_GUEST_OS] = PLAIN("GUEST_OS", FORM_TEXT, guest_os),
    [XEN_ELFNOTE_GUEST_VERSION] = PLAIN("GUEST_VER", FORM_TEXT, guest_version),
    [XEN_ELFNOTE_LOADER] = PLAIN("LOADER", FORM_TEXT, loader),
    [XEN_ELFNOTE_PAE_MODE] = CALLS("PAE", FORM_TEXT_FN, take_pae_mode),
    [XEN_ELFNOTE_FEATURES] = CALLS("FEATURES", FORM_TEXT_FN, take_features),
    [XEN_ELFNOTE_HV_START_LOW] = PLAIN(NULL, FORM_NUMBER, hv_start_low),
    [XEN_ELFNOTE_L1_MFN_VALID] = CALLS(NULL, FORM_RAW_FN, take_l1_mfn_valid),
    [XEN_ELFNOTE_SUSPEND_CANCEL] = PLAIN(NULL, FORM_FLAG, suspend_cancel),
    [XEN_ELFNOTE_INIT_P2M] = PLAIN(NULL, FORM_NUMBER, init_p2m),
    [XEN_ELFNOTE_MOD_START_PFN] = PLAIN(NULL, FORM_FLAG, mod_start_pfn),
    [XEN_ELFNOTE_SUPPORTED_FEATURES] = CALLS(NULL, FORM_NUMBER_FN, take_supported),
    [XEN_ELFNOTE_PHYS32_ENTRY] = PLAIN(NULL, FORM_NUMBER, phys32_entry),
};

_Static_assert(XEN_ELFNOTE_MAX < 32, "struct xen_notes has a bit for each note");

static bool is_known(uint32_t note)
{
    return note <= XEN_ELFNOTE_MAX && (rows[note].take || rows[note].field);
}

static bool wants_number(const struct row *row)
{
    return row->form == FORM_NUMBER || row->form == FORM_FLAG || row->form == FORM_NUMBER_FN;
}

static bool wants_text(const struct row *row)
{
    return row->form == FORM_TEXT || row->form == FORM_TEXT_FN;
}

static int store(struct xen_notes *n, uint32_t note, const struct value *v)
{
    const struct row *row = &rows[note];
    void *field = (char *)n + row->field;

    n->present |= 1u << note;
    if (row->take)
        return row->take(n, v);
    if (row->form == FORM_TEXT)
        strlcpy(field, v->text, XEN_NOTE_STRING_MAX);
    else if (row->form == FORM_FLAG)
        *(bool *)field = v->number != 0;
    else
        *(uint64_t *)field = v->number;
    return XEN_NOTES_OK;
}

static bool read_number(struct span desc, uint64_t *number)
{
    switch (desc.size) {
    case 1:
        *number = desc.ptr[0];
        return true;
    case 2:
        *number = get_le16(desc.ptr);
        return true;
    case 4:
        *number = get_le32(desc.ptr);
        return true;
    case 8:
        *number = get_le64(desc.ptr);
        return true;
    default:
        return false;
    }
}

static int take_note(struct xen_notes *n, const struct elf_note *note)
{
    struct value v = { .raw = note->desc };
    const struct row *row;
    char text[STRING_VALUE_MAX];

    if (strcmp(note->name, "Xen") != 0 || !is_known(note->type))
        return XEN_NOTES_OK;
    row = &rows[note->type];

    if (wants_number(row) && !read_number(note->desc, &v.number))
        return fail(n, XEN_NOTES_MALFORMED, "a Xen note that is a number has an odd size");
    if (wants_text(row)) {
        if (strnlen((const char *)note->desc.ptr, note->desc.size) >= sizeof(text))
            return fail(n, XEN_NOTES_MALFORMED, "a Xen note is too long a string");
        memset(text, 0, sizeof(text));
        memcpy(text, note->desc.ptr, strnlen((const char *)note->desc.ptr, note->desc.size));
        v.text = text;
    }
    return store(n, note->type, &v);
}

static int take_notes(struct xen_notes *n, const struct elf_image *elf)
{
    struct elf_note_walk walk = { 0 };
    struct elf_note note;

    while (elf_next_note(elf, &walk, &note)) {
        int rc = take_note(n, &note);

        if (rc)
            return rc;
    }
    return XEN_NOTES_OK;
}

/* One "NAME=value" of __xen_guest. */
static int take_legacy(struct xen_notes *n, char *item)
{
    char *value = strchr(item, '=');
    struct value v = { 0 };

    if (!value)
        return XEN_NOTES_OK;               /* a flag; none of those is needed */
    *value++ = '\0';

    for (uint32_t note = 0; note <= XEN_ELFNOTE_MAX; note++) {
        if (!rows[note].legacy_name || strcmp(rows[note].legacy_name, item) != 0)
            continue;
        v.text = value;
        if (wants_number(&rows[note])) {
            const char *end;

            v.number = number_parse(value, &end, 0);
            if (end == value || *end != '\0')
                return fail(n, XEN_NOTES_MALFORMED, "__xen_guest has a malformed number");
        }
        return store(n, note, &v);
    }
    return XEN_NOTES_OK;
}

/* Walks over the section's string, one item at a time. */
static int take_legacy_section(struct xen_notes *n, struct span s)
{
    char item[STRING_VALUE_MAX];
    size_t used = 0;

    for (size_t i = 0; i <= s.size; i++) {
        const char c = i < s.size ? (char)s.ptr[i] : '\0';
        int rc;

        if (c != ',' && c != '\0') {
            if (used == sizeof(item) - 1)
                return fail(n, XEN_NOTES_MALFORMED, "__xen_guest has too long an item");
            item[used++] = c;
            continue;
        }
        item[used] = '\0';
        used = 0;
        rc = take_legacy(n, item);
        if (rc || c == '\0')
            return rc;
    }
    return XEN_NOTES_OK;
}

/* The older string gives a page number for the hypercall page, and has other defaults. */
static void adjust_legacy(struct xen_notes *n, const struct elf_image *elf)
{
    n->legacy = true;
    if (xen_notes_has(n, XEN_ELFNOTE_HYPERCALL_PAGE))
        n->hypercall_page = n->virt_base + (n->hypercall_page << PAGE_SHIFT);
    if (!xen_notes_has(n, XEN_ELFNOTE_PADDR_OFFSET))
        n->paddr_offset = n->virt_base;
    if (!xen_notes_has(n, XEN_ELFNOTE_ENTRY))
        n->entry = elf->entry;
}

int xen_notes_parse(struct xen_notes *out, const struct elf_image *elf)
{
    struct elf_section legacy;
    int rc;

    *out = (struct xen_notes){ 0 };
    rc = take_notes(out, elf);
    if (rc == XEN_NOTES_OK && out->present == 0 && elf_find_section(elf, LEGACY_SECTION, &legacy)) {
        rc = take_legacy_section(out, legacy.data);
        adjust_legacy(out, elf);
    }
    if (rc != XEN_NOTES_OK)
        return rc;
    if (out->present == 0)
        return fail(out, XEN_NOTES_NONE, "no Xen notes: not a kernel for Xen");

    if (!xen_notes_has(out, XEN_ELFNOTE_ENTRY))
        out->entry = elf->entry;
    out->virt_start = elf->load_start - out->paddr_offset + out->virt_base;
    out->virt_end = elf->load_end - out->paddr_offset + out->virt_base;
    return XEN_NOTES_OK;
}

int xen_notes_check_pv(struct xen_notes *n, bool dom0)
{
    /* Only the start of the version is compared: "xen-3.0-x86_64" was common once. */
    if (strncmp(n->xen_version, "xen-3.0", 7) != 0)
        return fail(n, XEN_NOTES_WRONG_VERSION, "kernel is not for the Xen 3.0 interface");
    if (strcmp(n->loader, "generic") != 0 && strcmp(n->guest_os, "linux") != 0)
        return fail(n, XEN_NOTES_WRONG_LOADER, "kernel wants a loader other than \"generic\"");
    if (n->features_required & PV_REFUSED)
        return fail(n, XEN_NOTES_UNSUPPORTED_FEATURE,
                    "kernel requires a feature that PV guests cannot have");
    if (n->virt_start >= n->virt_end || n->virt_start < n->virt_base)
        return fail(n, XEN_NOTES_BAD_LAYOUT, "kernel image does not lie above its VIRT_BASE");
    if (n->entry < n->virt_start || n->entry >= n->virt_end)
        return fail(n, XEN_NOTES_NO_ENTRY, "kernel has no entry point inside of its image");
    if (xen_notes_has(n, XEN_ELFNOTE_HYPERCALL_PAGE) &&
        (n->hypercall_page < n->virt_start || n->hypercall_page >= n->virt_end ||
         n->hypercall_page & ((1u << PAGE_SHIFT) - 1)))
        return fail(n, XEN_NOTES_BAD_LAYOUT, "kernel's hypercall page is not a page of its image");
    /* A kernel that gives its features as a number is new enough to say whether it can do this. */
    if (dom0 && xen_notes_has(n, XEN_ELFNOTE_SUPPORTED_FEATURES) &&
        !(n->features_supported >> XENFEAT_dom0 & 1))
        return fail(n, XEN_NOTES_NO_DOM0, "kernel does not support being dom0");
    return XEN_NOTES_OK;
}

int xen_notes_check_pvh(struct xen_notes *n, const struct elf_image *elf)
{
    if (!xen_notes_has(n, XEN_ELFNOTE_PHYS32_ENTRY))
        return fail(n, XEN_NOTES_NO_ENTRY, "kernel has no PVH entry point (PHYS32_ENTRY)");
    if (n->phys32_entry < elf->load_start || n->phys32_entry >= elf->load_end)
        return fail(n, XEN_NOTES_NO_ENTRY, "kernel's PVH entry point lies outside of its image");
    if (elf->load_end > 1ull << 32)
        return fail(n, XEN_NOTES_BAD_LAYOUT, "kernel is to be loaded above 4 GiB");
    return XEN_NOTES_OK;
}
