#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/deps installs what is missing and nothing else happens to the machine. TAP; takes packages away, so it makes a private
# world of its own.
set -u
[ "${1-}" = --inside ] || exec "$(dirname "$0")/../../tools/world" --bare -- "$0" --inside
deps=$(cd "$(dirname "$0")/../.." && pwd)/tools/deps
policy=/usr/sbin/policy-rc.d
number=0 failures=0

check () # SENTENCE COMMAND...
{
  local sentence=$1
  shift
  number=$((number + 1))
  if "$@" >/tmp/out 2>&1; then
    echo "ok $number $sentence"
  else
    failures=$((failures + 1))
    echo "not ok $number $sentence"
    sed 's/^/# /' /tmp/out
  fi
}

does_nothing_when_all_is_there ()
{
  local before
  "$deps" || return
  before=$(stat -c '%Y %i' /var/lib/dpkg/status; ls -l --time-style=full-iso /var/lib/apt/lists)
  [ "$("$deps")" = "deps: all packages are installed" ] || return
  [ "$before" = "$(stat -c '%Y %i' /var/lib/dpkg/status; ls -l --time-style=full-iso /var/lib/apt/lists)" ]
}

installs_what_is_missing ()
{
  rm -f $policy
  dpkg --remove --force-depends pyflakes3 patch && ! command -v patch || return
  "$deps" && command -v patch && command -v pyflakes3
}

removes_its_own_policy () { [ ! -e $policy ]; }

leaves_a_policy_that_was_there ()
{
  printf '#!/bin/sh\n# somebody else'"'"'s\nexit 104\n' >$policy
  dpkg --remove --force-depends pyflakes3 && "$deps" && grep -q "somebody else's" $policy
}

# A package whose script starts a service asks policy-rc.d; the one of tools/deps says no, and is there while it matters.
forbids_service_starts ()
{
  local folder
  folder=$(mktemp -d)
  rm -f $policy
  mkdir -p "$folder/pkg/DEBIAN"
  printf 'Package: patch\nVersion: 99\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: probe\n' >"$folder/pkg/DEBIAN/control"
  printf '#!/bin/sh\n%s probe start >/dev/null; echo $? >/tmp/policy-said\n' $policy >"$folder/pkg/DEBIAN/postinst"
  chmod 755 "$folder/pkg/DEBIAN/postinst"
  dpkg-deb --build --root-owner-group "$folder/pkg" "$folder/patch.deb" >/dev/null || return
  printf 'deb [trusted=yes] file:%s ./\n' "$folder" >/etc/apt/sources.list.d/probe.list
  (cd "$folder" && dpkg-scanpackages . >Packages) && chmod -R a+rX "$folder" || return
  apt-get -q update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/probe.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 || return
  dpkg --remove --force-depends patch && "$deps" && [ "$(cat /tmp/policy-said)" = 101 ]
}

lists_reasons () { "$deps" --list | awk 'NF < 3 { exit 1 }'; }

echo 1..6
check "does nothing when all is there" does_nothing_when_all_is_there
check "installs what is missing" installs_what_is_missing
check "takes its policy away again" removes_its_own_policy
check "leaves a policy that was there" leaves_a_policy_that_was_there
check "forbids service starts while it installs" forbids_service_starts
check "says what each package is for" lists_reasons
[ $failures = 0 ]
