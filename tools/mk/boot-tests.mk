# SPDX-License-Identifier: GPL-2.0-only
#
# Boot tests and the interactive machine. Included by the top Makefile after images.mk.
#
#   HV=granta|xen   which hypervisor (default granta: $(BUILD)/granta.elf)
#   CASES="..."     only these boot tests; `make list-boot` names them
#   CPUS= MEM=      the interactive machine: processors, MiB

HV        ?= granta
CPUS      ?= 2
MEM       ?= 2048
BOOT_JOBS ?= 2

# What has to be built before the hypervisor under test can boot.
HV_IMAGE_granta := $(BUILD)/granta.elf
HV_IMAGE_xen    :=
# Some cases boot a release build.
HV_TESTS_granta := release
HV_TESTS_xen    :=

.PHONY: test-boot list-boot run

test-boot: images $(HV_IMAGE_$(HV)) $(HV_TESTS_$(HV)) ## Boot Debian's dom0 in QEMU (HV=granta|xen, CASES="...")
	@tests/boot/run.py --hv $(HV) --jobs $(BOOT_JOBS) $(CASES); status=$$?; \
	if [ "$(HV)$(CASES)" = granta ]; then tests/boot/separation.py || status=1; fi; exit $$status

list-boot: ## List the boot tests
	@tests/boot/run.py --list

run: images $(HV_IMAGE_$(HV)) ## Boot an interactive dom0 on this terminal (Ctrl-A X leaves)
	@tests/boot/run.py --hv $(HV) --interactive --cpus $(CPUS) --mem $(MEM)
