#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `trigger --guest` does inside the guest: counts, since times mean nothing in an emulator. The folder holds starter, lp-trigger and two
# programs with their entities; `starts` says how many starts a row has.
uname -r
cp /mnt/share/{starter,lp-trigger,program,program.entity,calls,calls.entity} /root && cd /root || exit 1
starts=$(cat /mnt/share/starts)
mkfifo orders told
show() { printf '%-78s %s\n' "$1" "$2"; }
count() { grep ^counts said | grep -o " $1 [0-9]*" | grep -o '[0-9]*$'; }
begin() { # begin TARGET OPTION...
    local target=$1 line=''
    shift
    ./lp-trigger "$@" "$target.entity" "$target" <orders >told &
    pid=$!
    exec 9>orders 8<told
    until [ "$line" = ready ]; do
        read -r line <&8 || { echo "lp-trigger did not start"; exit 1; }
        case $line in lack*'switched off') ;; lack* | problem*) echo "  $target: $line" ;; esac
    done
    cat <&8 9>&- >said &
    reader=$!
}
finish() {
    exec 9>&-
    wait "$pid" "$reader"
    exec 8<&-
}
escapes() { # escapes NAME PARALLEL OPTION...
    local name=$1 parallel=$2 new old
    shift 2
    begin program "$@"
    read -r new old _ <<<"$(./starter "$starts" "$parallel" ./program 9>&-)"
    finish
    show "old values of $((new + old)) short-lived processes, $parallel at a time, $name" \
        "$old (counted $(count old); by gate $(count met), by net $(count caught), signals $(count signalled), lost $(count lost))"
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

for parallel in 1 4 20; do
    escapes "gate and net" $parallel
    escapes "the net alone" $parallel --without=gate
done
begin calls
./calls 9>&- >/dev/null
finish
show "traps in a patched process of 10,000,000 calls" "$(count hits)"
begin program
before=$(ticks "$pid")
sleep 20
show "processor time of the idle trigger in 20 s" "$(($(ticks "$pid") - before)) ticks of $((1000 / $(getconf CLK_TCK))) ms"
finish
