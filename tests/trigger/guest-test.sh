#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Gate and net on Debian's kernel, in the guest: there exec holds a lock that keeps tracers away, and uprobes are perf events. TAP on
# standard output. usage: guest-test.sh SOURCE-ROOT LP-DIFF LP-TRIGGER
set -u
source_root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/share"
python3 -B "$source_root/tests/trigger/guest-targets.py" "$2" "$3" "$work/share" >"$work/log" 2>&1 || { sed 's/^/# /' "$work/log"; echo "Bail out! no target"; exit 1; }
cat >"$work/share/run" <<'END'
#!/bin/bash
# Prints "KEY VALUE..." lines.
cp /mnt/share/{program,entity,patient,patient.entity,lp-trigger} /root && cd /root || exit 1
starts=200
begin() { # begin NAME OPTION...: FALSE: it didn't
    local name=$1 line=''
    shift
    coproc trigger { exec ./lp-trigger "$@"; }
    # Copies, since bash closes a coprocess's descriptors in what runs in the background.
    exec 8<&"${trigger[0]}" 9>&"${trigger[1]}" {trigger[1]}>&-
    until [ "$line" = ready ]; do
        read -r line <&8 || { echo "$name no-trigger"; return 1; }
        case $line in lack*) echo "$name $line" ;; esac
    done
    cat <&8 9>&- >said &
    reader=$!
}
finish() {
    exec 9>&-
    wait "$reader"
    exec 8<&-
}
round() { # round NAME PARALLEL OPTION...
    local name=$1 parallel=$2 new old
    shift 2
    begin "$name" "$@" entity program || return
    seq $starts | xargs -P "$parallel" -I{} sh -c './program; :' >lines
    finish
    new=$(grep -c new lines) old=$(grep -c old lines)
    echo "$name starts $((new + old)) old-values $old $(grep ^counts said)"
}
uname -r
round both 1
round both-4 4
round net 1 --without=gate
round net-4 4 --without=gate
begin copy patient.entity patient && {
    cp patient copy
    ./copy 9>&-
    new=$?
    finish
    echo "copy starts 1 status $new $(grep ^counts said)"
}
END
chmod +x "$work/share/run"
"$source_root/tools/guest" run --quiet --timeout 800 "$work/share" >"$work/guest.log" 2>&1
ran=$?
[ -e "$work/share/output" ] || { tail -5 "$work/guest.log" | sed 's/^/# /'; echo 'Bail out! the guest did not run'; exit 1; }
sed 's/^/# /' "$work/share/output"
number() { # number ROUND WORD: what stands behind WORD in ROUND's line
    grep "^$1 starts" "$work/share/output" | grep -o " $2 [0-9]*" | grep -o '[0-9]*$' || echo none
}
count=0
check() { # check NAME CONDITION
    count=$((count + 1))
    if eval "$2"; then echo "ok $count - $1"; else echo "not ok $count - $1"; fi
}
echo 1..7
check 'the guest ran to its end' "[ $ran = 0 ]"
check 'all programs ran' '[ "$(number both starts) $(number both-4 starts) $(number net starts) $(number net-4 starts)" = "200 200 200 200" ]'
check 'gate and net, one at a time: no old value' '[ "$(number both old-values)" = 0 ]'
check 'gate and net, four at a time: old values are counted' '[ "$(number both-4 old-values)" -le "$(number both-4 old)" ]'
check 'the net alone, one at a time: no old value' '[ "$(number net old-values)" = 0 ]'
check 'the net alone, four at a time: old values are counted' '[ "$(number net-4 old-values)" -le "$(number net-4 old)" ]'
check 'a copy of the file is found, by the lookout (hazard 27)' '[ "$(number copy status)" = 0 ] && [ "$(number copy asked)" -gt 0 ]'
