#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole of `syscare build --kernel` on a kernel of two files and a module, which is compiled here in a second: what a fix of several files becomes, and what
# only shows when files are joined. Its Makefile does what kbuild does for the builder. TAP on standard output. usage: small-kernel-test.sh SYSCARE
# shellcheck disable=SC2016 # "$a" is for sed
set -u
syscare=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
tree=$work/tree
mkdir -p "$tree"/{kernel,drivers,include/{linux,asm-generic}} "$work"/{headers,modules,objects}

cat >"$tree/include/linux/livepatch.h" <<'END'
#pragma once
#include <linux/gfp.h>
struct module { struct { u8 *base; unsigned int size, text_size, ro_size; } core_layout; };
struct klp_func { const char *old_name; void *new_func; unsigned long old_sympos; };
struct klp_object;
struct klp_callbacks { int (*pre_patch)(struct klp_object *); void (*post_patch)(struct klp_object *), (*pre_unpatch)(struct klp_object *), (*post_unpatch)(struct klp_object *); };
struct klp_object { const char *name; struct klp_func *funcs; struct klp_callbacks callbacks; struct module *mod; };
struct klp_patch { void *mod; struct klp_object *objs; _Bool replace; };
int klp_enable_patch(struct klp_patch *);
void *klp_shadow_get(void *, unsigned long), *klp_shadow_get_or_alloc(void *, unsigned long, unsigned long, gfp_t, void *, void *);
void klp_shadow_free(void *, unsigned long, void *), klp_shadow_free_all(unsigned long, void *);
END
cat >"$tree/include/linux/gfp.h" <<'END'
#ifndef TYPES
#define TYPES
typedef unsigned int gfp_t;
typedef unsigned char u8;
typedef _Bool bool;
#define NULL ((void *)0)
#define __used __attribute__((used))
#define __maybe_unused __attribute__((unused))
#define __section(name) __attribute__((section(name)))
#endif
END
touch "$tree"/include/linux/{elf,mm,vmalloc}.h
printf '#define LINUX_VERSION_CODE 6\n#define KERNEL_VERSION(a, b, c) 7\n' >"$tree/include/linux/version.h"
cat >"$tree/include/linux/module.h" <<'END'
#include <linux/gfp.h>
#define true 1
#define ENOEXEC 8
#define pr_err(text) printk(text, 0)
int printk(const char *, int);
#define false 0
#define __init
#define __exit
#define THIS_MODULE NULL
#define module_init(function) int init_module(void) __attribute__((alias(#function)));
#define module_exit(function) void cleanup_module(void) __attribute__((alias(#function)));
#define MODULE_INFO(tag, text) static const char info_##tag[] __used __section(".modinfo") = #tag "=" text
#define MODULE_LICENSE(text) MODULE_INFO(license, text)
#define MODULE_DESCRIPTION(text) MODULE_INFO(description, text)
END
cat >"$tree/include/linux/shared.h" <<'END'
#define noinline __attribute__((noinline, noclone))
#define notrace __attribute__((no_instrument_function))
extern int counter;
int printk(const char *, int);
int outer(int);
int inner(int);
static inline int limit(int x)
{
	return x > 100 ? 100 : x;
}
END
cat >"$tree/kernel/outer.c" <<'END'
#include <linux/shared.h>
static int calls = 1;
static noinline notrace int body(int x)
{
	printk("body", x);
	return x + calls++;
}
static noinline int helper(int x)
{
	printk("outer's helper", x);
	return x * 3;
}
int outer(int x)
{
	printk("outer", limit(x));
	return body(x) + helper(x);
}
int another(int x)
{
	return body(x + 1) - helper(x);
}
END
cat >"$tree/kernel/inner.c" <<'END'
#include <linux/shared.h>
struct record {
	int a;
};
int counter = 5;
int record(struct record *r)
{
	return printk("record", r->a);
}
static noinline int helper(int x)
{
	printk("inner's helper", x);
	return x * 5 + counter;
}
int inner(int x)
{
	printk("inner", limit(x));
	return helper(x) + 1;
}
noinline int printk(const char *text, int x)
{
	asm volatile ("" ::: "memory");
	return text[0] + x;
}
END
cat >"$tree/kernel/part.c" <<'END'
static noinline int part(int x)
{
	printk("part", x);
	return whole(x) * 7;
}
END
cat >"$tree/kernel/whole.c" <<'END'
#include <linux/shared.h>
#include <asm/wrapped.h>
static noinline int whole(int x)
{
	return wrapped(x) + counter;
}
# include "part.c"
int total(int x)
{
	return part(x) + whole(x);
}
END
cat >"$tree/include/asm-generic/wrapped.h" <<'END'
static inline int wrapped(int x)
{
	return x + 40;
}
END
cat >"$tree/drivers/driver.c" <<'END'
#include <linux/shared.h>
int probe(int x)
{
	printk("probe", x);
	return outer(x);
}
END
cat >"$tree/Makefile" <<'END'
# As kbuild does it: objects are beside their folder's name in O, with a .cmd file that says how.
FLAGS := -O2 -mcmodel=kernel -fno-pie -fno-asynchronous-unwind-tables -fcf-protection=none -fno-jump-tables -D__KERNEL__ -I$(CURDIR)/include -I$(O)/arch/x86/include/generated
TRACED := -pg -mfentry -mrecord-mcount
kernelversion:
	@echo 6.1.0
olddefconfig:
	@:
prepare modules_prepare:
	@mkdir -p $(O)/scripts $(O)/kernel $(O)/drivers $(O)/arch/x86/include/generated/asm
	@echo '#include <asm-generic/wrapped.h>' >$(O)/arch/x86/include/generated/asm/wrapped.h
	@ ln -sf "$$(ls -d /lib/modules/*/build/scripts/sign-file | head -1)" $(O)/scripts/sign-file
kernel/%.o: kernel/%.c
	@gcc $(FLAGS) $(TRACED) -DKBUILD_MODNAME='"$*"' -c -o $(O)/$@ $(CURDIR)/$<
	@printf '%s\n' "cmd_$@ := gcc $(FLAGS) $(TRACED) -DKBUILD_MODNAME='\"$*\"' -c -o $(O)/$@ $(CURDIR)/$<" >$(O)/kernel/.$*.o.cmd
drivers/%.o: drivers/%.c
	@gcc $(FLAGS) $(TRACED) -DMODULE -DKBUILD_MODNAME='"$*"' -c -o $(O)/$@ $(CURDIR)/$<
	@printf '%s\n' "cmd_$@ := gcc $(FLAGS) $(TRACED) -DMODULE -DKBUILD_MODNAME='\"$*\"' -c -o $(O)/$@ $(CURDIR)/$<" >$(O)/drivers/.$*.o.cmd
ifdef M
include $(M)/Makefile
modules:
	@gcc $(FLAGS) -c -o $(M)/hook.o $(M)/hook.c
	@ld -r -o $(M)/$(obj-m:.o=.ko) $(M)/hook.o $(M)/*.o_shipped
endif
END

# The kernel as it was shipped.
fentry=$work/fentry.s
printf '.section .note.GNU-stack,"",@progbits\n.globl __fentry__, klp_enable_patch\n.text\n__fentry__: ret\nklp_enable_patch: ret\n' >"$fentry"
make -s -C "$tree" O="$work/objects" prepare
link() { # link: vmlinux, of what is compiled
    ld -Ttext=0xffffffff81000000 -e0 --build-id -o "$work/vmlinux" "$work/fentry.o" "$work"/objects/kernel/{outer,inner,whole}.o
}
mkdir -p "$work/modules/kernel/drivers"
if ! make -s -C "$tree" O="$work/objects" kernel/outer.o kernel/inner.o kernel/whole.o drivers/driver.o || ! as -o "$work/fentry.o" "$fentry" || ! link ||
    ! ld -r --build-id -o "$work/modules/kernel/drivers/driver.ko" "$work/objects/drivers/driver.o"; then
    echo "Bail out! the small kernel can't be compiled"
    exit 1
fi
printf '%s\n' "CONFIG_CC_VERSION_TEXT=\"$(gcc --version | head -1)\"" CONFIG_LIVEPATCH=y >"$work/headers/.config"
printf '0x1\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t%s\n' printk SMALL outer "" __fentry__ "" klp_enable_patch "" >"$work/headers/Module.symvers"

fix() { # fix FILE SED-SCRIPT ...: a fix that edits files, in $work/fix.patch
    rm -rf "$work/a" "$work/b"
    cp -r "$tree" "$work/a"
    cp -r "$tree" "$work/b"
    while [ $# -gt 0 ]; do
        sed -i "$2" "$work/b/$1"
        shift 2
    done
    (cd "$work" && diff -urN a b >fix.patch)
}
build() { # build OPTION...
    rm -rf "$work/output"
    "$syscare" build --kernel 6.1.0-small --source "$tree" --kernel-headers "$work/headers" --kernel-modules "$work/modules" --debuginfo "$work/vmlinux" \
        --cache "$work/cache" --patch "$work/fix.patch" --output "$work/output" "$@" >"$work/said" 2>&1
}
result() { # result STATUS NAME
    count=$((count + 1))
    if [ "$1" = 0 ]; then echo "ok $count - $2"; else
        echo "not ok $count - $2"
        sed 's/^/# /' "$work/said"
    fi
}
functions() { # the names of the built patch's functions: "changed:outer carried:body", sorted
    "$syscare" inspect "$work"/output/* >"$work/said" 2>&1
    awk '$2 == "changed" || $2 == "new" || $2 == "carried" { print $2 ":" $1 }' "$work/said" | sort | tr '\n' ' '
}
is() { # is WHAT EXPECTED
    [ "$1" = "$2" ] || { printf 'not "%s"\n' "$1" >>"$work/said"; return 1; }
}
builds() { # builds NAME FUNCTIONS [OPTION...]
    local name=$1 expected=$2
    shift 2
    build "$@" && is "$(functions)" "$expected"
    result $? "$name"
}
refused() { # refused NAME STATUS WORDS [OPTION...]
    build "${@:4}"
    local status=$?
    echo "status $status" >>"$work/said"
    [ $status = "$2" ] && grep -qF -- "$3" "$work/said" && ! ls "$work"/output/* >/dev/null 2>&1
    result $? "refused: $1"
}
symbols() { # what the built module leaves to livepatch
    readelf -sW "$work"/output/*/*.ko | grep -o '\.klp\.sym\.[^ ]*' | sort -u | tr '\n' ' '
}

fix kernel/outer.c 's/printk("outer", limit/printk("the outer", limit/'
builds "one file" "changed:outer "
is "$(symbols)" ".klp.sym.vmlinux.body,0 .klp.sym.vmlinux.helper,1 "
result $? "what it refers to keeps its place: a static function of a name that is there twice is the first one"
is "$(modinfo -F import_ns "$work"/output/*/*.ko)" SMALL
result $? "it imports the name space of a symbol that is exported in one"
fix kernel/inner.c 's/return helper(x) + 1/return helper(x) + 2/'
build && is "$(symbols)" ".klp.sym.vmlinux.helper,2 "
result $? "and in the other file it is the second one"
fix kernel/outer.c 's/printk("body", x)/printk("body", limit(x))/'
builds "callers of a function without fentry are replaced; that it is carried is told" "carried:body changed:another changed:outer "
fix kernel/outer.c 's/return x \* 3/return x * added(x)/' include/linux/shared.h 's/^int inner(int);/&\nint added(int);/' kernel/inner.c '$a int added(int x)\n{\n\treturn x + counter;\n}'
builds "several files: one calls what the other one adds" "changed:helper new:added "
fix include/linux/shared.h 's/x > 100 ? 100 : x/x > 50 ? 50 : x/'
builds "a header: each file that includes it" "changed:inner changed:outer "
fix kernel/part.c 's/whole(x) \* 7/whole(x) * 9/'
builds "a source file that isn't compiled by itself: the one that includes it" "changed:part "
fix include/asm-generic/wrapped.h 's/x + 40/x + 41/'
builds "a header that files only include by way of a generated one" "changed:whole "
fix kernel/inner.c 's/return helper(x) + 1/return helper(x) + 2/'
cp "$work/fix.patch" "$work/first.patch"
fix drivers/driver.c 's/return outer(x)/return outer(x) + 1/'
builds "two fixes, of vmlinux and of a module, are one patch" "changed:inner changed:probe " --patch "$work/first.patch"
driver=$(readelf -n "$work/modules/kernel/drivers/driver.ko" | awk '/Build ID/ { print $3 }')
[ -n "$driver" ] && grep -aq "for another build of the module driver (Build-ID $driver)" "$work"/output/*/*.ko && ! grep -aq "for another build of the module vmlinux" "$work"/output/*/*.ko
result $? "which looks at the build of the module that comes"
fix drivers/driver.c 's/return outer(x)/return outer(added(x))/' include/linux/shared.h 's/^int inner(int);/&\nint added(int);/' kernel/inner.c '$a int added(int x)\n{\n\treturn x + counter;\n}'
builds "a module calls what vmlinux gets" "changed:probe new:added "
fix kernel/inner.c 's/return helper(x) + 1/return added(x)/' include/linux/shared.h 's/^int inner(int);/&\nint added(int);/' drivers/driver.c '$a int added(int x)\n{\n\treturn x + 3;\n}'
refused "vmlinux calls what a module gets" 7 "added, which the fix adds to a module that may not be loaded"

callback='$a #include <linux/gfp.h>\n#include <syscare-patch.h>\nstatic int before(struct klp_object *object)\n{\n\treturn 0;\n}\nSYSCARE_PRE_PATCH(before);'
fix kernel/outer.c "s/\"outer\", limit/\"the outer\", limit/;$callback"
builds "a callback" "changed:outer new:before "
fix kernel/outer.c "s/\"outer\", limit/\"the outer\", limit/;$callback" kernel/inner.c "s/\"inner\", limit/\"the inner\", limit/;$callback"
refused "two callbacks of one kind for vmlinux" 7 "the pre_patch callback of vmlinux: two of one kind"
fix kernel/outer.c "s/\"outer\", limit/\"the outer\", limit/" drivers/driver.c "$callback"
refused "a callback of a module that nothing changes of" 7 "the pre_patch callback of driver"
fix kernel/outer.c "s/\"outer\", limit/\"the outer\", limit/;$callback" drivers/driver.c "s/\"probe\"/\"the probe\"/;$callback"
builds "one callback of each kernel object" "changed:outer changed:probe new:before new:before "

fix kernel/outer.c 's/printk("outer", limit/printk("the outer", limit/'
refused "a name that can't be one" 2 "a patch's name is letters" --name 'a/b'
refused "a module's source that isn't there" 2 "not a folder" --module-source "$work/nowhere"
sed -i 's/outer\.c/nowhere.c/' "$work/fix.patch"
refused "a fix of a file that this source doesn't have" 8 "kernel/nowhere.c: this source has no such file"
fix kernel/outer.c 's/printk("outer", limit(x))/printk("the outer" limit(x))/'
refused "what doesn't compile" 8 "kernel/outer.c with the fix"
fix kernel/outer.c 's/static int calls = 1/static int calls = 2/'
refused "another initial value" 7 '"calls": the fix changes its initial value'
fix kernel/inner.c 's/^\tint a;/&\n\tint b;/; s/r->a)/r->a + 1)/'
refused "another layout of what is in memory, whether or not the kernel is compiled with debug information" 7 'kernel/inner.c: struct record: the fix changes its layout ("b" is new in it)'
fix kernel/outer.c 's/printk("outer", limit/printk("the outer", limit/'
cp "$work/vmlinux" "$work/vmlinux.shipped"
sed -i 's/x \* 3/x * 7/' "$tree/kernel/outer.c"
make -s -C "$tree" O="$work/objects" kernel/outer.o
link
sed -i 's/x \* 7/x * 3/' "$tree/kernel/outer.c"
refused "a function that is called isn't what was shipped" 7 "the original source doesn't compile to what vmlinux has"
mv "$work/vmlinux.shipped" "$work/vmlinux"

openssl req -new -x509 -newkey rsa:2048 -nodes -sha256 -subj "/CN=A vendor of patches" -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
build --sign-module-key "$work/key.pem" --sign-module-cert "$work/cert.pem" && is "$(modinfo -F signer "$work"/output/*/*.ko)" "A vendor of patches"
result $? "the module is signed by the key that is given"
"$syscare" inspect "$work"/output/* >"$work/said" 2>&1
result $? "and the bundle's digest is that of the signed one"
echo "1..$count"
