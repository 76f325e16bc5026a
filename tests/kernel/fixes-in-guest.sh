# SPDX-License-Identifier: GPL-2.0-or-later
# What the test of built kernel fixes does inside the guest; sourced. For each fix: the old behaviour, applied, the new one, deactivated, the old one,
# activated again, the new one, removed, the old one.
. ./in-guest.sh

probe() { # probe NAME: says "old" or "new"
    case $1 in
    timens | perf | auxv | compat-time | tmpfile) ./kernel-probe "$1" ;;
    loop) ./kernel-probe loop /root/loop.img ;;
    rw-hint) ./kernel-probe rw-hint /root/immutable ;;
    kbmeta) ./kernel-probe kbmeta /dev/tty1 ;;
    fq)
        ip link add dummy2 type dummy && ip link set dummy2 mtu 1000000 && tc qdisc add dev dummy2 root fq || return 1
        if tc qdisc show dev dummy2 | grep -q "quantum 1048576b\|quantum 1024Kb\|quantum 1Mb"; then echo new; else echo old; fi
        ip link del dummy2
        ;;
    u32)
        ip link add dummy1 type dummy && tc qdisc add dev dummy1 root handle 1: prio || return 1
        if tc filter add dev dummy1 parent 1: protocol ip u32 match u8 0 0 at 0 offset at 0 mask 0f00 shift 16 flowid 1:1; then echo old; else echo new; fi
        ip link del dummy1
        ;;
    version) if grep -q "^read [0-9]* times" /proc/version; then echo new; else echo old; fi ;;
    uptime) if grep -q "^[0-9]* threads" /proc/uptime; then echo new; else echo old; fi ;;
    softirqs) # 42: made by the callback before patching, 41, and this read; freed by the callback after unpatching, else it would go on from there.
        case $(head -1 /proc/softirqs) in
        "42 reads") echo new ;;
        *reads*) return 1 ;;
        *) echo old ;;
        esac
        ;;
    carrier)
        ip link add dummy3 type dummy && ip link set dummy3 up || return 1
        if echo 0 2>/dev/null >/sys/class/net/dummy3/carrier; then echo old; else echo new; fi
        ip link del dummy3
        ;;
    esac
}
is_new() { [ "$(probe "$1")" = new ]; }
listed() { syscare list | grep -q "$1"; }
unlisted() { ! listed "$1"; }
# All fixes go through each step together: a command costs seconds under emulation.
declare -A complaint
names=() # in the table's order
round() { # round WORD STAGE: each fix makes the kernel behave in the old or new way
    local name word
    for name in "${names[@]}"; do
        word=$(probe "${probe_of[$name]}" 2>problem) || word="no answer: $(cat problem)"
        [ "$word" = "$1" ] || complaint[$name]+="$2: not $1 but $word"$'\n'
    done
}
unharmed() { # unharmed NAME: what its rounds have found
    printf '%s' "${complaint[$1]-}"
    [ -z "${complaint[$1]-}" ]
}
all_are() { # all_are STATE: and no problem is told
    syscare status --json "${names[@]}" | tr -d ' \n' >answer
    if [ "$(grep -o "\"state\":\"$1\"" answer | wc -l)" != ${#names[@]} ] || grep -q '"problems":\[[^]]' answer; then
        cat answer
        echo
        return 1
    fi
}
modules_are() { # modules_are NUMBER: livepatches in the kernel
    find /sys/kernel/livepatch -mindepth 1 -maxdepth 1 >answer
    [ "$(wc -l <answer)" = "$1" ] || { cat answer; return 1; }
}
fixes() {
    check "the product starts in the guest" quiet_start
    [ -s installed ] || cat started
    local name target shape effect
    local -A probe_of effect_of
    while IFS='|' read -r name _ target shape effect; do
        names+=("$name")
        probe_of[$name]=${effect%%:*}
        effect_of[$name]="($target; $shape): ${effect#*: }"
    done <table
    dmesg -C
    check "two fixes of one function are refused in one transaction" fails_with "replaces function version_proc_show, too" syscare apply new-data again
    check "which loads neither" modules_are 0
    round old "before"
    check "all are applied" syscare apply "${names[@]}"
    check "and active" all_are active
    check "each as a livepatch of the kernel" modules_are ${#names[@]}
    round new "applied"
    check "all are deactivated" syscare deactive "${names[@]}"
    check "and unloaded" modules_are 0
    round old "deactivated"
    check "all are loaded again" syscare active "${names[@]}"
    check "each of them" modules_are ${#names[@]}
    round new "active again"
    check "all are removed" syscare remove "${names[@]}"
    check "from the kernel" modules_are 0
    round old "removed"
    # The guest's own kernel isn't one of its packages.
    check "the package of a kernel patch is installed by dpkg" dpkg --force-depends -i packages/*.deb
    check "and noticed" await listed packaged
    check "it is applied" syscare apply packaged
    check "its code runs" is_new auxv
    check "it is removed" syscare remove packaged
    check "its package, too" dpkg -r "$(dpkg-deb -f packages/*.deb Package)"
    check "which is noticed" await unlisted packaged
    for name in "${names[@]}"; do
        check "$name ${effect_of[$name]}" unharmed "$name"
    done
    check "the log of the kernel has no warning" clean_log
}
