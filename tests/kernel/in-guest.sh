# SPDX-License-Identifier: GPL-2.0-or-later
# What the test of kernel patches in the service does inside the guest; sourced.
cd /mnt/share || exit 1
. ./checks.sh

start() { # The product is installed, its service runs, all bundles are in.
    tar -xf tree.tar -C / --no-same-owner || return 1
    systemctl daemon-reload
    systemctl enable --quiet syscare-boot.service
    systemctl enable --quiet --now syscared.service || { journalctl -u syscared.service --no-pager -o cat | tail; return 1; }
    syscare install bundles/*/* >installed 2>&1 || { cat installed; return 1; }
}
quiet_start() { start >started 2>&1; }
state_is() { # state_is ID STATE
    syscare status --json "$1" | tr -d ' \n' | grep -q "\"state\":\"$2\""
}
problem_is() { # problem_is ID WORD
    syscare status --json "$1" | tr -d ' \n' | grep -q "\"problems\":\[[^]]*\"$2\""
}
no_problem() { syscare status --json "$1" | tr -d ' \n' | grep -q '"problems":\[\]'; }
fails_with() { # fails_with WORDS COMMAND...
    local words=$1 out
    shift
    out=$("$@" 2>&1) && { echo "succeeded: $out"; return 1; }
    echo "$out" | tee answer
    grep -q -- "$words" <<<"$out"
}
says() { # says WORDS COMMAND...
    local words=$1 out
    shift
    out=$("$@" 2>&1) || { echo "failed: $out"; return 1; }
    echo "$out" | tee answer
    grep -q -- "$words" <<<"$out"
}
not() { ! "$@"; }
new_code() { grep -qx one /proc/cmdline; }
old_code() { grep -q console= /proc/cmdline; }
loaded() { [ -d "/sys/module/$1" ]; }
clean_log() { ! dmesg | grep -E "WARNING|BUG|Oops|Call Trace"; }
as_user() { # as_user NAME COMMAND...
    local name=$1
    shift
    setpriv --reuid "$name" --regid "$name" --init-groups "$@"
}

# ---- the state table ----

present=not-applied # the state of patch ONE, as the last pair left it
bring() { # bring STATE: patch ONE is in it; the shortest way, for every command costs time here
    case $present:$1 in
    "$1:$1") ;;
    *:not-applied) syscare remove ONE ;;
    active:deactivated | accepted:deactivated) syscare deactive ONE ;;
    not-applied:deactivated) syscare apply ONE --no-activate ;;
    accepted:active) syscare revoke ONE ;;
    *:active) syscare apply ONE ;;
    active:accepted) syscare accept ONE ;;
    *:accepted) syscare apply ONE && syscare accept ONE ;;
    esac || return 1
    present=$1
}
kernel_agrees() { # kernel_agrees STATE: what the kernel runs
    case $1 in
    active | accepted) new_code && loaded cmdline_one ;;
    *) old_code && ! loaded cmdline_one ;;
    esac
}
pair() { # pair STATE VERB RESULT: RESULT "-": refused, and the state stays
    local want=$3
    bring "$1" || return 1
    if [ "$want" = - ]; then
        want=$1
        fails_with "not possible while" syscare $2 ONE || return 1
    else
        syscare $2 ONE || return 1
    fi
    present=$want
    state_is ONE "$want" || { syscare status ONE; return 1; }
    kernel_agrees "$want" || { cat /proc/cmdline; ls /sys/kernel/livepatch; return 1; }
}

states() {
    check "the product starts in the guest" quiet_start
    [ -e installed ] || { cat started; return 1; }
    check "the service has the feature and knows the kernel" says "kernel-patches" busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager Features
    check "the list shows a kernel patch" says "ONE/vmlinux" syscare list
    local verbs="apply apply_--no-activate active deactive remove accept revoke"
    local states="not-applied deactivated active accepted"
    local -A table=(
        [not-applied]="active deactivated - - not-applied - -"
        [deactivated]="active deactivated active deactivated not-applied - -"
        [active]="active - active deactivated not-applied accepted active"
        [accepted]="accepted - accepted deactivated not-applied accepted active"
    )
    local state verb results
    for state in $states; do
        read -r -a results <<<"${table[$state]}"
        for verb in $verbs; do
            check "$state, ${verb/_/ }: ${results[0]}" pair "$state" "${verb/_/ }" "${results[0]}"
            results=("${results[@]:1}")
        done
    done
    check "a dry run finds nothing to object to" says "ready\|ok" syscare check apply UPTIME
    check "the kernel is locked down, until it ends" eval 'echo integrity >/sys/kernel/security/lockdown'
    check "it would refuse what isn't signed: that is said before it is tried" fails_with "only loads signed modules (lockdown)" syscare apply UPTIME
    check "with what to do" grep -q "sign-module-key" answer
    check "nothing was loaded" not loaded uptime
    check "the log of the kernel has no warning" clean_log
}

# ---- transitions, stacks, others ----

sleeper() { # A task that sleeps in the old code of patch SLEEPER.
    sleep "$1" &
    sleeper=$!
    until grep -q hrtimer_nanosleep "/proc/$sleeper/stack"; do :; done
}
stalls() {
    sleeper 600
    check "a stalled transition ends with its time-out, and names the task (hazard 44)" fails_with "TransitionTimeout\|did not end in 3000 ms.*sleep" \
        syscare apply SLEEPER --timeout 3
    check "with its pid, and the function it waits in" grep -q "$sleeper .*hrtimer_nanosleep" answer
    check "nothing of it stays" not loaded sleeper
    check "and the patch is not applied" state_is SLEEPER not-applied
    check "the task is unharmed" kill -0 "$sleeper"
    kill "$sleeper"
    check "without the task it is applied" syscare apply SLEEPER
    new_sleeper
    local first=$sleeper
    new_sleeper
    syscare deactive SLEEPER --timeout 300 --no-wait >/dev/null
    check "while a transition is under way it is shown" await problem_is SLEEPER transition-pending
    check "the status counts tasks" says "transition: [0-9]* of [0-9]* tasks" syscare status SLEEPER
    check "the processes that hold it up are listed with their stack" says "$sleeper .*sleep .*replacement" syscare processes SLEEPER
    check "each of them" grep -q "$first .*sleep .*replacement" answer
    kill "$first"
    check "another patch is refused meanwhile" fails_with "in transition" syscare apply ONE
    kill "$sleeper"
    check "it ends when the task has left" await no_problem SLEEPER
    check "and the patch is deactivated" await state_is SLEEPER deactivated
    check "it is removed" syscare remove SLEEPER
}
new_sleeper() { # A task that sleeps in the new code of patch SLEEPER, where only its end wakes it.
    sleep 600 &
    # The kernel leaves its scheduler (schedule_timeout) out of that file.
    sleeper=$!
    until grep -q replacement "/proc/$sleeper/stack"; do :; done
}
forced() {
    sleeper 600
    cat >/etc/polkit-1/rules.d/10-test.rules <<'END'
polkit.addRule(function(action, subject) {
    if (action.id == "org.openeuler.syscare1.apply-kernel" && action.lookup("patch.kind") == "kernel" && subject.user == "dba")
        return polkit.Result.YES;
});
END
    check "a user who may apply kernel patches may not force them" fails_with "authentication is needed" as_user dba syscare --no-ask-password apply SLEEPER --force --timeout 2
    check "and one who may not, may not apply them" fails_with "authentication is needed" as_user patchuser syscare --no-ask-password apply ONE
    check "the user who may applies one" as_user dba syscare --no-ask-password apply ONE
    check "but may not remove it" fails_with "authentication is needed" as_user dba syscare --no-ask-password remove ONE
    check "it is removed" syscare remove ONE
    check "force ends a stalled transition" says active syscare apply SLEEPER --force --timeout 2
    check "the patch is active" state_is SLEEPER active
    check "the task that was forced is named" grep -q "$sleeper .*by force" answer
    kill "$sleeper"
    new_sleeper
    check "a withdrawal that stalls is turned round" fails_with "did not end in 2000 ms.*sleep" syscare remove SLEEPER --timeout 2
    check "the patch is active as before" state_is SLEEPER active
    check "force ends that, too" syscare remove SLEEPER --timeout 2 --force
    check "the patch is not applied" state_is SLEEPER not-applied
    check "but the kernel keeps the module, which is said when it is to be loaded again" fails_with "until the next boot" syscare apply SLEEPER
    kill "$sleeper"
}
stacks() {
    check "a replacing patch can't be one of several" fails_with "replaces all others" syscare apply TWO UPTIME
    check "two patches stand side by side" syscare apply ONE UPTIME
    check "both run" bash -c 'grep -qx one /proc/cmdline && grep -qx forever /proc/uptime'
    check "the lower one is taken away" syscare deactive ONE
    check "the upper one stays" grep -qx forever /proc/uptime
    check "and the lower one comes back" syscare active ONE
    check "a replacing patch takes the place of both (hazard 47)" syscare apply TWO
    check "its code runs" grep -qx two /proc/cmdline
    check "what it replaced no longer does" not grep -q forever /proc/uptime
    check "the replaced patches are shown so" state_is ONE deactivated
    check "as overridden" problem_is UPTIME overridden
    check "their modules don't pile up in the kernel" bash -c '! test -d /sys/module/cmdline_one && ! test -d /sys/module/uptime'
    check "a restart of the service changes nothing" bash -c 'systemctl restart syscared.service && syscare list'
    check "neither in the books" state_is ONE deactivated
    check "nor in the kernel" not loaded cmdline_one
    check "a patch of a function that another one has is refused" fails_with "cmdline_proc_show" syscare active ONE
    check "unless it is forced: then it stands on top" syscare active ONE --force
    check "and its code runs" new_code
    check "the lower one can be taken away first" syscare remove TWO
    check "the upper one stays in effect" new_code
    check "all are removed" syscare remove ONE UPTIME
    check "the old code runs" old_code
}
later_module() {
    check "a patch of a module that isn't loaded is applied" syscare apply CARRIER
    modprobe dummy numdummies=1
    ip link set dummy0 up
    check "the module is patched as it is loaded" fails_with "not permitted" bash -c 'echo 0 >/sys/class/net/dummy0/carrier'
    check "and the old code comes back" syscare deactive CARRIER
    check "in the loaded module" bash -c 'echo 0 >/sys/class/net/dummy0/carrier'
    check "it is activated again (hazard 45)" syscare active CARRIER
    check "with the module loaded" fails_with "not permitted" bash -c 'echo 1 >/sys/class/net/dummy0/carrier'
    check "and removed" syscare remove CARRIER
    modprobe -r dummy
}
others() {
    insmod cmdline_one.ko
    check "the same module, loaded by hand, is recognised" await state_is ONE active
    check "and can be taken away" syscare remove ONE
    cp cmdline_one.ko /run/kpatch_foo.ko
    syscare uninstall ONE >/dev/null
    insmod cmdline_one.ko
    # insmod returns before the transition has ended.
    check "somebody else's livepatch is listed" await says "cmdline_one/vmlinux.*active" syscare list
    check "as foreign" problem_is cmdline_one foreign
    check "but nothing can be done to it" fails_with "something else" syscare remove cmdline_one
    check "it still runs" new_code
    check "a replacing patch doesn't take it away" fails_with "take away" syscare apply TWO
    check "unless it is forced" syscare apply TWO --force
    check "then it is gone from the list" not grep -q cmdline_one <(syscare list)
    # The kernel lets go of a replaced module by a work item of its own, some time after the transition.
    check "its module can be unloaded" await rmmod cmdline_one
    check "the replacing patch is removed" syscare remove TWO
    syscare install bundles/ONE/* >/dev/null
}
refusals() {
    check "a patch for another kernel is refused" fails_with "another build of the kernel\|is for kernel" syscare apply OLD
    check "and marked as such (hazard 48: a release decides nothing alone)" problem_is OLD target-changed
    check "a module of another name is refused" fails_with "named uptime" syscare apply MISNAMED
    check "a function that the kernel doesn't have is a rejected module" fails_with "rejected the module" syscare apply ABSENT
    check "nothing of it stays" not loaded absent
}
transitions() {
    check "the product starts in the guest" quiet_start
    refusals
    stacks
    later_module
    others
    stalls
    forced
    check "the log of the kernel has no warning" clean_log
}

# ---- reboots ----

before_reboot() {
    check "the product starts in the guest" quiet_start
    check "one patch is accepted" bash -c 'syscare apply ONE && syscare accept ONE'
    check "another one only applied" syscare apply UPTIME
    # An ordinary service, which says what the kernel was when it started.
    cat >/etc/systemd/system/ordinary.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cat /proc/cmdline >/run/ordinary'
[Install]
WantedBy=multi-user.target guest.target
END
    systemctl enable --quiet ordinary.service
    # A slow machine under emulation isn't a unit that fails.
    mkdir -p /etc/systemd/system.conf.d
    printf '[Manager]\nDefaultTimeoutStartSec=600\nDefaultDeviceTimeoutSec=600\n' >/etc/systemd/system.conf.d/slow.conf
    sync
}
after_reboot() {
    check "the service is there" await systemctl is-active --quiet syscared.service
    check "the accepted patch is in the kernel" new_code
    check "and accepted" state_is ONE accepted
    check "it was there before an ordinary service started" grep -qx one /run/ordinary
    check "the other one is not applied" state_is UPTIME not-applied
    check "nor in the kernel" not grep -q forever /proc/uptime
    check "no unit has failed" no_failed_unit
    check "it is revoked" syscare revoke ONE
    check "and accepted again" syscare accept ONE
    sync
}
without_livepatch() { # As on a kernel that was configured without it.
    local unit
    for unit in syscared syscare-worker@; do
        mkdir -p "/etc/systemd/system/$unit.service.d"
        printf '[Service]\nTemporaryFileSystem=/sys/kernel\n' >"/etc/systemd/system/$unit.service.d/hide.conf"
    done
    systemctl daemon-reload
    systemctl restart syscared.service || journalctl --no-pager -b -n 20 -u syscared.service
    check "without livepatch the feature is missing, and nothing else" says '"user-patches"' \
        busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager Features
    check "kernel patches are not among it" not grep -q kernel-patches answer
    check "a kernel patch is refused with that reason" fails_with "has no livepatch" syscare apply UPTIME
    check "everything else works" bash -c 'syscare list && syscare info UPTIME && syscare history'
}
enforced() {
    check "a kernel that wants signatures doesn't get the accepted patch" await systemctl is-active --quiet syscared.service
    check "the old code runs" old_code
    check "which is shown" problem_is ONE not-loaded
    check "the service says why" says "only loads signed modules" busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager Degraded
    check "an unsigned patch is refused with what to do" fails_with "sign-module-key" syscare apply UPTIME
    check "and is withdrawn all the same" syscare remove ONE
    without_livepatch
}
