#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Early boot on Debian's kernel: an accepted patch is in the stock redis-server.service, with its unit's sandbox, before that gives its first
# answer. TAP on standard output. usage: redis-boot-test.sh SOURCE-ROOT BUILD-ROOT
# shellcheck disable=SC2154 # variables come from runs.sh
set -u
source_root=$1 build_root=$2
here=$source_root/tests/guest
. "$here/runs.sh"

package deb >"$work/deb.log" 2>&1
built=$?
result $built "the Debian package builds" "$work/deb.log"
SYSCARE_BUILD=$build_root "$source_root/tools/world" --rw "$work/share" -- /usr/bin/python3 -B "$here/redis-bundle.py" "$work/share" >"$work/bundle.log" 2>&1
made=$?
result $made "a hot patch for the stock redis-server is made" "$work/bundle.log"
if [ $built != 0 ] || [ $made != 0 ]; then
    echo "1..$count"
    exit 1
fi
cp "$work"/packages/syscare_*.deb "$work/share/syscare.deb"
cp "$here/redis-in-guest.sh" "$work/share"
for boot in first second; do
    printf '#!/bin/bash\n. ./redis-in-guest.sh\nredis_%s_boot\n' "$boot" >"$work/share/run"
    chmod +x "$work/share/run"
    "$source_root/tools/guest" run --quiet --timeout 1100 --disk "$work/disk.qcow2" "$work/share" 2>"$work/guest.log"
    result $? "the guest's $boot boot ran to its end" "$work/guest.log"
    take_over
done
echo "1..$count"
