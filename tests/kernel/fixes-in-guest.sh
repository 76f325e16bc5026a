# SPDX-License-Identifier: GPL-2.0-or-later
# What the test of built kernel fixes does inside the guest; sourced. Each fix: the old behaviour, applied, the new one, deactivated, the old one,
# activated again, the new one, removed.
. ./in-guest.sh

probe() { # probe NAME: says "old" or "new"
    case $1 in
    timens | perf | auxv | compat-time) ./kernel-probe "$1" ;;
    loop) ./kernel-probe loop /root/loop.img ;;
    rw-hint) ./kernel-probe rw-hint /root/immutable ;;
    kbmeta) ./kernel-probe kbmeta /dev/tty1 ;;
    tap)
        ip link add dummy1 type dummy && ip link add link dummy1 name mt0 type macvtap || return 1
        ./kernel-probe tap "/dev/tap$(cat /sys/class/net/mt0/ifindex)"
        ip link del mt0
        ip link del dummy1
        ;;
    fq)
        ip link add dummy2 type dummy && ip link set dummy2 mtu 1000000 && tc qdisc add dev dummy2 root fq || return 1
        if tc qdisc show dev dummy2 | grep -q "quantum 1048576b\|quantum 1024Kb\|quantum 1Mb"; then echo new; else echo old; fi
        ip link del dummy2
        ;;
    filter)
        if echo 'prev_pid == 1 &&' 2>/dev/null >/sys/kernel/tracing/events/sched/sched_switch/filter; then echo old; else echo new; fi
        echo 0 >/sys/kernel/tracing/events/sched/sched_switch/filter
        ;;
    version) if grep -q "^read [0-9]* times" /proc/version; then echo new; else echo old; fi ;;
    uptime) if grep -q "^[0-9]* threads" /proc/uptime; then echo new; else echo old; fi ;;
    carrier)
        ip link add dummy3 type dummy && ip link set dummy3 up || return 1
        if echo 0 2>/dev/null >/sys/class/net/dummy3/carrier; then echo old; else echo new; fi
        ip link del dummy3
        ;;
    esac
}
behaves() { # behaves WORD PROBE
    local word
    word=$(probe "$2" 2>problem) || { cat problem; return 1; }
    [ "$word" = "$1" ] || { echo "$2: it behaves in the $word way, not in the $1 way"; cat problem; return 1; }
}
step() { # step WHAT COMMAND...: names what went wrong
    local what=$1
    shift
    "$@" >answer 2>&1 || { echo "$what:"; cat answer; return 1; }
}
whole_life() { # whole_life PATCH PROBE
    dmesg -C
    step "before" behaves old "$2" &&
        step "apply" syscare apply "$1" && step "state" state_is "$1" active && step "no problem" no_problem "$1" && step "applied" behaves new "$2" &&
        step "deactivate" syscare deactive "$1" && step "deactivated" behaves old "$2" &&
        step "activate" syscare active "$1" && step "active again" behaves new "$2" &&
        step "remove" syscare remove "$1" && step "removed" behaves old "$2" &&
        step "the kernel's log" clean_log
}
fixes() {
    check "the product starts in the guest" quiet_start
    [ -s installed ] || cat started
    local name cve target shape effect
    while IFS='|' read -r name cve target shape effect; do
        check "$name ($target; $shape): ${effect#*: }" whole_life "$name" "${effect%%:*}"
    done <table
}
