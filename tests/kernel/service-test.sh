#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel patches through the real service on a real kernel: states and verbs, transitions that stall, stacks, other people's livepatches, reboots.
# The livepatch modules are made by hand. TAP on standard output. usage: service-test.sh SOURCE-ROOT BUILD-ROOT KERNEL-BUNDLE
set -u
source_root=$1 build_root=$2 kernel_bundle=$3
here=$source_root/tests/kernel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

result() { # result STATUS NAME LOG: one TAP line
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        tail -30 "$3" | sed 's/^/# /'
    fi
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

bundle() { # bundle NAME MODULE OPTION...: into the guest's share
    local name=$1 module=$2
    shift 2
    mkdir -p "$work/share/bundles/$name"
    "$kernel_bundle" --name "$name" --release "$release" --vmlinux "$folder/vmlinux" --parent "$work/share/bundles/$name" "$@" "$work/modules/$module.ko" \
        >>"$work/bundles.log"
}

make_bundles() {
    local dummy=$folder/kernel/lib/modules/$release/kernel/drivers/net/dummy.ko
    # Two kernel objects are named "loop+vmlinux"; one of a module alone has its name.
    bundle ONE cmdline_one --function cmdline_proc_show &&
        bundle TWO cmdline_two --function cmdline_proc_show --replace &&
        bundle UPTIME uptime --function uptime_proc_show &&
        bundle CARRIER carrier --function dummy_change_carrier --target "dummy=$dummy" &&
        bundle SLEEPER sleeper --function hrtimer_nanosleep &&
        bundle ABSENT absent --function no_such_function_anywhere &&
        bundle MISNAMED uptime --function uptime_proc_show --module other_name &&
        release=6.1.0-0-other bundle OLD uptime --function uptime_proc_show
}

install_tree() { # The product as it is built, without a package: that is tested elsewhere.
    DESTDIR=$work/tree meson install -C "$build_root" --no-rebuild --quiet &&
        strip --strip-debug "$work"/tree/usr/bin/syscare "$work"/tree/usr/libexec/syscare/* &&
        rm -rf "$work"/tree/usr/share/{doc,man,icons,help} "$work"/tree/usr/bin/*gui* &&
        tar -cf "$work/share/tree.tar" -C "$work/tree" .
}

guest() { # guest FUNCTION NAME OPTION...: runs a function of in-guest.sh in the guest
    local function=$1 name=$2
    shift 2
    printf '#!/bin/bash\n. ./in-guest.sh\n%s\n' "$function" >"$work/share/run"
    chmod +x "$work/share/run"
    "$source_root/tools/guest" run --quiet --timeout 900 "$@" "$work/share" 2>"$work/guest.log"
    result $? "$name" "$work/guest.log"
    take_over
}

mkdir "$work/share"
release=$("$source_root/tools/guest" info | awk '$1 == "kernel" { print $2 }')
folder=$("$source_root/tools/guest" info | awk '$1 == "folder" { print $2 }')
{ "$source_root/tools/guest" prepare && "$here/build-modules" "$source_root" "$work/modules" && make_bundles && install_tree; } >"$work/prepare.log" 2>&1
prepared=$?
result $prepared "modules, bundles and the product are made" "$work/prepare.log"
if [ $prepared != 0 ]; then
    echo "1..$count"
    exit 1
fi
cp "$work"/modules/*.ko "$here/in-guest.sh" "$work/share"

guest "states" "the guest ran the state table to its end"
guest "transitions" "the guest ran the transitions to their end"
guest "before_reboot" "the guest ran to the reboot" --disk "$work/disk.qcow2"
guest "after_reboot" "the guest ran after the reboot" --disk "$work/disk.qcow2"
guest "enforced" "the guest ran with enforced module signatures" --disk "$work/disk.qcow2" --append "module.sig_enforce=1"
echo "1..$count"
