#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine with Secure Boot, whose kernel is updated: modules that are signed when they are built, with a key that the kernel trusts and with one
# that it doesn't; a patch for a module from outside of the kernel's tree, and other builds of that module; what becomes of an accepted patch when
# another kernel is booted, and when its own is again. TAP on standard output.
# usage: update-test.sh SOURCE-ROOT BUILD-ROOT KERNEL-BUNDLE
# shellcheck disable=SC2154 # variables come from guest-lib.sh
set -u
source_root=$1 build_root=$2 kernel_bundle=$3
. "$source_root/tests/kernel/guest-lib.sh"
old_package=$(cat "$here/fixes/kernel")
old_release=${old_package#linux-image-}

make_keys() { # Debian's example of a key that a firmware has, and one of somebody else.
    openssl rsa -in /usr/share/ovmf/PkKek-1-snakeoil.key -passin pass:snakeoil -out "$work/trusted.key" &&
        cp /usr/share/ovmf/PkKek-1-snakeoil.pem "$work/trusted.pem" &&
        openssl req -new -x509 -newkey rsa:2048 -nodes -sha256 -subj "/CN=Somebody else" -keyout "$work/strange.key" -out "$work/strange.pem"
}

build_fix() { # build_fix NAME KEY OPTION...: for the old kernel, signed with that key
    local name=$1 key=$2
    shift 2
    mkdir -p "$work/share/bundles/$name"
    "$build_root/cli/syscare" build --kernel "$old_release" "$@" --name "$name" --output "$work/share/bundles/$name" \
        --sign-module-key "$work/$key.key" --sign-module-cert "$work/$key.pem" >"$work/build.log" 2>&1
    result $? "$name is built, signed with the $key key" "$work/build.log"
}

sign_file() { # sign_file MODULE: with the trusted key
    find /lib/modules/*/build/scripts/ -name sign-file -exec {} sha256 "$work/trusted.key" "$work/trusted.pem" "$1" \; -quit
}

make_outside() { # The module from outside, a fix for it, and another build of it; compiled in the tree that the builder keeps, while it doesn't use it.
    local cache=/var/cache/syscare
    [ "$(id -u)" = 0 ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/syscare
    mkdir -p "$work"/{a,b,shipped,other} "$work"/share/{shipped,other}
    cp "$here"/outside/* "$work/a"
    cp "$here"/outside/* "$work/b"
    cp "$here"/outside/* "$work/shipped"
    cp "$here"/outside/* "$work/other"
    sed -i 's/"hello"/"good evening"/' "$work/b/greeting.c"
    sed -i 's/++visits/visits += 2/' "$work/b/greeter-main.c"
    cat >>"$work/b/greeter-main.c" <<'END'

#include <syscare-patch.h>
static int before(struct klp_object *object)
{
	pr_info("greeter: before the patch\n");
	return 0;
}
SYSCARE_PRE_PATCH(before);
static void after(struct klp_object *object)
{
	pr_info("greeter: after the patch\n");
}
SYSCARE_POST_UNPATCH(after);
END
    sed -i 's/visits < 3/visits < 4/' "$work/other/greeting.c"
    (cd "$work" && diff -urN a b >outside.patch)
    for build in shipped other; do
        flock "$cache/kernel-$old_release.lock" make -s -C "$cache/kernel-$old_release/objects" M="$work/$build" modules &&
            cp "$work/$build/greeter.ko" "$work/share/$build" && strip --strip-debug "$work/share/$build/greeter.ko" && sign_file "$work/share/$build/greeter.ko" || return 1
    done
}

make_successor() { # A patch for the new kernel, made by hand; signed, too.
    "$here/build-modules" "$source_root" "$work/modules" &&
        sign_file "$work/modules/uptime.ko" &&
        mkdir -p "$work/share/bundles/successor" &&
        "$kernel_bundle" --name successor --release "$release" --vmlinux "$folder/vmlinux" --parent "$work/share/bundles/successor" \
            --function uptime_proc_show "$work/modules/uptime.ko"
}

# The guests are made while the fix is built.
{ SYSCARE_GUEST_KERNEL=$old_package "$source_root/tools/guest" prepare && "$source_root/tools/guest" prepare && install_tree; } >"$work/prepare.log" 2>&1 &
preparing=$!
make_keys >"$work/keys.log" 2>&1
result $? "there are keys" "$work/keys.log"
build_fix trusted trusted --patch "$here/fixes/new-data.patch"
build_fix strange strange --patch "$here/fixes/new-data.patch"
build_fix cumulative trusted --patch "$here/fixes/two-files.patch" --replace
make_outside >"$work/outside.log" 2>&1
result $? "a module from outside of the tree is compiled" "$work/outside.log"
build_fix outside trusted --patch "$work/outside.patch" --module-source "$work/a" --installed "$work/shipped/greeter.ko"
wait $preparing
result $? "two guests and the product are made" "$work/prepare.log"
make_successor >"$work/successor.log" 2>&1
result $? "a patch for the new kernel is made" "$work/successor.log"
cp "$here/in-guest.sh" "$here/update-in-guest.sh" "$work/share"
export SYSCARE_GUEST_KERNEL=$old_package
guest secure_boot update-in-guest.sh "the guest ran kernel $old_release with Secure Boot" --secure-boot --disk "$work/disk.qcow2"
unset SYSCARE_GUEST_KERNEL
guest updated update-in-guest.sh "the same disk ran the updated kernel $release" --secure-boot --disk "$work/disk.qcow2"
export SYSCARE_GUEST_KERNEL=$old_package
guest back update-in-guest.sh "and kernel $old_release again" --secure-boot --disk "$work/disk.qcow2"
finish
