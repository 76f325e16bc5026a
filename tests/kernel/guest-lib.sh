# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of kernel patches in the guest share; sourced with source_root and build_root set.
here=$source_root/tests/kernel
. "$source_root/tests/guest/runs.sh"
release=$("$source_root/tools/guest" info | awk '$1 == "kernel" { print $2 }')
folder=$("$source_root/tools/guest" info | awk '$1 == "folder" { print $2 }')

install_tree() { # The product as it is built, without a package: that is tested elsewhere.
    DESTDIR=$work/tree meson install -C "$build_root" --no-rebuild --quiet &&
        strip --strip-debug "$work"/tree/usr/bin/syscare "$work"/tree/usr/libexec/syscare/* &&
        rm -rf "$work"/tree/usr/share/{doc,man,icons,help} "$work"/tree/usr/bin/*gui* &&
        tar -cf "$work/share/tree.tar" -C "$work/tree" .
}

guest() { # guest FUNCTION FILE NAME OPTION...: runs a function of FILE in the guest
    local function=$1 file=$2 name=$3
    shift 3
    printf '#!/bin/bash\ncd /mnt/share || exit 1\n. "./%s"\n%s\n' "$file" "$function" >"$work/share/run"
    chmod +x "$work/share/run"
    : >"$work/share/output"
    "$source_root/tools/guest" run --quiet --timeout 900 "$@" "$work/share" 2>"$work/guest.log"
    result $? "$name" "$work/guest.log"
    take_over
}

finish() {
    echo "1..$count"
    exit 0
}
