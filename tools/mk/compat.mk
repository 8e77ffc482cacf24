# SPDX-License-Identifier: GPL-2.0-only
# What is said for i386 of the structures that 32-bit callers pass: places and sizes by gcc, and which members there are
# by clang's dump of its layouts. tests/unit/compat.c compares. Neither needs a 32-bit C library: the headers are freestanding.

I386_FLAGS := -m32 -ffreestanding -std=gnu17 -O1 -fno-pie -Iinclude

$(BUILD)/unit/compat_i386.inc: tests/host/compat_i386.def.c include/hv/compat_fields.h include/abi.h
	@mkdir -p $(@D)
	@$(CC) $(I386_FLAGS) -S $< -o $@.s
	@sed -n 's/^->//p' $@.s > $@.tmp
	@clang $(I386_FLAGS) -fsyntax-only -Xclang -fdump-record-layouts -Xclang -fdump-record-layouts-complete $< > $@.dump
	@awk '/Dumping AST Record/ { getline; name = $$3 == "struct" && NF == 4 ? $$4 : "" } \
	      name && /^ *[0-9]+ \|   [^ ]/ { printf "MEMBER(\"%s\", \"%s\", %s)\n", name, $$NF, $$1 }' $@.dump >> $@.tmp
	@mv $@.tmp $@

$(BUILD)/hostobj/tests/unit/compat.o: $(BUILD)/unit/compat_i386.inc
