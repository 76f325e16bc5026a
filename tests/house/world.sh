#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/world keeps its promises: nothing gets out of the world, and nothing of it is left. TAP on standard output.
set -u
world=$(cd "$(dirname "$0")/../.." && pwd)/tools/world
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failures=0

check () # SENTENCE COMMAND...
{
  local sentence=$1
  shift
  number=$((number + 1))
  if "$@" >"$scratch/out" 2>&1; then
    echo "ok $number $sentence"
  else
    failures=$((failures + 1))
    echo "not ok $number $sentence"
    sed 's/^/# /' "$scratch/out"
  fi
}

# A package made here, so that the test needs no network.
make_package ()
{
  mkdir -p "$scratch/pkg/DEBIAN" "$scratch/pkg/usr/bin"
  printf 'Package: world-probe\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: probe\n' >"$scratch/pkg/DEBIAN/control"
  printf '#!/bin/sh\necho probe\n' >"$scratch/pkg/usr/bin/world-probe"
  chmod 755 "$scratch/pkg/usr/bin/world-probe"
  dpkg-deb --build --root-owner-group "$scratch/pkg" "$scratch/world-probe.deb"
}

package_stays_inside ()
{
  "$world" --bare --rw "$scratch" -- sh -ec "apt-get install -y '$scratch/world-probe.deb'; test \"\$(world-probe)\" = probe; dpkg -S /usr/bin/world-probe; rm /usr/bin/env; echo gone >/etc/passwd" || return
  [ ! -e /usr/bin/world-probe ] && ! dpkg -s world-probe && [ -x /usr/bin/env ] && id root
}

users_exist_inside_only ()
{
  local before
  before=$(sha256sum /etc/passwd /etc/group /etc/shadow)
  "$world" --bare -- sh -ec 'id patchadmin; id patchuser; id dba; id -nG patchadmin | grep -E "sudo|wheel"; id -nG dba | grep -w dba' || return
  [ "$before" = "$(sha256sum /etc/passwd /etc/group /etc/shadow)" ]
}

bus_and_polkit_answer ()
{
  # An action of polkit's own, asked for by a user without any right to it: polkit must be there to say "needs authentication" (2).
  "$world" --bare -- runuser -u patchuser -- bash -c 'pkcheck --action-id org.freedesktop.policykit.exec --process $$; [ $? = 2 ]'
}

status_is_kept ()
{
  "$world" --bare -- sh -c 'exit 37'; [ $? = 37 ] || return
  "$world" --bare -- sh -c 'kill -TERM $$'; [ $? = 143 ] || return
  "$world" --bare --host-pid -- sh -c 'exit 38'; [ $? = 38 ]
}

rw_path_is_the_outside_s ()
{
  mkdir -p "$scratch/open" "$scratch/closed"
  "$world" --bare --rw "$scratch/open" -- sh -ec "echo yes >'$scratch/open/file'; mkdir -p '$scratch/closed'; echo no >'$scratch/closed/file'" || return
  [ "$(cat "$scratch/open/file")" = yes ] && [ ! -e "$scratch/closed/file" ]
}

tmp_and_run_are_private ()
{
  : >"$scratch/outside-file"
  "$world" --bare -- sh -ec "test ! -e '$scratch/outside-file'; echo x >/tmp/world-x; echo x >/run/world-x; su patchuser -c 'echo y >/tmp/world-y'" || return
  [ ! -e /tmp/world-x ] && [ ! -e /run/world-x ] && [ ! -e /tmp/world-y ]
}

no_net_has_only_loopback ()
{
  [ "$("$world" --bare --no-net -- sh -c 'ls /proc/self/net/dev_snmp6; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "' | sort -u)" = lo ]
}

maps_and_stat_agree ()
{
  "$world" --bare -- bash -ec '
    cp /bin/sleep /usr/bin/copied-sleep
    for program in /bin/sleep /usr/bin/copied-sleep; do
      $program 60 & pid=$!
      until grep -q sleep /proc/$pid/maps; do :; done
      set -- $(grep -m 1 sleep /proc/$pid/maps)
      [ "$((16#${4%:*})):$((16#${4#*:})) $5" = "$(stat -L -c "%Hd:%Ld %i" $program)" ]
      kill $pid
    done'
}

two_worlds_at_a_time ()
{
  local first second
  mkfifo "$scratch/a" "$scratch/b"
  # Each waits for the other in the middle, so that both are really there at the same time.
  "$world" --bare --rw "$scratch" -- bash -ec "echo one >/etc/which; echo >'$scratch/a'; read <'$scratch/b'; test \$(cat /etc/which) = one; gdbus wait --system --timeout 5 org.freedesktop.PolicyKit1" & first=$!
  "$world" --bare --rw "$scratch" -- bash -ec "echo two >/etc/which; read <'$scratch/a'; echo >'$scratch/b'; test \$(cat /etc/which) = two; gdbus wait --system --timeout 5 org.freedesktop.PolicyKit1" & second=$!
  wait $first && wait $second
}

# The processes that carry MARK in their environment and still run.
marked () { grep -lazF "WORLD_TEST_MARK=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }

ended_world_leaves_nothing () # SIGNAL OPTION...
{
  local signal=$1 mark=$RANDOM$RANDOM pid left
  shift
  local before
  before=$(grep -c ' - overlay ' /proc/self/mountinfo)
  mkfifo "$scratch/ready.$mark"
  WORLD_TEST_MARK=$mark "$world" --bare "$@" --rw "$scratch" -- bash -c "setsid sleep 600 & sleep 600 & echo >'$scratch/ready.$mark'; sleep 600" & pid=$!
  read -r -t 60 _ <"$scratch/ready.$mark" || return
  kill "-$signal" $pid
  wait $pid
  for _ in $(seq 200); do # the kernel ends them in its own time, and nothing announces the last one
    left=$(marked "$mark")
    [ -n "$left" ] || break
    sleep 0.05
  done
  [ -z "$left" ] || { echo "left: $left"; return 1; }
  [ "$before" = "$(grep -c ' - overlay ' /proc/self/mountinfo)" ]
}

refusals_are_named ()
{
  "$world" --no-such-option true 2>"$scratch/err"; [ $? = 125 ] && grep -q 'unknown option --no-such-option' "$scratch/err" || return
  "$world" --bare --rw /does/not/exist true 2>"$scratch/err"; [ $? = 125 ] && grep -q 'no such file' "$scratch/err" || return
  SYSCARE_BUILD=$scratch "$world" true 2>"$scratch/err"; [ $? = 125 ] && grep -q 'not a build tree' "$scratch/err"
}

make_package >/dev/null || { echo "Bail out! can't build the probe package"; exit 1; }
echo 1..13
check "a package installed inside isn't there outside" package_stays_inside
check "users exist inside only" users_exist_inside_only
check "the bus and polkit answer at their default places" bus_and_polkit_answer
check "the command's exit status is kept" status_is_kept
check "a path given by --rw is the outside's own, others are discarded" rw_path_is_the_outside_s
check "/tmp and /run are private and usable" tmp_and_run_are_private
check "--no-net leaves only the loopback interface" no_net_has_only_loopback
check "stat and /proc/PID/maps agree on device and inode" maps_and_stat_agree
check "two worlds at a time don't meet" two_worlds_at_a_time
check "a killed world leaves no process and no mount" ended_world_leaves_nothing KILL
check "a killed world without pid namespace leaves nothing either" ended_world_leaves_nothing KILL --host-pid
check "a terminated world leaves nothing" ended_world_leaves_nothing TERM
check "what can't be done is refused with its reason" refusals_are_named
[ $failures = 0 ]
