# SPDX-License-Identifier: GPL-2.0-or-later
# What the product's test does inside the guest, once per boot; sourced.
cd /mnt/share || exit 1
. ./checks.sh

toy_says() { await grep -q "^$1" /run/toy; }
toy_pid() { systemctl show -P MainPID toy.service; }
state_is() { syscare list --json | tr -d ' ' | grep -q "\"state\":\"$1\""; }
status_says() { systemctl status --no-pager --full syscared.service | grep -q "Status: .*$1"; }
settings_are_well() { ! status_says "settings:"; }
# The gate misses the folder that the toy was built in, which isn't in the guest: that one is told rightly.
complaints() { syscare list 2>&1 >/dev/null | grep -v 'gate: .*/tree/toy: No such file'; }
is_well() { [ -z "$(complaints | tee /dev/stderr)" ]; }
# Toys in overlays over the same file, as in containers: other inodes, which the gate doesn't see, of a file that is where no patch says. Each
# gets the new code; its very first call is a new one, or counted.
are_met_in_overlays() {
    local before word i
    for i in 1 2 3 4 5; do
        before=$(old_calls)
        word=$(first_word_in_overlay) || return 1
        echo "first call: $word; old calls: $before, now $(old_calls)"
        [ "$word" = new ] || await has_counted_more_than "$before" || return 1
    done
}
has_counted_more_than() { [ "$(old_calls)" -gt "$1" ]; }
old_calls() { manager_says OldCalls | cut -d ' ' -f 2; }
first_word_in_overlay() { # Fails when no new one follows.
    unshare --mount bash -c 'mount -t tmpfs none /run && mkdir /run/upper /run/work /run/merged &&
        mount -t overlay none -o lowerdir=/usr/local/bin,upperdir=/run/upper,workdir=/run/work /run/merged && mkfifo /run/toy || exit 1
        exec 3<>/run/toy
        /run/merged/toy &
        read -r -t 60 first <&3
        word=$first
        while [[ $word != new* ]] && read -r -t 60 word <&3; do :; done
        kill $!
        echo "${first%% *}"
        [[ $word = new* ]]'
}
trigger_unit() { systemctl list-units --no-legend --plain --state=running 'syscare-trigger@*' | cut -d ' ' -f 1; }
another_trigger() { [ -n "$(trigger_unit)" ] && [ "$(trigger_unit)" != "$1" ]; }
is_replaced() { # All of a running trigger's unit is killed at once, its guard included.
    local unit
    unit=$(trigger_unit)
    systemctl kill --signal=KILL "$unit" && await another_trigger "$unit" && await is_well
}
same_toy() { [ "$(toy_pid)" = "$pid" ] && kill -0 "$pid"; }

install_toy() {
    install -m 755 toy /usr/local/bin/toy
    cat >/etc/systemd/system/toy.service <<'END'
[Service]
ExecStart=/usr/local/bin/toy
# As Debian's redis-server.service has it: the filters must be got round, the namespaces be seen through.
CapabilityBoundingSet=
LockPersonality=true
MemoryDenyWriteExecute=true
NoNewPrivileges=true
PrivateDevices=true
PrivateTmp=true
PrivateUsers=true
ProtectClock=true
ProtectControlGroups=true
ProtectHome=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
ProtectSystem=strict
ReadWritePaths=/run
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
[Install]
WantedBy=multi-user.target
END
    systemctl daemon-reload
    systemctl enable --now toy.service
}

first_boot() {
    check "the package installs" dpkg -i syscare.deb
    check "its service is running and says that it is ready" systemctl is-active syscared.service
    systemctl is-active --quiet syscared.service || { journalctl -u syscared.service --no-pager -o cat | tail -20; return 1; }
    check "and is enabled for the next boot" systemctl is-enabled syscared.service
    check "its exposure is 3.5 or less" systemd-analyze security --offline=true --threshold=35 --no-pager syscared.service
    check "it has a watchdog" [ "$(systemctl show -P WatchdogUSec syscared.service)" = 1min ]
    check "the directories for settings and keys are there" [ -d /etc/syscare/trusted.d ]
    install_toy
    pid=$(toy_pid)
    check "the toy runs" toy_says old
    check "busctl can introspect the service" busctl introspect org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager
    check "the bundle is installed" syscare install bundles/*/
    check "and applied under the unit's hardening" syscare apply HP001
    check "the new code runs" toy_says new
    check "in the same process" same_toy
    check "status shows active" state_is active
    check "systemctl status shows the counts" await status_says "1 patches, 1 active, 0 of them accepted"
    check "the toy is a process with seccomp filters" grep -q "^Seccomp:.*2" "/proc/$pid/status"
    check "the service is alone in its sandbox" [ "$(wc -l </sys/fs/cgroup/system.slice/syscared.service/cgroup.procs)" = 1 ]
    check "the trigger is a unit of its own" bash -c 'systemctl list-units --no-legend --plain "syscare-trigger@*" | grep running'
    check "which has gate, net and events in its unit on this kernel" has_all_mechanisms
    check "and lacks nothing" is_well
    check "what the next trigger needs of a killed one is pinned" test -e /sys/fs/bpf/syscare-net
    check "a trigger killed together with its guard is replaced" is_replaced
    check "toys in overlays over the file, as in containers, get the new code from their first call on, or that is counted" are_met_in_overlays
    echo '[service]
busy-timeot=3' >/etc/syscare/syscare.conf
    check "a reload reads the settings again" systemctl reload syscared.service
    check "and says what is wrong with them" await status_says "degraded: settings: .*busy-timeot"
    rm /etc/syscare/syscare.conf
    check "a reload takes the complaint back" bash -c 'systemctl reload syscared.service'
    check "in the status" await settings_are_well
    check "it is accepted" syscare accept HP001
    check "a stopped service is activated by the next request" bash -c 'systemctl stop syscared.service && syscare list'
    check "and runs then" await systemctl is-active syscared.service
    check "and knows the state" state_is accepted
    systemctl kill -s KILL syscared.service
    check "killed, it comes back by itself" await systemctl is-active syscared.service
    check "and knows the state again" state_is accepted
    check "a restart changes nothing" bash -c 'systemctl restart syscared.service && syscare list'
    check "neither in the books" state_is accepted
    check "nor in the process" toy_says new
    check "an upgrade of the package succeeds" dpkg -i syscare.deb
    check "and leaves the state" state_is accepted
    check "and the process" same_toy
    check "which runs the new code" toy_says new
    check "an unprivileged user can read" setpriv --reuid patchuser --regid patchuser --clear-groups syscare list
    check "but not change" bash -c '! setpriv --reuid patchuser --regid patchuser --clear-groups syscare --no-ask-password deactive HP001'
    check "the journal tells of it" bash -c 'journalctl -u syscared --no-pager -o cat | grep -i "accept"'
    check "no unit has failed" no_failed_unit
}

second_boot() {
    check "after the reboot the service is there" await systemctl is-active syscared.service
    check "the toy was started anew" await systemctl is-active toy.service
    pid=$(toy_pid)
    check "the accepted patch is in effect again" toy_says new
    check "the service was ready before the toy began" was_before "$(property syscared ActiveEnter)" "$(property toy ExecMainStart)"
    check "and before the bus" was_before "$(property syscared ActiveEnter)" "$(property dbus ActiveEnter)"
    check "no unit waits for another in a circle" no_ordering_cycle
    check "and the books say so" state_is accepted
    now=$(date +%s)
    check "the clock jumps ten years ahead" date -s "@$((now + 315360000))"
    check "and a change is made" syscare deactive HP001
    check "and another one" syscare active HP001
    check "the clock jumps twenty years back" date -s "@$((now - 315360000))"
    check "and the change is accepted" syscare accept HP001
    check "the service is started anew at that time" systemctl restart syscared.service
    check "and knows the state" await state_is accepted
    check "the history has what was done at all these times" [ "$(syscare history --json | grep -c '"verb"')" -ge 5 ]
    date -s "@$now"
    check "with the right time again, all is as it was" state_is accepted
    check "and the service is well" [ -z "$(complaints)" ]
    check "the package is removed with the patch active" dpkg -r syscare
    check "the process lives" same_toy
    check "and keeps its code" toy_says new
    check "the package comes back and recognises the patch" dpkg -i syscare.deb
    check "in the books" state_is accepted
    check "the Debian package gives way to the RPM one with the patch active" bash -c 'dpkg -r syscare && rpm -i --nodeps --force-debian syscare.rpm'
    check "whose preset enables the service" systemctl is-enabled syscared.service
    check "whose service is activated and recognises the patch" await state_is accepted
    check "in the process that goes on" same_toy
    check "with the new code" toy_says new
    check "the RPM package is put in place again over itself" rpm -U --replacepkgs --nodeps --force-debian syscare.rpm
    check "and the state stays" await state_is accepted
    check "the RPM package is erased with the patch active" rpm -e --nodeps --force-debian syscare
    check "the process lives all the same" same_toy
    check "with the new code, too" toy_says new
    check "nothing of the service runs" bash -c '! systemctl --quiet is-active syscared.service && ! pgrep -x "syscare.*"'
    check "the Debian package comes back once more" dpkg -i syscare.deb
    check "and finds what the RPM one left" await state_is accepted
    check "it is withdrawn" syscare remove HP001
    check "the old code runs" toy_says old
    check "in the same process" same_toy
    check "no mapping of ours is left" bash -c "! grep -q syscare /proc/$pid/maps"
}
