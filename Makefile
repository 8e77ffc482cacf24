# SPDX-License-Identifier: GPL-2.0-only
# Granta. `make help` lists what this can do.

ARCH ?= x86
DEBUG ?= y
BUILD := build
CC := gcc
HOSTCC := clang

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wno-sign-conversion \
        -Wno-unused-parameter -Wvla -Wno-pass-failed -Werror
CFLAGS := -std=gnu17 -O2 -g -ffreestanding -fno-common -fno-builtin-printf -fno-strict-aliasing -mgeneral-regs-only \
        -mno-red-zone -fno-stack-protector -fno-omit-frame-pointer -fPIE -fvisibility=hidden \
        -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections $(WARN)
CPPFLAGS := -Iinclude -Iarch/$(ARCH)/include -include include/visibility.h
ifneq ($(DEBUG),y)
CPPFLAGS += -DNDEBUG
ifeq ($(findstring clang,$(CC)),)
# Pure cores and their shells are files of their own; a release puts the small functions in line.
LTO := -flto=auto
CFLAGS += $(LTO)
endif
endif

C_SRC := $(sort $(wildcard lib/*.c core/*.c core/toolstack/*.c drivers/*/*.c arch/$(ARCH)/*.c arch/$(ARCH)/*/*.c arch/$(ARCH)/*/*/*.c))
S_SRC := $(filter-out %.lds.S,$(sort $(wildcard arch/$(ARCH)/*/*.S arch/$(ARCH)/*/*/*.S)))
OBJ := $(C_SRC:%.c=$(BUILD)/obj/%.o) $(S_SRC:%.S=$(BUILD)/obj/%.S.o)

# The host programs; before the fragments, whose targets depend on them.
UNIT := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c)))
FUZZ := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))

.DELETE_ON_ERROR:
.PHONY: all help clean check test unit fuzz static

all: $(BUILD)/granta.elf

-include tools/mk/decompress.mk
-include tools/mk/images.mk
-include tools/mk/boot-tests.mk
-include tools/mk/guest-tests.mk
-include tools/mk/checks.mk
-include tools/mk/compat.mk
-include tools/mk/bench.mk

# --- the hypervisor ---------------------------------------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.S.o: %.S $(BUILD)/asm_offsets.h
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(CC) $(CPPFLAGS) -D__ASSEMBLY__ -I$(BUILD) -fPIE -g -MMD -MP -c $< -o $@

# Offsets of C structures for the assembly: generated, never typed in.
$(BUILD)/asm_offsets.h: arch/$(ARCH)/asm_offsets.def.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -fno-lto -MMD -MP -MT $@ -MF $(BUILD)/asm_offsets.d -S $< -o $(BUILD)/asm_offsets.s
	@sed -n 's/^.*->\([A-Za-z0-9_]*\) \$$*\(-\?[0-9]*\).*$$/#define \1 \2/p' $(BUILD)/asm_offsets.s > $@

C_SRC := $(filter-out arch/$(ARCH)/asm_offsets.def.c,$(C_SRC))
OBJ := $(filter-out $(BUILD)/obj/arch/$(ARCH)/asm_offsets.def.o,$(OBJ))

LINK = $(CC) $(LTO) -nostdlib -static -no-pie -Wl,--build-id=sha1 -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
       -Wl,--gc-sections -Wl,--no-warn-rwx-segments -Wl,-T,$(BUILD)/link.lds

$(BUILD)/link.lds: arch/$(ARCH)/boot/link.lds.S
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp $< -o $@

# What the build says of itself: the commit and its date, so that one tree always gives the same image.
$(BUILD)/build_info.c: FORCE
	@mkdir -p $(@D)
	@{ echo '#include <hv/version.h>'; \
	   echo "const char build_compiler[] = \"$$($(CC) --version | head -n1)\";"; \
	   echo 'const char build_by[] = "granta";'; \
	   echo 'const char build_domain[] = "local";'; \
	   echo "const char build_date[] = \"$$(git log -1 --format=%cD 2>/dev/null)\";"; \
	   echo "const char build_changeset[] = \"$$(git log -1 --format='%cd git:%h' --date=iso 2>/dev/null)$$(git diff --quiet HEAD 2>/dev/null || echo -dirty)\";"; \
	 } > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
$(BUILD)/build_info.o: $(BUILD)/build_info.c
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
.PHONY: FORCE

# Linked twice: the symbol table for backtraces is made from the first link and has the same size in the second.
$(BUILD)/granta.elf: $(OBJ) $(BUILD)/build_info.o $(BUILD)/link.lds tools/symtab $(DECOMPRESS_LIBS)
	@echo "  LD      $@"
	@tools/symtab --empty > $(BUILD)/symtab.S
	@$(CC) -c $(BUILD)/symtab.S -o $(BUILD)/symtab.o
	@$(LINK) $(OBJ) $(BUILD)/build_info.o $(BUILD)/symtab.o $(DECOMPRESS_LIBS) -lgcc -o $(BUILD)/granta.pass1
	@tools/symtab $(BUILD)/granta.pass1 > $(BUILD)/symtab.S
	@$(CC) -c $(BUILD)/symtab.S -o $(BUILD)/symtab.o
	@$(LINK) $(OBJ) $(BUILD)/build_info.o $(BUILD)/symtab.o $(DECOMPRESS_LIBS) -lgcc -o $@.tmp
	@mv $@.tmp $@

-include $(OBJ:.o=.d) $(BUILD)/asm_offsets.d

# --- host tests -------------------------------------------------------------------------------------------------------

HOST_CPPFLAGS := -DHOST -I$(BUILD)/unit -Itests/host/include -Itests/unit -Iinclude -Iarch/x86/include -Iarch/x86
# Their data is below 4 GiB, where a 32-bit guest of a test can point to.
HOST_CFLAGS := -fno-pie -std=gnu17 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
        -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
links = $(shell sed -n 's,^.*links: *\(.*[^ ]\) *\*/.*,\1,p' $(1))
host_libs = $(shell sed -n 's,^.*libs: *\(.*[^ ]\) *\*/.*,\1,p' $(1))

# Each source is compiled once, not for each of the tests that link it.
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/hostobj/tests/unit/$(1).o $(patsubst %.c,$(BUILD)/hostobj/%.o,$(wildcard $(call links,tests/unit/$(1).c)))
	@mkdir -p $$(@D)
	@echo "  HOSTLD  $$@"
	@$(HOSTCC) -no-pie $(HOST_CFLAGS) $$(filter %.o,$$^) -o $$@ $(call host_libs,tests/unit/$(1).c)
endef
define fuzz_rule
$(BUILD)/fuzz/$(1): $(BUILD)/fuzzobj/tests/fuzz/$(1).o $(patsubst %.c,$(BUILD)/fuzzobj/%.o,$(wildcard $(call links,tests/fuzz/$(1).c)))
	@mkdir -p $$(@D)
	@echo "  FUZZLD  $$@"
	@clang -no-pie $(HOST_CFLAGS) -fsanitize=fuzzer $$(filter %.o,$$^) -o $$@ $(call host_libs,tests/fuzz/$(1).c)
endef
$(BUILD)/hostobj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  HOSTCC  $<"
	@$(HOSTCC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/fuzzobj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  FUZZCC  $<"
	@clang $(HOST_CPPFLAGS) $(HOST_CFLAGS) -fsanitize=fuzzer -MMD -MP -c $< -o $@
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))
$(foreach t,$(FUZZ),$(eval $(call fuzz_rule,$(t))))
-include $(shell find $(BUILD)/hostobj $(BUILD)/fuzzobj -name '*.d' 2>/dev/null)

# --- housekeeping -----------------------------------------------------------------------------------------------------

clean:
	rm -rf $(BUILD)
