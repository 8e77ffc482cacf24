# SPDX-License-Identifier: GPL-2.0-only
#
# What the boot tests and `make run` boot: the first domain's root and kernels, and the stock
# hypervisor. Included by the top Makefile.
#
#   IMAGES     the folder                 DOM0_CPIO  root and tests in one archive
#   VMLINUZ    Debian's kernel as shipped VMLINUX    its unpacked ELF, which starts faster
#   STOCK_XEN  Debian's Xen, unpacked

BUILD     ?= build
IMAGES    := $(BUILD)/images
DOM0_CPIO := $(IMAGES)/dom0.cpio
VMLINUZ   := $(IMAGES)/vmlinuz
VMLINUX   := $(IMAGES)/vmlinux
STOCK_XEN := $(IMAGES)/xen

DOM0_PROGS := $(patsubst tests/boot/progs/%.c,$(IMAGES)/progs/%,$(wildcard tests/boot/progs/*.c))
DOM0_TESTS := $(wildcard tests/boot/dom0/*.sh)

.PHONY: images
images: $(DOM0_CPIO) ## Build the dom0 root, kernels and test programs (cached)

# Static, for a root that has no C library of the host's; the compiler is the host's whatever CC is.
$(IMAGES)/progs/%: tests/boot/progs/%.c
	@mkdir -p $(@D)
	gcc -O2 -g0 -Wall -Wextra -Werror -static -pthread -o $@ $<

# The script knows better than file dates whether anything has to be done, and is quick to say no.
.PHONY: dom0-root
dom0-root:
	@tools/dom0-image $(IMAGES)

$(IMAGES)/root.cpio: dom0-root ;

$(IMAGES)/overlay.cpio: tools/dom0/init $(DOM0_TESTS) $(DOM0_PROGS) tools/cpio.py
	@mkdir -p $(@D)
	@tools/cpio.py $@ init=tools/dom0/init tests=tests/boot/dom0 \
	    $(foreach p,$(DOM0_PROGS),usr/bin/$(notdir $(p))=$(p))

# Linux unpacks concatenated archives in order.
$(DOM0_CPIO): $(IMAGES)/root.cpio $(IMAGES)/overlay.cpio
	@cat $^ >$@.new && mv $@.new $@
