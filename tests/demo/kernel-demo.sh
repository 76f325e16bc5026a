#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows a kernel patch from the source fix to the repaired kernel, in a virtual machine with Debian's older kernel 6.1.176-1: built without building a
# kernel, loaded, seen to work, a transition that stalls, unloaded. usage: kernel-demo.sh SOURCE-ROOT BUILD-ROOT
# shellcheck disable=SC2034,SC2154 # variables go to and come from guest-lib.sh
set -u
export SYSCARE_GUEST_KERNEL=linux-image-6.1.0-50-amd64
source_root=$1 build_root=$2
. "$source_root/tests/kernel/guest-lib.sh"

say() { printf '\n== %s\n' "$1"; }
fail() { echo "demo: FAILED: $1" >&2; exit 1; }

say "Two source fixes become livepatch modules for $release"
for fix in CVE-2026-93146 sleep; do
    start=$SECONDS
    mkdir -p "$work/share/bundles/$fix"
    sed 's/^/    /' "$here/fixes/$fix.patch"
    "$build_root/cli/syscare" build --kernel "$release" --patch "$here/fixes/$fix.patch" --name "$fix" --output "$work/share/bundles/$fix" || fail "$fix was not built"
    echo "demo: $fix took $((SECONDS - start)) s"
done
say "The virtual machine boots"
{ "$source_root/tools/guest" prepare && install_tree; } >"$work/prepare.log" 2>&1 || { cat "$work/prepare.log"; fail "no virtual machine"; }
cp "$here/in-guest.sh" "$here/fixes-in-guest.sh" "$source_root/tests/demo/kernel-in-guest.sh" "$build_root/tests/kernel/kernel-probe" "$work/share"
printf '#!/bin/bash\ncd /mnt/share || exit 1\n. ./kernel-in-guest.sh\n' >"$work/share/run"
chmod +x "$work/share/run"
"$source_root/tools/guest" run --quiet --timeout 600 "$work/share"
status=$?
cat "$work/share/output"
[ $status = 0 ] || fail "see above"
echo "demo: ok"
