# SPDX-License-Identifier: GPL-2.0-only
#
# What the boot tests and `make run` boot: the first domain's root and kernels, and the stock
# hypervisor. Included by the top Makefile.
#
#   IMAGES     the folder                 DOM0_CPIO  root and tests in one archive
#   DOM0_GUEST_CPIO  the same with a guest's kernel and initrd in /guest, and an example in /root
#   DOM0_EXTRA_CPIO  that one with a device model, pygrub and GRUB for guests
#   DOM0_HVM_CPIO    that one with what HVM guests without PV drivers want, in /hvm
#   VMLINUZ    Debian's kernel as shipped VMLINUX    its unpacked ELF, which starts faster
#   STOCK_XEN  Debian's Xen, unpacked

BUILD     ?= build
IMAGES    := $(BUILD)/images
DOM0_CPIO := $(IMAGES)/dom0.cpio
DOM0_GUEST_CPIO := $(IMAGES)/dom0-guest.cpio
DOM0_EXTRA_CPIO := $(IMAGES)/dom0-extra.cpio
DOM0_HVM_CPIO := $(IMAGES)/dom0-hvm.cpio
VMLINUZ   := $(IMAGES)/vmlinuz
VMLINUX   := $(IMAGES)/vmlinux
STOCK_XEN := $(IMAGES)/xen

DOM0_PROGS := $(patsubst tests/boot/progs/%.c,$(IMAGES)/progs/%,$(wildcard tests/boot/progs/*.c))
DOM0_TESTS := $(wildcard tests/boot/dom0/*.sh)

.PHONY: images
images: $(DOM0_CPIO) $(DOM0_GUEST_CPIO) $(DOM0_EXTRA_CPIO) $(DOM0_HVM_CPIO) ## Build the dom0 root, kernels and test programs (cached)

# Static, for a root that has no C library of the host's; the compiler is the host's whatever CC is.
$(IMAGES)/progs/%: tests/boot/progs/%.c
	@mkdir -p $(@D)
	gcc -O2 -g0 -Wall -Wextra -Werror -static -pthread -o $@ $<

# The script knows better than file dates whether anything has to be done, and is quick to say no.
.PHONY: dom0-root
dom0-root:
	@tools/dom0-image $(IMAGES)

$(IMAGES)/root.cpio $(IMAGES)/extra-root.cpio $(IMAGES)/guest-root.cpio $(VMLINUZ) $(VMLINUX): dom0-root ;

$(IMAGES)/overlay.cpio: tools/dom0/init $(DOM0_TESTS) $(DOM0_PROGS) tools/cpio.py
	@mkdir -p $(@D)
	@tools/cpio.py $@ init=tools/dom0/init tests=tests/boot/dom0 \
	    $(foreach p,$(DOM0_PROGS),usr/bin/$(notdir $(p))=$(p))

# Linux unpacks concatenated archives in order.
$(DOM0_CPIO): $(IMAGES)/root.cpio $(IMAGES)/overlay.cpio
	@cat $^ >$@.new && mv $@.new $@

GUEST_PROGS := $(IMAGES)/progs/wakeup $(IMAGES)/progs/checksum
GUEST_FILES := tools/guest/init tools/guest/poweroff tools/guest/reboot $(GUEST_PROGS)

$(IMAGES)/guest.cpio: $(IMAGES)/guest-root.cpio $(GUEST_FILES) tools/cpio.py
	@tools/cpio.py $(IMAGES)/guest-init.cpio init=tools/guest/init sbin/poweroff=tools/guest/poweroff \
	    sbin/reboot=tools/guest/reboot $(foreach p,$(GUEST_PROGS),bin/$(notdir $(p))=$(p))
	@cat $(IMAGES)/guest-root.cpio $(IMAGES)/guest-init.cpio >$@.new && mv $@.new $@

# Guests smaller than any Linux, by the library of the test kernels.
$(IMAGES)/kernels/%.elf: tests/boot/kernels/%.c $(wildcard tests/guest/lib/*)
	@mkdir -p $(@D)
	@echo "  GUEST   $@"
	@$(CC) $(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	        -Wl,--no-warn-rwx-segments -T tests/guest/lib/guest.lds tests/guest/lib/start.S $(filter %.c,$^) -o $@

# The guests' kernel is there twice: libxenguest takes longer to unpack the bzImage, in an emulated machine and for each
# guest anew, than for all the rest of it.
$(DOM0_GUEST_CPIO): $(DOM0_CPIO) $(IMAGES)/guest.cpio $(VMLINUZ) $(VMLINUX) $(IMAGES)/kernels/obey.elf tools/guest/example.cfg
	@tools/cpio.py $(IMAGES)/guest-files.cpio guest/vmlinuz=$(VMLINUZ) guest/vmlinux=$(VMLINUX) guest/initrd=$(IMAGES)/guest.cpio \
	    guest/obey=$(IMAGES)/kernels/obey.elf root/example.cfg=tools/guest/example.cfg
	@cat $(DOM0_CPIO) $(IMAGES)/guest-files.cpio >$@.new && mv $@.new $@

$(DOM0_EXTRA_CPIO): $(DOM0_GUEST_CPIO) $(IMAGES)/extra-root.cpio
	@cat $^ >$@.new && mv $@.new $@

# HVM guests without PV drivers: more modules over the guests' root.
.PHONY: hvm-root
hvm-root: dom0-root
	@tools/hvm-image $(IMAGES)

$(IMAGES)/hvm-root.cpio $(IMAGES)/hvm-guest.cpio: hvm-root ;

$(DOM0_HVM_CPIO): $(DOM0_EXTRA_CPIO) $(IMAGES)/hvm-root.cpio $(IMAGES)/hvm-guest.cpio
	@cat $(IMAGES)/guest.cpio $(IMAGES)/hvm-guest.cpio >$(IMAGES)/hvm-initrd
	@tools/cpio.py $(IMAGES)/hvm-files.cpio hvm/initrd=$(IMAGES)/hvm-initrd
	@cat $(DOM0_EXTRA_CPIO) $(IMAGES)/hvm-root.cpio $(IMAGES)/hvm-files.cpio >$@.new && mv $@.new $@

# Debian's 32-bit kernel for an HVM guest: packages of another architecture, so only when asked for.
.PHONY: images-i386
images-i386: images ## The same with a 32-bit kernel for an HVM guest (boot case domu-hvm-32)
	@tools/i386-image $(IMAGES)
	@cat $(IMAGES)/i386-guest.cpio $(IMAGES)/guest-init.cpio >$(IMAGES)/hvm-initrd32
	@tools/cpio.py $(IMAGES)/i386-files.cpio hvm/initrd32=$(IMAGES)/hvm-initrd32
	@cat $(DOM0_HVM_CPIO) $(IMAGES)/i386-kernel.cpio $(IMAGES)/i386-files.cpio >$(IMAGES)/dom0-hvm-32.cpio
