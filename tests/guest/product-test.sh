#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The product as packages in a real system: installed, activated, restarted, killed, upgraded, rebooted, removed, with a hot patch in a running
# service all the while. TAP on standard output. usage: product-test.sh SOURCE-ROOT BUILD-ROOT
# shellcheck disable=SC2034,SC2154 # variables go to and come from runs.sh
set -u
source_root=$1 build_root=$2
here=$source_root/tests/guest
. "$source_root/tests/guest/runs.sh"

package deb again >"$work/deb.log" 2>&1
built=$?
result $built "the Debian package builds" "$work/deb.log"
package rpm again >"$work/rpm.log" 2>&1 && rpm -qlp "$work"/packages/syscare-[0-9]*.rpm >"$work/rpm.list" 2>&1 &&
    grep -q '/syscared$' "$work/rpm.list" && grep -q 'syscared.service$' "$work/rpm.list"
result $? "the RPM package builds and holds the service and its unit" "$work/rpm.log"

cp -r "$here/toy" "$work/tree"
cp -r "$here/toy" "$work/make"
make -s -C "$work/make" toy
cat >"$work/new-answer.patch" <<'END'
--- a/toy.c
+++ b/toy.c
@@ -12,5 +12,5 @@
 answer (int round)
 {
-  snprintf (text, sizeof text, "old %d\n", round & 1);
+  snprintf (text, sizeof text, "new %d of 2\n", round & 1);
   return text;
 }
END
"$build_root/cli/syscare" build --source "$work/tree" --build 'make toy' --target toy --patch "$work/new-answer.patch" --name HP001 --output "$work/share/bundles" \
    --cache "$work/cache" >"$work/build.log" 2>&1
result $? "a hot patch is made for the toy" "$work/build.log"

if [ $built != 0 ]; then
    echo "1..$count"
    exit 1
fi
cp "$work"/packages/syscare_*.deb "$work/share/syscare.deb"
cp "$work"/packages/syscare-[0-9]*.rpm "$work/share/syscare.rpm"
cp "$work/make/toy" "$here/in-guest.sh" "$work/share"
for boot in first second; do
    printf '#!/bin/bash\n. ./in-guest.sh\n%s_boot\n' "$boot" >"$work/share/run"
    chmod +x "$work/share/run"
    "$source_root/tools/guest" run --quiet --timeout 1100 --disk "$work/disk.qcow2" "$work/share" 2>"$work/guest.log"
    result $? "the guest's $boot boot ran to its end" "$work/guest.log"
    take_over
done
echo "1..$count"
