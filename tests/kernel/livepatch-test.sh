#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libpatch/kernel on a real kernel in the guest: modules are built here, loaded there. TAP on standard output.
set -u
source_root=$1 lp_livepatch=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/share"
if ! "$source_root/tests/kernel/build-modules" "$source_root" "$work/modules" >"$work/make.log" 2>&1; then
    echo "1..1"
    echo "not ok 1 - the test modules build"
    sed 's/^/# /' "$work/make.log" | tail -20
    exit 1
fi
cp "$work"/modules/*.ko "$work/share"
cp "$lp_livepatch" "$work/share/lp-livepatch"
mkdir "$work/share/signed"
cp "$work/modules/cmdline_one.ko" "$work/share/signed"
openssl req -new -x509 -newkey rsa:2048 -nodes -sha256 -subj "/CN=A vendor of patches" -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/make.log"
find /lib/modules/*/build/scripts/ -name sign-file -exec {} sha256 "$work/key.pem" "$work/cert.pem" "$work/share/signed/cmdline_one.ko" \; -quit

cat >"$work/share/run" <<'RUN'
#!/bin/bash
# One line "ok NAME" or "not ok NAME" a check; what the commands said is in said.
check() { # check NAME COMMAND...
    local name=$1; shift
    if "$@" >>said 2>&1; then echo "ok $name"; else echo "not ok $name"; tail -5 said | sed 's/^/# /'; fi
}
lp() { ./lp-livepatch "$@"; }
fails_with() { # fails_with WORDS COMMAND...
    local words=$1 out; shift
    out=$("$@" 2>&1) && { echo "succeeded: $out"; return 1; }
    echo "$out"
    grep -q -- "$words" <<<"$out"
}
shows() { local want=$1; shift; "$@" | tee -a said | grep -q -- "$want"; }

check "a livepatch is loaded and its transition followed to the end (hazard 44)" lp enable cmdline_one.ko 10000
check "the new code runs" grep -qx one /proc/cmdline
check "the list shows its object and function" shows "patch cmdline_one enabled 1 transition 0 object vmlinux patched 1: cmdline_proc_show,1" lp list
check "loading it again is a conflict, not a second copy" fails_with "Conflict" lp enable cmdline_one.ko 10000
check "it is disabled and its module gone (hazard 46)" lp disable cmdline_one 10000
check "the module is gone" test ! -d /sys/module/cmdline_one
check "the old code runs again" grep -q console= /proc/cmdline
check "disabling what isn't there is no error" lp disable cmdline_one 10000
check "it is loaded again after it was disabled (hazard 45)" lp enable cmdline_one.ko 10000
check "a replacing patch takes over (hazard 47)" lp enable cmdline_two.ko 10000
check "its code runs" grep -qx two /proc/cmdline
check "the replaced patch has left sysfs" test ! -d /sys/kernel/livepatch/cmdline_one
check "the replacing patch is taken away" lp disable cmdline_two 10000
check "the replaced module, which was left behind disabled, is unloaded and loaded anew" lp enable cmdline_one.ko 10000
check "and is taken away" lp disable cmdline_one 10000
check "a module that names an unknown function is rejected with a reason" fails_with "ModuleRejected" lp enable absent.ko 10000
check "nothing of it stays" test ! -d /sys/module/absent
head -c 3000 cmdline_one.ko >truncated.ko
check "a truncated module is rejected" fails_with "ModuleRejected" lp enable truncated.ko 10000
sleep 30 &
sleeper=$!
while ! grep -q hrtimer_nanosleep "/proc/$sleeper/stack"; do :; done
check "a stalled transition times out and names the task and its function" \
    fails_with "stalled $sleeper $sleeper sleep .*nanosleep" lp enable sleeper.ko 1500
check "and was reversed and unloaded" test ! -d /sys/module/sleeper -a ! -d /sys/kernel/livepatch/sleeper
check "the sleeping task is unharmed" kill -0 "$sleeper"
kill "$sleeper"
# From here on the kernel takes signed modules only: it is locked down, and then told so outright.
mount -t securityfs none /sys/kernel/security 2>/dev/null
check "the kernel is locked down" eval 'echo integrity >/sys/kernel/security/lockdown'
check "a module that isn't signed is rejected, with the reason" fails_with "only loads signed modules (lockdown), and this one has no signature" lp enable cmdline_one.ko 10000
check "and so is one with a strange key" fails_with "(lockdown), and this one is signed with a key that the kernel doesn't have" lp enable signed/cmdline_one.ko 10000
check "as the kernel's log says" eval 'dmesg | grep "Lockdown: .*unsigned module loading is restricted"'
echo Y >/sys/module/module/parameters/sig_enforce
check "a module that isn't signed is rejected with the remedy when signatures are enforced" fails_with "has no signature" lp enable cmdline_one.ko 10000
check "and so is one that is signed with a key that the kernel doesn't have" fails_with "build it with --sign-module-key, and enrol that key" lp enable signed/cmdline_one.ko 10000
check "as the kernel's log says of both" bash -c 'dmesg | grep "unsigned module is rejected" && dmesg | grep "unavailable key is rejected"'
echo 1 >/proc/sys/kernel/modules_disabled
check "a kernel that loads no module any more says so, and what to do" fails_with "loads no module any more: kernel.modules_disabled is set" lp enable cmdline_one.ko 10000
check "none is loaded" test ! -d /sys/module/cmdline_one
check "the kernel's log has no warning" bash -c '! dmesg | grep -E "WARNING|BUG|Oops|Call Trace"'
RUN
chmod +x "$work/share/run"
"$source_root/tools/guest" run --quiet "$work/share" || echo "not ok the guest" >>"$work/share/output"
awk '/^(not )?ok / { count++; sub(/^ok /, "ok " count " - "); sub(/^not ok /, "not ok " count " - ") } { print } END { print "1.." count }' \
    "$work/share/output"
