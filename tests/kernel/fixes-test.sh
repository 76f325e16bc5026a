#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real fixes for Debian's older kernel: built from the source fix without building a kernel, loaded through the service, seen to work, taken away.
# TAP on standard output. usage: fixes-test.sh SOURCE-ROOT BUILD-ROOT KERNEL-PROBE
# shellcheck disable=SC2034,SC2154 # variables go to and come from guest-lib.sh
set -u
source_root=$1 build_root=$2 probe=$3
SYSCARE_GUEST_KERNEL=$(cat "$source_root/tests/kernel/fixes/kernel")
export SYSCARE_GUEST_KERNEL
. "$source_root/tests/kernel/guest-lib.sh"

build_fix() { # build_fix NAME CVE [PATCH]
    local start=$SECONDS
    mkdir -p "$work/share/bundles/$1"
    "$build_root/cli/syscare" build --kernel "$release" --patch "$here/fixes/${3-$1}.patch" --name "$1" ${2:+--issue "$2"} --output "$work/share/bundles/$1" >"$work/build.log" 2>&1
    result $? "$1 is built" "$work/build.log"
    echo "# in $((SECONDS - start)) s"
}

build_package() { # as a package of the distribution
    mkdir "$work/share/packages"
    "$build_root/cli/syscare" build --kernel "$release" --patch "$here/fixes/auxv.patch" --name packaged --format deb,rpm --output "$work/packaged" >"$work/build.log" 2>&1 &&
        cp "$work"/packaged/*.deb "$work/share/packages"
    result $? "a kernel patch is made a package" "$work/build.log"
}

depends_on_the_kernel() { # Both packages want the very kernel, whose banner tells its package's version.
    local version
    version=$(grep -aoEm 1 'SMP [A-Z_]+ Debian [0-9.]+-[0-9]+' "$folder/vmlinux" | head -1 | cut -d ' ' -f 4)
    { dpkg-deb -f "$work"/packaged/*.deb Depends && rpm -qp --requires "$work"/packaged/*.rpm; } >"$work/depends.log" 2>&1
    grep -qx "linux-image-$release (= $version)" "$work/depends.log" && grep -qx "linux-image-$release = $version" "$work/depends.log"
    result $? "which depends on version $version of the kernel's package" "$work/depends.log"
}

refuse_fix() { # refuse_fix NAME STATUS WORDS
    "$build_root/cli/syscare" build --kernel "$release" --patch "$here/fixes/$1.patch" --name "$1" --output "$work/refused" >"$work/build.log" 2>&1
    [ $? = "$2" ] && grep -qF -- "$3" "$work/build.log" && ! ls "$work"/refused/* >/dev/null 2>&1
    result $? "$1 is refused: $3" "$work/build.log"
}

# The guest is made while the fixes are built.
{ "$source_root/tools/guest" prepare && install_tree; } >"$work/prepare.log" 2>&1 &
preparing=$!
cp "$here/in-guest.sh" "$here/fixes-in-guest.sh" "$probe" "$work/share"
grep -v '^#' "$here/fixes/table" >"$work/share/table"
while IFS='|' read -r name cve _; do
    build_fix "$name" "$cve"
    ls "$work/share/bundles/$name"/* >/dev/null 2>&1 || rmdir "$work/share/bundles/$name"
done <"$work/share/table"
build_fix again "" new-data # of a function that another one has
build_package
while IFS='|' read -r name status words; do
    refuse_fix "$name" "$status" "$words"
done < <(grep -v '^#' "$here/fixes/refused")
wait $preparing
prepared=$?
result $prepared "the guest with kernel $release and the product are made" "$work/prepare.log"
depends_on_the_kernel
[ $prepared = 0 ] && guest fixes fixes-in-guest.sh "the guest ran all fixes to their end"
echo "# after $SECONDS s"
finish
