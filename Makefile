# postfix-virtual: the only entry. `make help` lists the targets.

VERSION = 0.1.0

# Where things go (GNU directory names; DESTDIR in front for packagers).
prefix ?= /usr/local
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib/postfix-virtual
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/postfix-virtual

# What it is built with. MUSL=no links virtual-deliver against glibc.
CC = gcc
MUSL_CC ?= musl-gcc
MUSL ?= yes
# plain: what is installed. test: without fortify, so that faults can be wrapped in. asan.
VARIANT ?= plain
B = build/$(VARIANT)
L = postfix-virtual/lib

WARN = -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wshadow -Wvla -Wwrite-strings -Wpointer-arith -Wcast-qual -Wformat=2 -Wundef -Wswitch-enum
HARDEN_plain = -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
HARDEN_test = -Og -g -U_FORTIFY_SOURCE
HARDEN_asan = -O1 -g -U_FORTIFY_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_plain = -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
LINK_test = -pie
LINK_asan = -pie -fsanitize=address,undefined
DEFS = -D_GNU_SOURCE -DPV_VERSION='"$(VERSION)"' -DPV_BINDIR='"$(bindir)"' -DPV_SBINDIR='"$(sbindir)"' -DPV_LIBDIR='"$(libdir)"'
BASE_CFLAGS = -std=c11 $(WARN) $(DEFS) -I$L -Ipostfix-virtual/include -include base/banned.h -MMD -MP
ALL_CFLAGS = $(BASE_CFLAGS) $(HARDEN_$(VARIANT)) -fPIE $(CFLAGS)
ALL_LDFLAGS = $(LINK_$(VARIANT)) $(LDFLAGS)
# Debian's musl cannot make a working static PIE. Small: each page of a program costs every delivery.
MUSL_CFLAGS = $(BASE_CFLAGS) -Os -g -fstack-protector-strong -fcf-protection -fno-pie -ffunction-sections -fdata-sections $(CFLAGS)
MUSL_LDFLAGS = -static -no-pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections $(LDFLAGS)
LIBS = -llmdb -lpcre2-8 -lidn2 -lunistring -lcrypt -ljansson -lresolv

# The library. What virtual-deliver needs is built a second time, by musl-gcc, and needs nothing else.
LIB_SRC = $(sort $(wildcard $L/*/*.c))
DELIVER_LIB_SRC = $(filter-out $L/address/idn.c $L/mailbox/maildrop%, $(filter $L/base/% $L/address/% $L/mailbox/% $L/route/%, $(LIB_SRC))) \
	$(addprefix $L/store/, store.c conf.c conf_kind.c registry.c registry_words.c size.c hosts.c folder.c folder_load.c passwd.c passwd_find.c passwd_lines.c passwd_reader.c full_name.c \
	mail_conf.c mail_settings.c mail_values.c mail_day.c alias_file.c alias_lines.c alias_scan.c alias_sift.c alias_index.c alias_target.c alias_plain.c command_line.c texts.c \
	encoded_word.c answer_text.c answer_files.c answered.c)
# What takes the place of functions of musl's is for the static program alone.
DELIVER_STATIC_SRC = virtual-deliver/known.c virtual-deliver/memory.c virtual-deliver/search.c
DELIVER_SRC = $(filter-out $(DELIVER_STATIC_SRC), $(sort $(wildcard virtual-deliver/*.c)))
MAPS_SRC = $(sort $(wildcard postfix-virtual/make-postfix-maps/*.c))
ADMIN_SRC = $(sort $(wildcard postfix-virtual/admin/*.c))
CHECKPASSWORD_SRC = $(sort $(wildcard postfix-virtual/checkpassword/*.c))
POP3D_SRC = $(sort $(wildcard gnu-pop3d-patch/virtual-pop3d/*.c))
# The module that is loaded into GNU pop3d, with what it needs of the library built position-independent.
MODULE_SRC = $(sort $(wildcard gnu-pop3d-patch/module/*.c))
PROGRAMS = $(if $(DELIVER_SRC),$B/virtual-deliver) $(if $(MAPS_SRC),$B/make-postfix-maps) $(if $(ADMIN_SRC),$B/postfix-virtual) \
	$(if $(CHECKPASSWORD_SRC),$B/virtual-checkpassword) $(if $(POP3D_SRC),$B/virtual-pop3d) $(if $(MODULE_SRC),$B/virtual-pop3d.so)
MAN8 = $(wildcard virtual-deliver/*.8 postfix-virtual/*/*.8 gnu-pop3d-patch/*/*.8)
MAN5 = $(wildcard postfix-virtual/*/*.5 $L/*/*.5)
SAMPLES := $(shell find samples -type f)
TESTS = $(patsubst %.c,$B/%,$(sort $(wildcard t/unit/*_test.c)))

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $1 $2)

.PHONY: all always deps test unit demo bench lint asan soak install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY:
all: $(PROGRAMS)

help:
	@sed -n 's/^#: //p' Makefile

# Everything is built again when the flags change: paths are compiled in, and `make install prefix=...` may say
# others than `make` did.
FLAGS := $(CC) $(ALL_CFLAGS) $(MUSL_CC) $(MUSL_CFLAGS) MUSL=$(MUSL)
ifneq ($(strip $(file <$B/flags)),$(strip $(FLAGS)))
$B/flags: always
endif
$B/flags:
	@$(shell mkdir -p $(@D))$(file >$@,$(FLAGS)):
always:

$B/obj/%.o: %.c $B/flags
	$(call say,CC,$<)
	$Q mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/musl/%.o: %.c $B/flags
	$(call say,MUSL,$<)
	$Q mkdir -p $(@D) && $(MUSL_CC) $(MUSL_CFLAGS) -c -o $@ $<

$B/libpostfix_virtual.a: $(LIB_SRC:%.c=$B/obj/%.o)
	$(call say,AR,$@)
	$Q rm -f $@ && ar rcs $@ $^

ifeq ($(MUSL)-$(VARIANT),yes-plain)
# Else the compiler makes a call of calloc() out of the malloc() and memset() in calloc().
$B/musl/virtual-deliver/memory.o: MUSL_CFLAGS += -fno-builtin -fcommon
$B/musl/virtual-deliver/search.o: MUSL_CFLAGS += -fno-builtin
$B/musl/virtual-deliver/deliver.o: MUSL_CFLAGS += -fcommon
$B/virtual-deliver: $(DELIVER_SRC:%.c=$B/musl/%.o) $(DELIVER_STATIC_SRC:%.c=$B/musl/%.o) $(DELIVER_LIB_SRC:%.c=$B/musl/%.o)
	$(call say,LINK,$@)
	$Q $(MUSL_CC) $(MUSL_CFLAGS) $(MUSL_LDFLAGS) -o $@ $^
else
$B/virtual-deliver: $(DELIVER_SRC:%.c=$B/obj/%.o) $(DELIVER_LIB_SRC:%.c=$B/obj/%.o)
	$(call say,LINK,$@)
	$Q $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^
endif

$B/make-postfix-maps: $(MAPS_SRC:%.c=$B/obj/%.o) $B/libpostfix_virtual.a
	$(call say,LINK,$@)
	$Q $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/postfix-virtual: $(ADMIN_SRC:%.c=$B/obj/%.o) $B/libpostfix_virtual.a
	$(call say,LINK,$@)
	$Q $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/virtual-checkpassword: $(CHECKPASSWORD_SRC:%.c=$B/obj/%.o) $B/libpostfix_virtual.a
	$(call say,LINK,$@)
	$Q $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/virtual-pop3d: $(POP3D_SRC:%.c=$B/obj/%.o) $B/libpostfix_virtual.a
	$(call say,LINK,$@)
	$Q $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/pic/%.o: %.c $B/flags
	$(call say,PIC,$<)
	$Q mkdir -p $(@D) && $(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -fvisibility=hidden -c -o $@ $<

$B/libpostfix_virtual_pic.a: $(LIB_SRC:%.c=$B/pic/%.o)
	$(call say,AR,$@)
	$Q rm -f $@ && ar rcs $@ $^

$B/virtual-pop3d.so: $(MODULE_SRC:%.c=$B/pic/%.o) $B/libpostfix_virtual_pic.a
	$(call say,LINK,$@)
	$Q $(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -shared $(filter-out -pie,$(ALL_LDFLAGS)) -Wl,--exclude-libs,ALL -o $@ $^ $(LIBS) -lmailutils

# A unit test links the library and the .c files of a program that it names in t/unit/links.mk.
-include t/unit/links.mk
$B/t/unit/%_test: $B/obj/t/unit/%_test.o $B/libpostfix_virtual.a
	$(call say,LINK,$@)
	$Q mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAP_$*)) -o $@ $< \
		$(filter %.o,$(LINK_$*:%=$B/obj/%.o)) $B/libpostfix_virtual.a -lcmocka $(LIBS)
comma = ,
$(foreach t,$(patsubst t/unit/%_test.c,%,$(wildcard t/unit/*_test.c)),$(eval $B/t/unit/$t_test: $(LINK_$t:%=$B/obj/%.o)))

#: all        build every program (default)
#: deps       install what building, running and testing need (Debian; asks on a terminal)
deps:
	t/deps all

#: test       install what is missing, then run every test (root)
test:
	t/deps all
	$(MAKE) -j$$(nproc) all unit-programs
	t/run

#: unit       unit tests alone
unit-programs:
	$(MAKE) VARIANT=test build-unit
build-unit: $(TESTS) all
unit: unit-programs
	t/run unit

#: demo       the whole thing for real, on loopback ports in a scratch folder (root)
demo:
	t/deps build run
	$(MAKE) all
	t/demo

#: bench      speed, peers in the same run
bench: all
	t/bench/run

#: lint       gcc -fanalyzer, clang-tidy, cppcheck, man pages, style
lint:
	t/lint

#: asan       every test under AddressSanitizer and UBSan
asan:
	$(MAKE) VARIANT=asan build-unit
	t/run --variant asan

#: soak       the slow proofs: long fuzzing, long random histories, more kills
soak: all
	t/soak

# Replaced by rename, so that a delivery that runs meanwhile sees the old or the new program.
install_program = install -m 0755 $1 $2.new && mv -f $2.new $2
install_file = install -m 0644 $1 $2.new && mv -f $2.new $2

# What people read names the paths that were chosen.
install_text = sed 's|/usr/local/bin|$(bindir)|g; s|/usr/local/sbin|$(sbindir)|g; s|/usr/local/lib/postfix-virtual|$(libdir)|g; s|/usr/local/share/doc/postfix-virtual|$(docdir)|g' $1 >$2.new && \
	chmod 0644 $2.new && mv -f $2.new $2

#: install    DESTDIR, prefix (default /usr/local)
install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(libdir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(docdir)/samples
	$(call install_program,$B/virtual-deliver,$(DESTDIR)$(bindir)/virtual-deliver)
	$(call install_program,$B/postfix-virtual,$(DESTDIR)$(sbindir)/postfix-virtual)
	$(call install_program,$B/make-postfix-maps,$(DESTDIR)$(sbindir)/make-postfix-maps)
	$(call install_program,$B/virtual-checkpassword,$(DESTDIR)$(bindir)/virtual-checkpassword)
	$(call install_program,$B/virtual-pop3d,$(DESTDIR)$(sbindir)/virtual-pop3d)
	$(call install_file,$B/virtual-pop3d.so,$(DESTDIR)$(libdir)/virtual-pop3d.so)
	for m in $(MAN8); do $(call install_text,$$m,$(DESTDIR)$(mandir)/man8/$${m##*/}) || exit 1; done
	for m in $(MAN5); do $(call install_text,$$m,$(DESTDIR)$(mandir)/man5/$${m##*/}) || exit 1; done
	install -d $(addprefix $(DESTDIR)$(docdir)/,$(sort $(dir $(SAMPLES))))
	for s in $(SAMPLES); do $(call install_text,$$s,$(DESTDIR)$(docdir)/$$s) || exit 1; done
	for s in README.md DESIGN.md CHANGES.md LICENSE; do $(call install_file,$$s,$(DESTDIR)$(docdir)/$$s) || exit 1; done
	[ -e $(DESTDIR)$(bindir)/virtual ] || [ -L $(DESTDIR)$(bindir)/virtual ] || ln -s virtual-deliver $(DESTDIR)$(bindir)/virtual

#: uninstall  remove what install put there; settings and mail stay
uninstall:
	rm -f $(DESTDIR)$(bindir)/virtual-deliver $(DESTDIR)$(sbindir)/postfix-virtual $(DESTDIR)$(sbindir)/make-postfix-maps
	rm -f $(DESTDIR)$(bindir)/virtual-checkpassword $(DESTDIR)$(sbindir)/virtual-pop3d
	rm -rf $(DESTDIR)$(libdir)
	rm -f $(addprefix $(DESTDIR)$(mandir)/man8/,$(notdir $(MAN8))) $(addprefix $(DESTDIR)$(mandir)/man5/,$(notdir $(MAN5)))
	rm -rf $(DESTDIR)$(docdir)
	[ "$$(readlink $(DESTDIR)$(bindir)/virtual)" != virtual-deliver ] || rm -f $(DESTDIR)$(bindir)/virtual

#: clean      remove build/
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
