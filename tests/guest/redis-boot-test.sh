#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Early boot on Debian's kernel: an accepted patch is in the stock redis-server.service, with its unit's sandbox, before that gives its first
# answer. TAP on standard output. usage: redis-boot-test.sh SOURCE-ROOT BUILD-ROOT
# shellcheck disable=SC2154 # variables come from runs.sh
set -u
source_root=$1 build_root=$2
here=$source_root/tests/guest
. "$here/runs.sh"

build_deb
built=$?
SYSCARE_BUILD=$build_root "$source_root/tools/world" --rw "$work/share" -- /usr/bin/python3 -B "$here/redis-bundle.py" "$work/share" >"$work/bundle.log" 2>&1
made=$?
result $made "a hot patch for the stock redis-server is made" "$work/bundle.log"
if [ $built != 0 ] || [ $made != 0 ]; then
    echo "1..$count"
    exit 1
fi
cp "$here/redis-in-guest.sh" "$work/share"
boot_twice redis-in-guest.sh redis_
echo "1..$count"
