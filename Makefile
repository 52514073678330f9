# Gengbu.  `make` builds, `make check` proves, `make help` lists the rest.
VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
DESTDIR ?=

# All processors, unless -j says otherwise.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# SAN=address,undefined and COVER=1 build in folders of their own, so that
# objects made with different flags never mix; so does FUZZ=1, of `make fuzz`.
comma := ,
B := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COVER),-cover)
B := $(B)$(if $(FUZZ),-fuzz)
B := $(B)$(if $(BUG),-bug-$(BUG))

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= $(if $(COVER),-O0 -g,$(if $(SAN),-O1 -g,-O2 -g))
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wvla -Wformat=2 -Werror
STRICT := -std=c11 -D_GNU_SOURCE $(WARN) -I.
# Instrumented code misleads two of gcc's warnings; the plain build has them.
# An empty span may be NULL, and NULL + 0 is an overflow to clang alone.
# Threads must not lose each other's counts: gcov takes some by difference.
INSTRUMENT := $(if $(COVER),--coverage -fprofile-update=atomic \
    -Xlinker -u__gcov_dump) \
    $(if $(SAN),-fsanitize=$(SAN) \
    -fno-sanitize-recover=all -fno-omit-frame-pointer) \
    $(if $(FUZZ),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined \
    -fno-sanitize=pointer-overflow -fno-sanitize-recover=all \
    -fno-omit-frame-pointer) \
    $(if $(COVER)$(SAN),-Wno-format-truncation -Wno-maybe-uninitialized)
COMPILE = $(CC) $(STRICT) -fPIC -MMD -MP $(LIB_CFLAGS) $(HAVE) $(CPPFLAGS) \
    $(if $(BUG),-DGB_BUG_PLANTED=GB_BUG_$(BUG)) $(CFLAGS) $(INSTRUMENT)
LINK = $(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -Wl,--as-needed

# pkg-config is asked once, by the first recipe that wants its answer: at
# parse time it may not be there yet, and `deps` may be about to install it.
ENGINE_PKGS := sqlite3 libsodium zlib jansson
PKGS := $(ENGINE_PKGS) libcurl libgit2 libmicrohttpd libqrencode
ask = $(eval $(1) := $$(shell pkg-config $(2)))$($(1))
LIB_CFLAGS = $(call ask,LIB_CFLAGS,--cflags $(PKGS) cmocka)
# An option of libgit2 that came with a security update of Debian 12.
HAVE = $(eval HAVE := $$(shell grep -qs GIT_OPT_SET_PACK_MAX_OBJECT_SIZE \
    `pkg-config --variable=includedir libgit2`/git2/common.h && \
    echo -DGB_HAVE_PACK_MAX_OBJECT_SIZE))$(HAVE)
ENGINE_LIBS = $(call ask,ENGINE_LIBS,--libs $(ENGINE_PKGS))
LIBS = $(call ask,LIBS,--libs $(PKGS))
TEST_LIBS = $(call ask,TEST_LIBS,--libs cmocka $(PKGS))

# Everything goes by wildcard.  main*.c are programs, the rest is shared.
objects = $(patsubst %.c,$(B)/%.o,$(filter-out $(2),$(wildcard $(1))))
ENGINE := $(call objects,engine/*.c)
DEVICE := $(call objects,device/*.c,$(wildcard device/main*.c))
HUB := $(call objects,hub/*.c,$(wildcard hub/main*.c))
SUPPORT := $(call objects,tests/unit/support/*.c)
HUB_SUPPORT := $(call objects,tests/unit/support/hub/*.c)
PRELOADS := $(patsubst %.c,$(B)/%.so,$(wildcard tests/flow/*.c))
SIM := $(call objects,tests/sim/*.c)
UNITS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*.c))
FUZZ_SUPPORT := $(call objects,tests/fuzz/support/*.c,\
    $(if $(FUZZ),tests/fuzz/support/replay.c))
A := $(B)/libgengbu.a
SO := $(B)/libgengbu.so
PROGRAMS := $(if $(wildcard device/main.c),$(B)/gengbu) \
    $(if $(wildcard hub/main_hub.c),$(B)/gengbu-hub) \
    $(if $(wildcard hub/main_audit.c),$(B)/gengbu-audit)
# Calls of the project's own objects that tests/unit/support lets fail.
MEMORY_CALLS := malloc calloc realloc strdup strndup free
IO_CALLS := open close read write pread pwrite fsync fdatasync fchmod \
    ftruncate rename renameat2 link mkdir
FAULT_CALLS := mmap fstat stat lstat syncfs unlink mkdtemp opendir fopen \
    $(addprefix gb_arena_,alloc array copy text) \
    $(addprefix sqlite3_,step prepare_v2 exec errcode extended_errcode errmsg \
    vmprintf mprintf)
WRAP := $(MEMORY_CALLS:%=-Wl,--wrap=%) $(IO_CALLS:%=-Wl,--wrap=%) \
    $(FAULT_CALLS:%=-Wl,--wrap=%)
# Likewise those of libgit2 that support/hub/git.c wraps.
GIT_WRAP = $(eval GIT_WRAP := $$(shell grep ^WRAP \
    tests/unit/support/hub/git.c | cut -d, -f1 | \
    cut -c6- | sed s/^/-Wl,--wrap=git_/))$(GIT_WRAP)

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all units fuzzers demo sim sim-bugs faults fuzz bench check lint fmt \
    cover install clean deps help

all: $(A) $(SO) $(PROGRAMS) ## the library and the programs (the default)

units: $(UNITS) ## the unit tests, built and not run

fuzzers: $(FUZZERS)

# Commands are shown in full with V=1.
Q := $(if $(V),,@)
say = @$(if $(V),:,echo "  $(1) $@")

# Unit tests run once: an optimizer takes longer than it saves.
$(B)/tests/unit/%.o: CFLAGS += $(if $(COVER)$(SAN),,-O0)

$(B)/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(COMPILE) -c -o $@ $<

$(A): $(ENGINE)
	$(call say,AR  )
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(SO).$(SOVERSION): $(ENGINE)
	$(call say,LINK)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) -o $@ $^ $(ENGINE_LIBS)

$(SO): $(SO).$(SOVERSION)
	$(Q)ln -sf $(<F) $@

$(B)/gengbu: $(B)/device/main.o $(DEVICE) $(A)
$(B)/gengbu-hub: $(B)/hub/main_hub.o $(HUB) $(A)
$(B)/gengbu-audit: $(B)/hub/main_audit.o $(HUB) $(A)
$(PROGRAMS):
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# A test sees the engine; hub_*.c and device_*.c see that program as well.
$(filter $(B)/tests/unit/hub_%,$(UNITS)): $(HUB) $(HUB_SUPPORT)
$(filter $(B)/tests/unit/device_%,$(UNITS)): $(DEVICE)
$(UNITS): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(SUPPORT) $(A)
	$(call say,LINK)
	$(Q)$(LINK) $(WRAP) $(if $(filter hub_%,$(@F)),$(GIT_WRAP)) -o $@ \
	    $(filter %.o,$^) $(A) $(TEST_LIBS)

# A fuzz target sees the engine; http and jsonl a program as well.  Without
# FUZZ=1 it feeds itself the files that it is given (tests/fuzz/support).
$(B)/tests/fuzz/http: $(HUB)
$(B)/tests/fuzz/jsonl: $(DEVICE)
$(FUZZERS): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_SUPPORT) \
    $(B)/tests/unit/support/schema_fixture.o $(A)
	$(call say,LINK)
	$(Q)$(LINK) $(if $(FUZZ),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(A) \
	    $(TEST_LIBS)

# The simulator stands in for machines: clocks, network, a journal's folder,
# the ledger's disk.
SIM_DEVICE := $(addprefix $(B)/device/,sync.o inbox.o outbox.o stick.o)
SIM_WRAP := gb_ledger_init gb_ledger_open gb_schema_load \
    gb_schema_load_kept gb_schema_free gb_file_rename
SIM_HUB := $(filter-out $(B)/hub/clock.o $(B)/hub/http.o,$(HUB))
$(B)/tests/sim/sim: $(SIM) $(SIM_DEVICE) $(SIM_HUB) $(A)
	$(call say,LINK)
	$(Q)$(LINK) $(SIM_WRAP:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# What a bench shares, the hub but for its clock, the handheld; get is what the
# memory of a handheld's program is held against.
BENCH_SHARED := $(call objects,tests/bench/*.c,$(wildcard tests/bench/main*.c))
BENCHES := $(patsubst tests/bench/main_%.c,$(B)/tests/bench/%,$(filter-out \
    %_get.c,$(wildcard tests/bench/main_*.c)))
$(B)/tests/bench/get: $(B)/tests/bench/main_get.o
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(LIBS)
# The check of a ledger without its replay: the time of that is taken apart.
$(B)/tests/bench/audit: BENCH_WRAP := -Wl,--wrap=gb_state_line
$(BENCHES): $(B)/tests/bench/%: $(B)/tests/bench/main_%.o $(BENCH_SHARED) \
    $(filter-out $(B)/hub/clock.o,$(HUB)) $(DEVICE) $(A)
	$(call say,LINK)
	$(Q)$(LINK) $(BENCH_WRAP) -o $@ $^ $(LIBS)

bench: all $(BENCHES) $(B)/tests/bench/get ## how fast, how small: BENCH= RUNS=5
	@tools/bench $(B)

sim: $(B)/tests/sim/sim ## random worlds: SEED=1 COUNT=20000 DEVICES=2..200
	@tools/sim $< $(or $(SEED),1) $(or $(COUNT),20000) \
	    $(if $(DEVICES),--devices $(DEVICES))

sim-bugs: deps ## plant known mistakes: after how many worlds each is found
	@tools/sim-bugs

fuzz: ## hostile bytes, 60 s a target: TARGET= SECONDS_EACH= RUNS=
	@tools/deps --fuzz
	@$(MAKE) --no-print-directory FUZZ=1 \
	    CC=$(if $(findstring clang,$(CC)),$(CC),clang) fuzzers
	@tools/fuzz build-fuzz $(FUZZERS:$(B)/tests/fuzz/%=%)

faults: all $(PRELOADS) ## each call and allocation fails in turn: EVERY=1 LIST=
	@nice env EVERY=$(or $(EVERY),1) LIST=$(or $(LIST),$(B)/faults.list) \
	    tests/flow/faults.sh $(B)

demo: all ## real records through the programs, into the folder demo
	@tools/demo $(B) demo

# What flows preload into the programs: without sanitizers, whose own
# libraries want to be loaded first.
$(PRELOADS): $(B)/%.so: %.c Makefile | deps
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(STRICT) -Wno-pedantic $(CFLAGS) -fPIC -shared -o $@ $<

check lint: export CC := $(CC)
check lint: export STRICT := $(STRICT)
check: all units fuzzers $(PRELOADS) $(B)/tests/sim/sim ## all tests; SAN=
	@tools/check "$(CURDIR)/$(B)"

lint: deps ## how the code reads: tools/lint --list names the rules
	@tools/lint --self-test && tools/lint

fmt: deps ## clang-format over all C files
	clang-format -i $$(find engine device hub tests -name '*.[ch]')

cover: deps ## lines and branches that the tests run; FLOWS=1 MISSED=FILE.c
	@find build-cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory COVER=1 units build-cover/tests/sim/sim \
	    $(if $(FLOWS),all $(PRELOADS:build/%=build-cover/%))
	@tools/cover build-cover

bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(PREFIX)/lib
incdir := $(DESTDIR)$(PREFIX)/include/gengbu
sharedir := $(DESTDIR)$(PREFIX)/share
install: all ## PREFIX=/usr/local DESTDIR=
	@mkdir -p "$(bindir)" "$(libdir)/pkgconfig" "$(incdir)" \
	    "$(sharedir)/gengbu/schema" "$(sharedir)/man/man1" 2>/dev/null && \
	    test -w "$(bindir)" || { echo "make install: you may not write to" \
	    "$(DESTDIR)$(PREFIX): do it as root, or into a folder of your own:" \
	    "make install PREFIX=\$$HOME/.local" >&2; exit 1; }
	@echo "  INSTALL $(DESTDIR)$(PREFIX)"
	$(Q)install -m 755 $(PROGRAMS) "$(bindir)"
	$(Q)install -m 644 $(A) "$(libdir)"
	$(Q)install -m 755 $(SO).$(SOVERSION) "$(libdir)"
	$(Q)ln -sf libgengbu.so.$(SOVERSION) "$(libdir)/libgengbu.so"
	$(Q)install -m 644 $(filter-out %_private.h engine/bug.h \
	    engine/journal_delta.h,$(wildcard engine/*.h)) "$(incdir)"
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PKGS@|$(ENGINE_PKGS)|' gengbu.pc.in \
	    > "$(libdir)/pkgconfig/gengbu.pc"
	$(Q)cp -R schema/. "$(sharedir)/gengbu/schema"
	$(Q)install -m 644 docs/man/*.1 "$(sharedir)/man/man1"
	$(if $(DESTDIR),,@ldconfig 2>/dev/null || :)

clean: ## remove everything that was built
	rm -rf build build-* demo

deps: ## see that the Debian packages are there; install those that are not
	@tools/deps

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | \
	    awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

-include $(patsubst %.o,%.d,$(ENGINE) $(DEVICE) $(HUB) $(SUPPORT) \
    $(HUB_SUPPORT) $(SIM) $(FUZZ_SUPPORT) $(BENCH_SHARED)) $(UNITS:%=%.d) \
    $(FUZZERS:%=%.d) $(wildcard $(B)/device/main*.d $(B)/hub/main*.d \
    $(B)/tests/bench/main*.d)
