# SPDX-License-Identifier: ISC
#
# make            build/release, the binaries that are installed
# make test       deps + check + check-sandbox + check-system + check-kill
#                 + check-xen
# make help       the rest
#
# CC, CPPFLAGS, CFLAGS and LDFLAGS given from outside are added to ours.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VERSION = 0.1

prefix        = /usr
exec_prefix   = $(prefix)
bindir        = $(exec_prefix)/bin
sbindir       = $(exec_prefix)/sbin
libexecdir    = $(exec_prefix)/libexec
datarootdir   = $(prefix)/share
mandir        = $(datarootdir)/man
docdir        = $(datarootdir)/doc/vpsh
sysconfdir    = /etc
localstatedir = /var
runstatedir   = /run
# systemd looks here, whatever the prefix is.
libdir_sys    = $(prefix)/lib
systemdunitdir = $(libdir_sys)/systemd/system
sysusersdir   = $(libdir_sys)/sysusers.d
tmpfilesdir   = $(libdir_sys)/tmpfiles.d

INSTALL    = install
PYTHON     = /usr/bin/python3
PKG_CONFIG = pkg-config

# --- flavours --------------------------------------------------------------

# release   what is installed
# asan      AddressSanitizer and UBSan; neither survives our seccomp lists,
#           so this build has none. With the points of base/point.h
# hijack    release plus those points and the hooks that turn against their
#           own sandbox; never installed
# fuzz      for clang's libFuzzer
FLAVOUR = release
B = build/$(FLAVOUR)

release_CPPFLAGS = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
release_CFLAGS   = -O2 -g -fstack-protector-strong -fPIE
release_LDFLAGS  = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

asan_CPPFLAGS = -DVPSH_NO_SECCOMP -DVPSH_TEST_POINTS
asan_CFLAGS   = -O1 -g -fno-omit-frame-pointer -fPIE \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined
asan_LDFLAGS  = -pie -fsanitize=address,undefined

hijack_CPPFLAGS = $(release_CPPFLAGS) -DVPSH_TEST_HOOKS -DVPSH_TEST_POINTS
hijack_CFLAGS   = $(release_CFLAGS)
hijack_LDFLAGS  = $(release_LDFLAGS)

fuzz_CPPFLAGS = -DVPSH_NO_SECCOMP
fuzz_CFLAGS   = -O1 -g -fno-omit-frame-pointer -fPIE -Wno-format-nonliteral \
		-fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined
fuzz_LDFLAGS  = -pie

ifeq ($(origin $(FLAVOUR)_CFLAGS),undefined)
$(error FLAVOUR is release, asan, hijack or fuzz, not "$(FLAVOUR)")
endif

WARNINGS = -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow \
	   -Wvla -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	   -Wunused-result
WERROR   =

# V=1 shows the whole commands.
V   =
say = $(if $(V),,@echo '  $(1)';)

# Where the programs look at run time.
PATH_DEFS = -DVPSH_ETC='"$(sysconfdir)/vpsh"' \
	    -DVPSH_VAR='"$(localstatedir)/lib/vpsh"' \
	    -DVPSH_RUN='"$(runstatedir)/vpsh"' \
	    -DVPSH_LOG='"$(localstatedir)/log/vpsh"' \
	    -DVPSH_LIBEXEC='"$(libexecdir)/vpsh"' \
	    -DVPSH_BIN='"$(bindir)/vpsh"' \
	    -DVPSH_SBIN='"$(sbindir)"'

# One version string for all programs: inner channels demand an equal build.
GIT_ID := $(shell git -C $(CURDIR) rev-parse --short=10 HEAD 2>/dev/null)
BUILD_ID = $(VERSION)$(if $(GIT_ID),-g$(GIT_ID))

# Asked once, and not before the first use: `make deps` has to run without.
once = $(or $($(1)_value),$(eval $(1)_value := $$(shell $(2)))$($(1)_value))
BASE_PC   = libseccomp libcap libevent_core
POLICY_PC = libconfig
XEN_PC    = xenlight xenstore xentoollog
MENU_PC   = ncursesw
UNIT_PC   = cmocka

PKG_CFLAGS  = $(call once,pkg_cflags,$(PKG_CONFIG) --cflags \
		$(BASE_PC) $(POLICY_PC) $(XEN_PC))
BASE_LIBS   = $(call once,base_libs,$(PKG_CONFIG) --libs $(BASE_PC))
POLICY_LIBS = $(call once,policy_libs,$(PKG_CONFIG) --libs $(POLICY_PC))
MENU_LIBS   = $(call once,menu_libs,$(PKG_CONFIG) --libs $(MENU_PC))
XEN_LIBS    = $(call once,xen_libs,$(PKG_CONFIG) --libs $(XEN_PC))
UNIT_LIBS   = $(call once,unit_libs,$(PKG_CONFIG) --libs $(UNIT_PC))

OUR_CPPFLAGS = -D_GNU_SOURCE -I. $($(FLAVOUR)_CPPFLAGS) $(PATH_DEFS)
OUR_CFLAGS   = -std=c11 $($(FLAVOUR)_CFLAGS) $(WARNINGS) \
	       $(if $(filter 1,$(WERROR)),-Werror)
OUR_LDFLAGS  = $($(FLAVOUR)_LDFLAGS) -Wl,--as-needed

COMPILE = $(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(OUR_CFLAGS) $(PKG_CFLAGS) \
	  $(CFLAGS)
LINK    = $(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS)

# --- what there is ---------------------------------------------------------

FOLDERS = base wire policy broker console domain store menu shell ctl

# Program mains are in no library: shell/main.c is vpsh, and so on.
MAINS = shell/main.c broker/vpshd.c broker/main.c console/main.c \
	domain/main.c store/main.c ctl/keys.c ctl/main.c

# The supervisor is root and the broker is not: two programs from one folder,
# and each is linked with its own files only.
src_vpshd  := $(filter-out $(MAINS),$(wildcard broker/vpshd*.c))
src_broker := $(filter-out $(MAINS) $(src_vpshd),$(wildcard broker/*.c))
$(foreach d,$(filter-out broker,$(FOLDERS)),\
	$(eval src_$(d) := $(filter-out $(MAINS),$(wildcard $(d)/*.c))))

LIBRARIES = $(FOLDERS) vpshd
# $(call lib,NAMES): the archives of those that have any source.
lib = $(foreach d,$(1),$(if $(src_$(d)),$(B)/lib$(d).a))

# NAME|main|libraries|external libraries
BINARIES = vpsh vpshd vpshctl vpsh-broker vpsh-console vpsh-domain vpsh-store \
	   vpsh-keys
main_vpsh         = shell/main.c
libs_vpsh         = shell menu wire base
main_vpshd        = broker/vpshd.c
libs_vpshd        = vpshd policy wire base
main_vpshctl      = ctl/main.c
libs_vpshctl      = ctl policy wire base
main_vpsh-broker  = broker/main.c
libs_vpsh-broker  = broker policy wire base
main_vpsh-console = console/main.c
libs_vpsh-console = console wire base
main_vpsh-domain  = domain/main.c
libs_vpsh-domain  = domain policy wire base
main_vpsh-store   = store/main.c
libs_vpsh-store   = store policy wire base
main_vpsh-keys    = ctl/keys.c
libs_vpsh-keys    = ctl policy wire base
# Only domain/ may be linked with libxl and libxenstore.
external = $(if $(filter domain,$(1)),$(XEN_LIBS)) \
	   $(if $(filter menu,$(1)),$(MENU_LIBS)) \
	   $(if $(filter policy,$(1)),$(POLICY_LIBS)) $(BASE_LIBS)

PROGRAMS := $(foreach p,$(BINARIES),$(if $(wildcard $(main_$(p))),$(p)))

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

C_FILES := $(wildcard $(FOLDERS:%=%/*.[ch]) tests/unit/*.[ch] tests/lib/*.[ch] \
	     tests/xen/*.[ch] tests/sandbox/*.[ch] tests/sim/*.[ch] \
	     tests/fuzz/*.[ch] tests/bench/*.[ch])

# --- targets ---------------------------------------------------------------

all: $(PROGRAMS:%=$(B)/%) $(call lib,$(LIBRARIES))

unit: $(UNIT_BIN)

help:
	@echo "make [FLAVOUR=release|asan|hijack]   build into build/FLAVOUR"
	@echo "make demo                            vpsh on a simulated host; no Xen"
	@echo "make sim                             a simulated host, for the tests"
	@echo "make deps                            install the Debian packages needed"
	@echo "make check                           lint, unit and flow tests; no root"
	@echo "make check-sandbox                   release binaries with seccomp"
	@echo "make check-system                    real sshd and accounts; root"
	@echo "make check-kill                      every process killed, a selection"
	@echo "make check-kill-full [SOAK=1800]     everywhere, and at random"
	@echo "make check-xen                       real Xen under QEMU"
	@echo "make check-xen-full                  and killed, and cut off from power"
	@echo "make test                            all of these; T=PATTERN picks by name"
	@echo "make lint, make format, make clean"
	@echo "make fuzz-NAME [SECONDS=60]          $(FUZZ:%=fuzz-%)"
	@echo "make xen-lab                         boot Xen and log in as a customer"
	@echo "make bench-console                   the byte path, beside others"
	@echo "make bench-live                      how soon a change is shown"
	@echo "make bench-menu                      paint, memory, idle sessions"
	@echo "make screens                         docs/screens, from a real run"
	@echo "make install, make uninstall         DESTDIR, prefix, sysconfdir, ..."

# Whatever goes into an object beside its source; changes when a flag does.
$(B)/flags: FORCE
	@$(shell mkdir -p $(@D))$(file >$@.new,$(COMPILE) : $(LINK))cmp -s $@.new $@ && \
	    rm -f $@.new || mv $@.new $@

$(B)/build-id: FORCE
	@$(shell mkdir -p $(@D))$(file >$@.new,$(BUILD_ID))cmp -s $@.new $@ && \
	    rm -f $@.new || mv $@.new $@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(COMPILE) -DVPSH_BUILD='"$(BUILD_ID)"' -MMD -MP -c -o $@ $<

# Only what names the version is compiled again after a commit.
names_build := $(shell grep -ls VPSH_BUILD \
		 $(filter $(FOLDERS:%=%/%),$(C_FILES)) /dev/null)
ifneq ($(filter %.h,$(names_build)),)
names_build := $(filter %.c,$(C_FILES))
endif
$(patsubst %.c,$(B)/obj/%.o,$(filter %.c,$(names_build))): $(B)/build-id

define library
$(B)/lib$(1).a: $(src_$(1):%.c=$(B)/obj/%.o)
	@rm -f $$@
	$$(call say,AR $$@)$$(AR) rcsD $$@ $$^
endef
$(foreach d,$(LIBRARIES),$(if $(src_$(d)),$(eval $(call library,$(d)))))

define program
$(B)/$(1): $(main_$(1):%.c=$(B)/obj/%.o) $(call lib,$(libs_$(1)))
	$$(call say,LD $$@)$$(LINK) -o $$@ $$^ $$(call external,$(libs_$(1)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# A unit test may reach into every folder; the Xen libraries come with
# those that test domain/ only.
UNIT_WRAP = $(B)/obj/tests/lib/unit.o
unit_libs_of = $(call lib,$(if $(filter test_domain_%,$(1)),$(LIBRARIES),\
		 $(filter-out domain,$(LIBRARIES))))
define unit_program
$(B)/unit/$(1): $(B)/obj/tests/unit/$(1).o $(UNIT_WRAP) \
    $(call unit_libs_of,$(1))
	@mkdir -p $$(@D)
	$$(call say,LD $$@)$$(LINK) -Wl,--wrap=_cmocka_run_group_tests -o $$@ \
	    $$(filter %.o,$$^) \
	    -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	    $$(UNIT_LIBS) \
	    $$(call external,policy menu \
	    $(if $(filter test_domain_%,$(1)),domain))
endef
$(foreach t,$(notdir $(UNIT_BIN)),$(eval $(call unit_program,$(t))))

# --- fuzz ------------------------------------------------------------------

# A target a parser; `check` runs each with a driver of our own for a moment,
# `make fuzz-NAME` with libFuzzer where there is clang.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CLANG := $(if $(filter fuzz-%,$(MAKECMDGOALS)),$(shell command -v clang))
SECONDS = 60

fuzz: $(FUZZ:%=$(B)/fuzz/%)

$(B)/fuzz/%: $(B)/obj/tests/fuzz/fuzz_%.o \
    $(call lib,shell menu policy wire base) \
    $(if $(filter fuzz,$(FLAVOUR)),,$(B)/obj/tests/fuzz/driver.o)
	@mkdir -p $(@D)
	$(call say,LD $@)$(LINK) -o $@ $(filter %.o,$^) \
	    $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer) \
	    -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	    $(call external,policy menu)

# What it finds new goes into build/fuzz/corpus, what breaks it to build/fuzz.
$(FUZZ:%=fuzz-%): fuzz-%:
	@mkdir -p build/fuzz/corpus/$*
	+@$(if $(FUZZ_CLANG),$(MAKE) CC=clang FLAVOUR=fuzz build/fuzz/fuzz/$* && \
	    build/fuzz/fuzz/$* -max_total_time=$(SECONDS) -max_len=16384 \
	    -artifact_prefix=build/fuzz/ -print_final_stats=1 \
	    build/fuzz/corpus/$* tests/fuzz/corpus/$*,$(MAKE) FLAVOUR=asan \
	    build/asan/fuzz/$* && TMPDIR=build/fuzz build/asan/fuzz/$* \
	    -seconds=$(SECONDS) -seed=$$(date +%s) tests/fuzz/corpus/$*)

.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# --- sim -------------------------------------------------------------------

# A simulated host, for tests and the demo; nothing of it is installed. What
# stands for the hypervisor is below libxl: vpsh-domain is linked once more,
# from the very same objects, with libsimxen.so in front of libxl, and so is
# whatever of Debian's Xen tools it is preloaded into. No sanitizer in that
# library, for their sake.
SIM = $(B)/sim
sim_lib     = redirect hypercall build refused events ring
sim_simxen  = simxen history ring
sim_simdom0 = dom0
sim_simguest = guest guest_command guest_shell guest_store ring
sim_xenconsoled = consoled ring
sim_hotplug = hotplug
sim_xl      = xl
SIM_PROGRAMS = simxen simdom0 simguest xenconsoled hotplug xl
SIM_CFLAGS  = -std=gnu11 -O2 -g -fPIC $(WARNINGS) \
	      $(if $(filter 1,$(WERROR)),-Werror)

sim_debian  = xen-init-dom0 xenconsole xenstored xl

sim: all $(SIM)/libsimxen.so $(SIM)/vpsh-domain $(SIM_PROGRAMS:%=$(SIM)/%) \
    $(sim_debian:%=$(SIM)/xen/%)

build/sim-host/done:
	tests/sim/unpack

$(SIM)/xen/%: build/sim-host/done
	@mkdir -p $(@D)
	@cp build/sim-host/root/usr/lib/xen-4.17/bin/$* $@

$(B)/obj/pic/%.o: tests/sim/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) -D_GNU_SOURCE -I. $(SIM_CFLAGS) $(PKG_CFLAGS) \
	    -MMD -MP -c -o $@ $<

$(SIM)/libsimxen.so: $(sim_lib:%=$(B)/obj/pic/%.o)
	@mkdir -p $(@D)
	$(call say,LD $@)$(CC) -shared -Wl,-z,relro -o $@ $^

$(SIM)/vpsh-domain: $(main_vpsh-domain:%.c=$(B)/obj/%.o) \
    $(call lib,$(libs_vpsh-domain)) $(SIM)/libsimxen.so
	$(call say,LD $@)$(LINK) -o $@ $(filter-out %.so,$^) \
	    -Wl,--no-as-needed -L$(SIM) -lsimxen -Wl,--as-needed \
	    -Wl,-rpath,'$$ORIGIN' $(call external,$(libs_vpsh-domain))

define sim_program
$(SIM)/$(1): $(sim_$(1):%=$(B)/obj/tests/sim/%.o) $(call lib,base)
	@mkdir -p $$(@D)
	$$(call say,LD $$@)$$(LINK) -o $$@ $$^ $$(BASE_LIBS) $$(XEN_LIBS)
endef
$(foreach p,$(SIM_PROGRAMS),$(eval $(call sim_program,$(p))))

# --- bench -----------------------------------------------------------------

# What the benchmark of the console needs that python would be too slow for.
BENCH_PROGRAMS = source terminal viewers

bench: all sim $(BENCH_PROGRAMS:%=$(B)/bench/%)

$(BENCH_PROGRAMS:%=$(B)/bench/%): $(B)/bench/%: $(B)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	$(call say,LD $@)$(LINK) -o $@ $^

# A conserver of Debian's is run beside it; docs/BENCHMARK.md.
bench-console:
	@tests/lib/deps demo
	@tests/bench/unpack
	+@$(MAKE) bench
	@VPSH_BIN_DIR='$(CURDIR)/$(B)' $(PYTHON) tests/bench/console.py

# From an event on the host to the customer who is shown it.
bench-live:
	@tests/lib/deps demo
	+@$(MAKE) sim
	@VPSH_BIN_DIR='$(CURDIR)/$(B)' $(PYTHON) tests/bench/live.py

# First paint, memory and idle time of the menu, beside bash and `xl list`.
bench-menu:
	@tests/lib/deps demo
	+@$(MAKE) sim
	@VPSH_BIN_DIR='$(CURDIR)/$(B)' $(PYTHON) tests/bench/menu.py

# --- tests -----------------------------------------------------------------

# Seconds of random kills, if not as many as tests/run has it.
SOAK =

# tests/run builds what a part needs, runs it and sums up; it goes on after
# a part that fails and ends with one line `N passed, N failed`.
RUN = +@T='$(T)' SOAK='$(SOAK)' $(PYTHON) tests/run --make '$(MAKE)'

check check-sandbox check-system check-kill check-kill-full check-xen \
    check-xen-full lint:
	$(RUN) $@

test:
	@test -x $(PYTHON) || tests/lib/deps
	$(RUN) deps check check-sandbox check-system check-kill check-xen

deps:
	@tests/lib/deps

demo:
	@tests/lib/deps demo
	+@$(MAKE) FLAVOUR=release sim
	@$(PYTHON) tests/demo/demo.py

# The pictures of the README.
screens:
	@tests/lib/deps
	+@$(MAKE) sim
	@VPSH_BIN_DIR='$(CURDIR)/$(B)' $(PYTHON) tests/demo/screens.py

# Headers are laid out by hand: aligned columns are what makes them readable.
format:
	clang-format -i --style=file $(filter %.c,$(C_FILES))

xen-lab:
	+@$(PYTHON) tests/xen/lab.py

clean:
	rm -rf build

# --- install ---------------------------------------------------------------

D = $(DESTDIR)
EXAMPLES = $(docdir)/examples
MAN_PAGES = $(wildcard docs/*.[1-8])
DOCS = $(wildcard README.md LICENSE docs/*.md)

SUBST = sed -e 's|@bindir@|$(bindir)|g' -e 's|@sbindir@|$(sbindir)|g' \
	    -e 's|@libexecdir@|$(libexecdir)|g' -e 's|@docdir@|$(docdir)|g' \
	    -e 's|@sysconfdir@|$(sysconfdir)|g' \
	    -e 's|@localstatedir@|$(localstatedir)|g' \
	    -e 's|@runstatedir@|$(runstatedir)|g'

# FROM|TO|MODE for everything that is installed; `uninstall` reads the same
# list. A FROM that ends in .in has its @paths@ filled in.
installed = \
	$(foreach p,$(filter vpsh,$(PROGRAMS)),$(B)/$(p)|$(bindir)/$(p)|755) \
	$(foreach p,$(filter vpshd vpshctl,$(PROGRAMS)),\
	    $(B)/$(p)|$(sbindir)/$(p)|755) \
	$(foreach p,$(filter vpsh-%,$(PROGRAMS)),\
	    $(B)/$(p)|$(libexecdir)/vpsh/$(p)|755) \
	$(foreach f,$(wildcard etc/systemd/*.in),\
	    $(f)|$(systemdunitdir)/$(notdir $(f:.in=))|644) \
	etc/sysusers.conf.in|$(sysusersdir)/vpsh.conf|644 \
	etc/tmpfiles.conf.in|$(tmpfilesdir)/vpsh.conf|644 \
	$(foreach f,$(shell find etc/examples -type f | LC_ALL=C sort),\
	    $(f)|$(EXAMPLES)/$(patsubst etc/examples/%,%,$(f:.in=))|644) \
	$(foreach f,$(DOCS),$(f)|$(docdir)/$(notdir $(f))|644) \
	$(foreach m,$(MAN_PAGES),\
	    $(m)|$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))|644)

install: all
	@set -e; $(foreach i,$(installed),$(call install_one,$(subst |, ,$(i)));) \
	:
	@# The operator's own file is never written over.
	@test -e '$(D)$(sysconfdir)/vpsh/vpsh.conf' || \
	    $(INSTALL) -D -m 644 etc/vpsh.conf '$(D)$(sysconfdir)/vpsh/vpsh.conf'

install_one = $(call install_as,$(word 1,$(1)),$(word 2,$(1)),$(word 3,$(1)))
install_as = $(INSTALL) -d -m 755 '$(D)$(dir $(2))'; \
	$(if $(filter %.in,$(1)),$(SUBST) '$(1)' >'$(D)$(2)'; \
	chmod $(3) '$(D)$(2)',$(INSTALL) -m $(3) '$(1)' '$(D)$(2)')

# What was put there goes, and folders that are ours alone when they are
# empty; the operator's configuration, state and logs stay.
uninstall:
	@set -e; $(foreach i,$(installed),\
	    rm -f '$(D)$(word 2,$(subst |, ,$(i)))';) :
	@if cmp -s etc/vpsh.conf '$(D)$(sysconfdir)/vpsh/vpsh.conf'; then \
	    rm -f '$(D)$(sysconfdir)/vpsh/vpsh.conf'; fi
	@test ! -d '$(D)$(docdir)' || find '$(D)$(docdir)' -type d -empty -delete
	@for d in '$(D)$(libexecdir)/vpsh' '$(D)$(sysconfdir)/vpsh'; do \
	    test ! -d "$$d" || rmdir --ignore-fail-on-non-empty "$$d"; done

FORCE:
.PHONY: all unit fuzz $(FUZZ:%=fuzz-%) sim demo screens help bench \
	    bench-console bench-live bench-menu \
	    test check check-sandbox \
	    check-kill check-kill-full \
	check-system check-xen check-xen-full lint deps format xen-lab clean install \
	uninstall FORCE
