# SPDX-License-Identifier: GPL-2.0-or-later
# What checks inside the guest share; sourced there by a relative path. One line "ok NAME" or "not ok NAME" a check.
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >said 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        tail -40 said
    fi
}
await() { # await COMMAND...: until it succeeds, a minute at most
    local end=$((SECONDS + 60))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
no_failed_unit() { # Names those that have, and what they said.
    local units unit
    units=$(systemctl --failed --no-legend --plain | awk '{ print $1 }')
    [ -n "$units" ] || return 0
    for unit in $units; do
        echo "$unit:"
        systemctl show -P Result "$unit"
        journalctl --no-pager --boot -o short-monotonic -n 15 -u "$unit"
    done
    return 1
}
manager_says() { busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager "$1"; }
has_all_mechanisms() { # Nothing of the trigger is missing on this kernel.
    local name
    manager_says Features >features
    cat features
    for name in gate net events; do grep -q "\"$name\"" features || return 1; done
}
property() { systemctl show -P "$2TimestampMonotonic" "$1.service"; }
was_before() { echo "$1 $2" && [ "$1" -gt 0 ] && [ "$1" -lt "$2" ]; }
no_ordering_cycle() { ! journalctl -b --no-pager | grep -i "ordering cycle"; }
