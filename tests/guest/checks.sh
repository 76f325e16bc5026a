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
