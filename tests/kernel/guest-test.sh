#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest itself: exit status, forgetting, rebooting, giving up. TAP on standard output.
set -u
guest=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

result() { # result STATUS NAME: one TAP line
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$work/output" 2>/dev/null
    fi
}

script() { # script TEXT: what the guest runs
    printf '#!/bin/bash\n%s\n' "$1" >"$work/run"
    chmod +x "$work/run"
}

script 'systemctl is-system-running && uname -r && touch /root/was-here; exit 3'
"$guest" run --quiet "$work"
[ $? = 3 ] && grep -q '^running$' "$work/output"
result $? "the guest runs systemd and hands back the exit status"

script '[ ! -e /root/was-here ] && [ -d /sys/kernel/livepatch ]'
"$guest" run --quiet "$work"
result $? "a restored guest has forgotten what was done before, and its kernel has livepatch"

script 'if [ -e /root/boots ]; then exit 42; else touch /root/boots; fi'
"$guest" run --quiet --disk "$work/disk.qcow2" "$work" && ! "$guest" run --quiet --disk "$work/disk.qcow2" "$work" && [ -s "$work/disk.qcow2" ]
result $? "a disk of its own remembers across a reboot"

script 'exec sleep 600'
"$guest" run --quiet --timeout 8 "$work" 2>"$work/output"
[ $? = 125 ] && grep -q 'no answer' "$work/output"
result $? "a guest that hangs is given up, with a reason"

echo "1..$count"
