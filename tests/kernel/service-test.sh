#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel patches through the real service on a real kernel: states and verbs, transitions that stall, stacks, other people's livepatches, reboots.
# The livepatch modules are made by hand. TAP on standard output. usage: service-test.sh SOURCE-ROOT BUILD-ROOT KERNEL-BUNDLE
# shellcheck disable=SC2034,SC2154 # variables go to and come from guest-lib.sh
set -u
source_root=$1 build_root=$2 kernel_bundle=$3
. "$source_root/tests/kernel/guest-lib.sh"

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

{ "$source_root/tools/guest" prepare && "$here/build-modules" "$source_root" "$work/modules" && make_bundles && install_tree; } >"$work/prepare.log" 2>&1
prepared=$?
result $prepared "modules, bundles and the product are made" "$work/prepare.log"
[ $prepared = 0 ] || finish
cp "$work"/modules/*.ko "$here/in-guest.sh" "$work/share"

guest states in-guest.sh "the guest ran the state table to its end"
guest transitions in-guest.sh "the guest ran the transitions to their end"
guest before_reboot in-guest.sh "the guest ran to the reboot" --disk "$work/disk.qcow2"
guest after_reboot in-guest.sh "the guest ran after the reboot" --disk "$work/disk.qcow2"
guest enforced in-guest.sh "the guest ran with enforced module signatures" --disk "$work/disk.qcow2" --append "module.sig_enforce=1"
finish
