# SPDX-License-Identifier: GPL-2.0-or-later
# What the test of signed modules and of an updated kernel does inside the guest, one function a boot; sourced.
. ./in-guest.sh

counts() { grep -q '^read [0-9]* times' /proc/version; } # the fix of both signed patches
forever() { grep -q forever /proc/uptime; }              # that of the one for the new kernel
no_livepatch() { [ -z "$(find /sys/kernel/livepatch -mindepth 1 -maxdepth 1 -print)" ]; }
runs() { [[ $(uname -v) == *" $1 "* ]]; }
locked_down() { dmesg | grep "Secure boot enabled" && grep -F "[integrity]" /sys/kernel/security/lockdown; }
is_signed() { ! grep E "/sys/module/$1/taint"; } # E: unsigned, or by a key that isn't known; Documentation/admin-guide/tainted-kernels.rst

threads() { grep -q '^[0-9]* threads' /proc/uptime; }    # that of the cumulative one
greets() { # greets WORDS: from the third visit on
    cat /proc/greeter /proc/greeter /proc/greeter >/dev/null
    grep "^$1" /proc/greeter
}
not_degraded() { ! manager_says Degraded | grep restore; }
logged() { [ "$(dmesg | grep -c "$1")" = "$2" ]; }
load() { insmod "$1/greeter.ko"; }

outside() {
    check "a module from outside of the tree is loaded" load shipped
    check "it greets" greets hello
    check "a patch for it, made from its own source, is applied" syscare apply outside
    check "it greets otherwise" greets "good evening"
    check "its callback was called before" logged "greeter: before the patch" 1
    check "the module is taken out" rmmod greeter
    check "and the callback for that called" logged "greeter: after the patch" 1
    check "and loaded again" load shipped
    check "and patched again" greets "good evening"
    check "the patch is deactivated" syscare deactive outside
    check "it greets as before" greets hello
    check "the patch is activated again" syscare active outside
    check "with effect" greets "good evening"
    check "and removed" syscare remove outside
    rmmod greeter
    check "of another build of the module" load other
    check "the patch is refused" fails_with "the greeter that runs is another build" syscare apply outside
    check "that build greets as it did" greets hello
    rmmod greeter
    check "the patch waits for the module to be loaded" syscare apply outside
    check "another build of it isn't loaded, rather than patched with what it wasn't made for (hazard 2)" not load other
    check "the kernel's log says why" bash -c 'dmesg | grep "is for another build of the module greeter"'
    check "its own is, and is patched" load shipped
    check "with effect there" greets "good evening"
    check "its callbacks were called for its own builds only" logged "greeter: before the patch" 4
    check "the patch is removed again" syscare remove outside
    rmmod greeter
    mkdir -p "/lib/modules/$(uname -r)/updates"
    cp other/greeter.ko "/lib/modules/$(uname -r)/updates"
    echo "updates/greeter.ko:" >>"/lib/modules/$(uname -r)/modules.dep"
    check "when another build of the module would be loaded the patch is refused before" fails_with "updates/greeter.ko, which would be loaded, is another build" syscare apply outside
    check "nothing is left in the kernel" no_livepatch
}
secure_boot() {
    check "it is the older kernel" runs 6.1.176-1
    check "Secure Boot is on, and the kernel has locked itself down" locked_down
    check "it trusts a key of the firmware" bash -c 'dmesg | grep "integrity: Loaded X.509 cert .SnakeOil" && grep "SnakeOil.*X509" /proc/keys'
    check "the product starts in the guest" quiet_start
    check "a patch signed with another key is refused" fails_with "only loads signed modules (lockdown), and this one is signed with a key that the kernel doesn't have" syscare apply strange
    check "with what to do" grep -q "sign-module-key, and enrol that key" answer
    check "as the kernel's log says" bash -c 'dmesg | grep "Loading of module with unavailable key is rejected"'
    check "nothing of it is in the kernel" no_livepatch
    check "and it is not applied" state_is strange not-applied
    check "one that was signed with a trusted key, as it was built, is applied" syscare apply trusted
    check "the new code runs" counts
    check "the kernel takes the module for signed" is_signed "$(ls /sys/kernel/livepatch)"
    check "it is deactivated" syscare deactive trusted
    check "the old code runs" not counts
    check "and nothing is in the kernel" no_livepatch
    check "it is activated again" syscare active trusted
    check "and removed" syscare remove trusted
    check "the old code runs after it" not counts
    check "a cumulative patch takes the place of the one that stands" bash -c 'syscare apply trusted && syscare apply cumulative'
    check "its code runs" threads
    check "that of the other one doesn't" not counts
    check "which is deactivated" state_is trusted deactivated
    check "as overridden" problem_is trusted overridden
    check "both are removed" syscare remove trusted cumulative
    outside
    check "a patch for the kernel that is to come is shown so" problem_is successor target-changed
    check "and isn't applied before" fails_with "is for another build of the kernel" syscare apply successor
    check "the signed patch is accepted" bash -c 'syscare apply trusted && syscare accept trusted'
    mkdir -p /etc/systemd/system.conf.d # A slow machine under emulation isn't a unit that fails.
    printf '[Manager]\nDefaultTimeoutStartSec=600\nDefaultDeviceTimeoutSec=600\n' >/etc/systemd/system.conf.d/slow.conf
    check "the log of the kernel has no warning" clean_log
    sync
}
updated() {
    check "it is the newer kernel" runs 6.1.192-2
    check "with Secure Boot, too" locked_down
    check "the service is there" await systemctl is-active --quiet syscared.service
    check "the accepted patch isn't in another kernel than its own" not counts
    check "no livepatch is" no_livepatch
    check "its target has changed" problem_is trusted target-changed
    check "what to do is said" says "build it for this one, or boot that one" syscare info trusted
    check "the service says why, in one sentence" says "restore: .*trusted.*is for another build of the kernel.* than the one that runs; build the patch" manager_says Degraded
    check "it can't be applied" fails_with "is for another build of the kernel" syscare apply trusted
    check "with what to do" grep -q "build the patch for the running kernel" answer
    check "the patch for this kernel is applied" syscare apply successor
    check "its code runs" forever
    check "it has no problem" no_problem successor
    check "it is accepted" syscare accept successor
    check "all else works" bash -c 'syscare list && syscare history && syscare rescan && syscare check apply successor'
    check "no unit has failed" no_failed_unit
    check "the log of the kernel has no warning" clean_log
    sync
}
back() {
    check "it is the older kernel again" runs 6.1.176-1
    check "the service is there" await systemctl is-active --quiet syscared.service
    check "the accepted patch is in its place" counts
    check "and accepted" state_is trusted accepted
    check "without a problem" no_problem trusted
    check "the one for the other kernel is not in this one" not forever
    check "but shown so" problem_is successor target-changed
    check "no unit has failed" no_failed_unit
    check "the service says that, too" says "restore: .*successor" manager_says Degraded
    check "both are removed" syscare remove trusted successor
    check "which ends that" await not_degraded
    check "nothing is in the kernel" no_livepatch
    check "the log of the kernel has no warning" clean_log
}
