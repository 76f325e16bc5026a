#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The product as packages in a real system: installed, activated, restarted, killed, upgraded, rebooted, removed, with a hot patch in a running
# service all the while. TAP on standard output. usage: product-test.sh SOURCE-ROOT BUILD-ROOT
# shellcheck disable=SC2034,SC2154 # variables go to and come from runs.sh
set -u
source_root=$1 build_root=$2
here=$source_root/tests/guest
. "$source_root/tests/guest/runs.sh"

build_deb again
built=$?
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
cp "$work"/packages/syscare-[0-9]*.rpm "$work/share/syscare.rpm"
cp "$work/make/toy" "$here/in-guest.sh" "$work/share"
boot_twice in-guest.sh ""
echo "1..$count"
