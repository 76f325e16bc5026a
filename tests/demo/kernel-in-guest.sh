# SPDX-License-Identifier: GPL-2.0-or-later
# The steps of the kernel demo inside the virtual machine; each must do what it says, or the demo ends.
. ./fixes-in-guest.sh

show() { # show COMMAND...: the command and what it says
    printf '\n$ %s\n' "$*"
    "$@"
}
must() { show "$@" || { echo "demo: this should have succeeded"; exit 1; }; }
must_not() { ! show "$@" || { echo "demo: this should have failed"; exit 1; }; }
expect() { # expect WORD PROBE
    local word
    word=$(probe "$2") || exit 1
    printf '\n# the kernel behaves in the %s way: %s\n' "$word" "$3"
    [ "$word" = "$1" ] || { echo "demo: it should be the $1 way"; exit 1; }
}

quiet_start || { cat started; exit 1; }
must uname -rv
must syscare list
expect old timens "an impossible offset of a time namespace is taken"
must syscare apply CVE-2026-93146
expect new timens "it is refused"
must syscare list
must cat /sys/kernel/livepatch/*/enabled
sleeper 600
printf '\n# a task sleeps in the very function that the next fix replaces\n'
must_not syscare apply sleep --timeout 3
must syscare status sleep
kill "$sleeper"
printf '\n# it was ended\n'
must syscare apply sleep --timeout 60
must syscare deactive CVE-2026-93146
expect old timens "the old code is back"
must syscare remove sleep CVE-2026-93146
must syscare list
not ls -d /sys/kernel/livepatch/*/ 2>/dev/null || { echo "demo: a livepatch is left"; exit 1; }
clean_log || exit 1
printf '\n# nothing is left in the kernel, and its log has no warning\n'
