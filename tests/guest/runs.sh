# SPDX-License-Identifier: GPL-2.0-or-later
# What tests that run a guest share outside of it; sourced with source_root set, and build_root for packages. Makes the folder $work, which goes
# at the end, and in it the share that the guest gets, with checks.sh. TAP on standard output.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
mkdir "$work/share"
cp "$source_root/tests/guest/checks.sh" "$work/share"

result() { # result STATUS NAME LOG: one TAP line
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        tail -30 "$3" | sed 's/^/# /'
    fi
}

package() { # package deb|rpm [again]: the product's packages are in $work/packages; built, unless another test has built those of this very checkout
    local sum kept
    sum=$(cd "$source_root" && git ls-files -z --cached --others --exclude-standard |
        tar c --null --files-from=- --ignore-failed-read --sort=name --mtime=@0 --owner=0 --group=0 2>/dev/null | sha256sum | cut -c1-16)
    kept=$build_root/packages/$sum/$1
    mkdir -p "$work/packages" "$kept"
    (
        flock 9
        find "$build_root/packages" -mindepth 1 -maxdepth 1 -type d ! -name "$sum" -exec rm -rf {} +
        if [ "${2-}" = again ] || [ ! -e "$kept/complete" ]; then
            rm -rf "${kept:?}"/*
            "$source_root/packaging/build" "$1" "$kept" && touch "$kept/complete" || exit 1
        fi
        cp "$kept"/syscare[-_]* "$work/packages"
    ) 9>"$build_root/packages/lock"
}

build_deb() { # build_deb [again]: puts the Debian package of this checkout into the share; fails when there is none.
    package deb "$@" >"$work/deb.log" 2>&1
    local status=$?
    result $status "the Debian package builds" "$work/deb.log"
    [ $status = 0 ] && cp "$work"/packages/syscare_*.deb "$work/share/syscare.deb"
}

boot_twice() { # boot_twice SCRIPT PREFIX: PREFIXfirst_boot and PREFIXsecond_boot of that file in the share, in a guest that keeps its disk.
    local boot
    for boot in first second; do
        printf '#!/bin/bash\n. ./%s\n%s%s_boot\n' "$1" "$2" "$boot" >"$work/share/run"
        chmod +x "$work/share/run"
        "$source_root/tools/guest" run --quiet --timeout 1100 --disk "$work/disk.qcow2" "$work/share" 2>"$work/guest.log"
        result $? "the guest's $boot boot ran to its end" "$work/guest.log"
        take_over
    done
}

take_over() { # The lines "ok NAME" and "not ok NAME" that a guest's run left become ours.
    local line
    while IFS= read -r line; do
        case $line in
        'ok '*) count=$((count + 1)); echo "ok $count - ${line#ok }" ;;
        'not ok '*) count=$((count + 1)); echo "not ok $count - ${line#not ok }" ;;
        *) echo "# $line" ;;
        esac
    done <"$work/share/output"
}
