#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine with Secure Boot, whose kernel is updated: modules that are signed when they are built, with a key that the kernel trusts and with one
# that it doesn't, and what becomes of an accepted patch when another kernel is booted, and when its own is again. TAP on standard output.
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

build_signed() { # build_signed NAME: for the old kernel, with the key of that name
    mkdir -p "$work/share/bundles/$1"
    "$build_root/cli/syscare" build --kernel "$old_release" --patch "$here/fixes/new-data.patch" --name "$1" --output "$work/share/bundles/$1" \
        --sign-module-key "$work/$1.key" --sign-module-cert "$work/$1.pem" >"$work/build.log" 2>&1
    result $? "the fix is built, signed with the $1 key" "$work/build.log"
}

make_successor() { # A patch for the new kernel, made by hand; signed, too.
    "$here/build-modules" "$source_root" "$work/modules" &&
        find /lib/modules/*/build/scripts/ -name sign-file \
            -exec {} sha256 "$work/trusted.key" "$work/trusted.pem" "$work/modules/uptime.ko" \; -quit &&
        mkdir -p "$work/share/bundles/successor" &&
        "$kernel_bundle" --name successor --release "$release" --vmlinux "$folder/vmlinux" --parent "$work/share/bundles/successor" \
            --function uptime_proc_show "$work/modules/uptime.ko"
}

# The guests are made while the fix is built.
{ SYSCARE_GUEST_KERNEL=$old_package "$source_root/tools/guest" prepare && "$source_root/tools/guest" prepare && install_tree; } >"$work/prepare.log" 2>&1 &
preparing=$!
make_keys >"$work/keys.log" 2>&1
result $? "there are keys" "$work/keys.log"
build_signed trusted
build_signed strange
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
