#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Early boot on Debian's kernel: an accepted patch is in the stock redis-server.service, with its unit's sandbox, before that gives its first
# answer. TAP on standard output. usage: redis-boot-test.sh SOURCE-ROOT BUILD-ROOT
set -u
source_root=$1 build_root=$2
here=$source_root/tests/guest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

result() { # result STATUS NAME LOG: one TAP line
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        tail -30 "$3" | sed 's/^/# /'
        if [ "${4-}" = vital ]; then echo "1..$count"; exit 1; fi
    fi
}

# The lines "ok NAME" and "not ok NAME" that a guest's run left become ours.
take_over() {
    local line
    while IFS= read -r line; do
        case $line in
        'ok '*) count=$((count + 1)); echo "ok $count - ${line#ok }" ;;
        'not ok '*) count=$((count + 1)); echo "not ok $count - ${line#not ok }" ;;
        *) echo "# $line" ;;
        esac
    done <"$work/share/output"
}

mkdir "$work/share"
"$source_root/packaging/build" deb "$work/packages" >"$work/deb.log" 2>&1
result $? "the Debian package builds" "$work/deb.log" vital
SYSCARE_BUILD=$build_root "$source_root/tools/world" --rw "$work/share" -- /usr/bin/python3 -B "$here/redis-bundle.py" "$work/share" >"$work/bundle.log" 2>&1
result $? "a hot patch for the stock redis-server is made" "$work/bundle.log" vital
cp "$work"/packages/syscare_*.deb "$work/share/syscare.deb"
cp "$here/in-guest.sh" "$here/redis-in-guest.sh" "$work/share"
cat >"$work/share/first-answer" <<'END'
redis-cli debug set-skip-checksum-validation 1 >/dev/null
redis-cli -x restore "stream:$$" 0 <${0%/*}/payload >/var/lib/answer 2>&1
END
for boot in first second; do
    printf '#!/bin/bash\n. ./in-guest.sh\n. ./redis-in-guest.sh\nredis_%s_boot\n' "$boot" >"$work/share/run"
    chmod +x "$work/share/run"
    "$source_root/tools/guest" run --quiet --timeout 1100 --disk "$work/disk.qcow2" "$work/share" 2>"$work/guest.log"
    result $? "the guest's $boot boot ran to its end" "$work/guest.log"
    take_over
done
echo "1..$count"
