#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `syscare build --kernel` refuses before it compiles anything: files that livepatch can't reach, another compiler, another configuration. The
# tree only looks like a kernel's: its Makefile answers what the builder asks it. TAP on standard output. usage: refused-test.sh SYSCARE
set -u
syscare=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
options=()
tree=$work/tree
mkdir -p "$tree"/{kernel,arch/x86/{boot,lib,entry/vdso},include/linux,Documentation} "$work/headers" "$work/modules"
for file in kernel/{sub.c,Makefile,Kconfig} arch/x86/boot/main.c include/linux/kconfig.h arch/x86/lib/copy.S arch/x86/entry/vdso/vgetcpu.c include/linux/all.h Documentation/sub.rst; do
    echo 'first line' >"$tree/$file"
done
cat >"$tree/Makefile" <<'END'
# As kbuild: what the configuration doesn't say is added, what it can't say goes.
kernelversion:
	@echo 6.1.0
olddefconfig:
	@sed -i '/^CONFIG_UNKNOWN/d' $(O)/.config; echo CONFIG_NEW=y >>$(O)/.config
prepare modules_prepare: ;
END
gcc --version | head -1 >"$work/compiler"
config() { # config LINE...: that the kernel was compiled with
    printf '%s\n' "CONFIG_CC_VERSION_TEXT=\"$(cat "$work/compiler")\"" CONFIG_LIVEPATCH=y 'CONFIG_BUILD_SALT="6.1"' "$@" >"$work/headers/.config"
    : >"$work/headers/Module.symvers"
}
change() { # change FILE...: a fix that changes the first line of each
    local file
    for file; do
        printf -- '--- a/%s\n+++ b/%s\n@@ -1 +1 @@\n-first line\n+another line\n' "$file" "$file"
    done >"$work/fix.patch"
}
refused() { # refused NAME STATUS WORDS REMEDY
    count=$((count + 1))
    "$syscare" build --kernel 6.1.0-test --source "$tree" --kernel-headers "$work/headers" --kernel-modules "$work/modules" --debuginfo /bin/true \
        --cache "$work/cache" --patch "$work/fix.patch" "${options[@]}" --output "$work/output" >"$work/said" 2>&1
    local status=$?
    if [ $status = "$2" ] && grep -qF -- "$3" "$work/said" && grep -qF -- "$4" "$work/said" && ! ls "$work"/output/* >/dev/null 2>&1; then
        echo "ok $count - refused: $1"
    else
        echo "not ok $count - refused: $1"
        sed "s/^/# /; 1i # status $status" "$work/said"
    fi
}

config
change arch/x86/lib/copy.S
refused "assembly" 7 "arch/x86/lib/copy.S: it is assembly" "leave this file out"
change kernel/sub.c arch/x86/lib/copy.S
refused "assembly beside code that could be patched" 7 "it is assembly" "if the rest is complete without it"
change arch/x86/entry/vdso/vgetcpu.c
refused "the vDSO" 7 "the vDSO is code that processes have mapped" "leave this file out"
change kernel/Makefile
refused "the build" 7 "it changes the configuration or the build" "leave this file out"
change kernel/Kconfig
refused "the configuration" 7 "it changes the configuration or the build" "leave this file out"
change Documentation/sub.rst
refused "nothing but documents" 6 "nothing to patch" "Documentation/sub.rst: it isn't part of the running kernel"
printf -- '--- /dev/null\n+++ b/kernel/new.c\n@@ -0,0 +1 @@\n+first line\n' >"$work/fix.patch"
refused "a new source file" 7 "kernel/new.c is a new source file" "put the new functions into a source file that is there"
for n in $(seq 200); do
    printf '#include <linux/all.h>\n' >"$tree/kernel/user$n.c"
done
change include/linux/all.h
rm -rf "$work/cache"
refused "a header that too much depends on" 7 "include/linux/all.h: more than" "make the change in the source files that need it"
change include/linux/kconfig.h
refused "a header that everything is compiled with" 7 "include/linux/kconfig.h: every source file of the kernel is compiled with it" "make the change in the source files that need it"
change arch/x86/boot/main.c
refused "what runs before the kernel" 6 "arch/x86/boot/main.c: it isn't part of the running kernel" "nothing to patch"
change kernel/sub.c
rm -rf "$work/cache"
config CONFIG_UNKNOWN_HERE=y
refused "a configuration that this source doesn't have" 7 'says "CONFIG_UNKNOWN_HERE=y", but that can'"'"'t be had' "pahole"
config
echo "gcc-12 (Debian 12.1.0-1) 12.1.0" >"$work/compiler"
config
refused "another compiler" 7 'was compiled by "gcc-12 (Debian 12.1.0-1) 12.1.0", here is' "install that very version"
echo "no-such-compiler (None) 1.0" >"$work/compiler"
config
refused "a compiler that isn't there" 7 'here is none' "install that very version"
config
openssl genpkey -algorithm ed25519 -out "$work/key.pem" 2>/dev/null
options=(--sign-module-key "$work/key.pem" --sign-module-cert "$work/none.pem")
refused "a certificate that isn't there" 2 "$work/none.pem" "No such file or directory"
options=(--sign-module-key "$work/fix.patch" --sign-module-cert "$work/fix.patch")
refused "a key that is none" 2 "fix.patch: not a private key in PEM" "openssl req -new -x509"
options=()
rm "$work/headers/.config"
refused "headers without a configuration" 7 "has no .config and Module.symvers" "--kernel-headers"
echo "1..$count"
