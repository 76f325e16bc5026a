# SPDX-License-Identifier: GPL-2.0-or-later
# What the product's test does inside the guest, once per boot; sourced. One line "ok NAME" or "not ok NAME" a check.
cd /mnt/share || exit 1

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >said 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        tail -8 said
    fi
}
await() { # await COMMAND...: until it succeeds, 20 s at most
    local end=$((SECONDS + 20))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
toy_says() { await grep -q "^$1" /run/toy; }
toy_pid() { systemctl show -P MainPID toy.service; }
state_is() { syscare list --json | tr -d ' ' | grep -q "\"state\":\"$1\""; }
same_toy() { [ "$(toy_pid)" = "$pid" ] && kill -0 "$pid"; }

install_toy() {
    install -m 755 toy /usr/local/bin/toy
    cat >/etc/systemd/system/toy.service <<'END'
[Service]
ExecStart=/usr/local/bin/toy
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
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
    # Lower isn't possible without seccomp filters, which would keep the service from patching others that have one.
    check "its exposure is 7.0 or less" systemd-analyze security --offline=true --threshold=70 --no-pager syscared.service
    install_toy
    pid=$(toy_pid)
    check "the toy runs" toy_says old
    check "busctl can introspect the service" busctl introspect org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager
    check "the bundle is installed" syscare install bundles/*/
    check "and applied under the unit's hardening" syscare apply HP001
    check "the new code runs" toy_says new
    check "in the same process" same_toy
    check "status shows active" state_is active
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
    check "no unit has failed" bash -c '! systemctl --failed --no-legend --plain | grep .'
}

second_boot() {
    check "after the reboot the service is there" await systemctl is-active syscared.service
    check "the toy was started anew" await systemctl is-active toy.service
    pid=$(toy_pid)
    check "the accepted patch is in effect again" toy_says new
    check "and the books say so" state_is accepted
    check "the package is removed with the patch active" dpkg -r syscare
    check "the process lives" same_toy
    check "and keeps its code" toy_says new
    check "the package comes back and recognises the patch" dpkg -i syscare.deb
    check "in the books" state_is accepted
    check "it is withdrawn" syscare remove HP001
    check "the old code runs" toy_says old
    check "in the same process" same_toy
    check "no mapping of ours is left" bash -c "! grep -q syscare /proc/$pid/maps"
}
