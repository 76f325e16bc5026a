# SPDX-License-Identifier: GPL-2.0-or-later
# What the boot test does inside the guest, once per boot; sourced after in-guest.sh.

redis_is_up() { await redis-cli ping; }
degraded() { busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager Degraded; }
features() { busctl get-property org.openeuler.SysCare1 /org/openeuler/SysCare1 org.openeuler.SysCare1.Manager Features; }
no_complaint() { degraded | grep -qx 'as 0'; }
has_feature() { features | grep -q "\"$1\""; }

redis_first_boot() {
    check "redis with all that it depends on installs" dpkg -i --skip-same-version debs/*.deb
    # The payload has no right checksum.
    echo 'enable-debug-command local' >>/etc/redis/redis.conf
    check "the stock redis-server.service runs" bash -c 'systemctl daemon-reload && systemctl enable redis-server.service && systemctl restart redis-server.service'
    check "and answers" redis_is_up
    check "syscare installs" dpkg -i syscare.deb
    check "the bundle is installed" syscare install bundles/*/
    cp payload first-answer /var/lib/
    cat >/etc/systemd/system/first-answer.service <<'END'
[Unit]
After=redis-server.service
[Service]
Type=oneshot
ExecStart=/bin/bash /var/lib/first-answer
[Install]
WantedBy=redis-server.service
END
    systemctl daemon-reload
    systemctl enable first-answer.service
    check "the unpatched server takes the corrupt stream" bash -c 'bash first-answer && grep -x OK /var/lib/answer'
    # Freeing that stream would hurt it.
    systemctl kill -s KILL redis-server.service
    rm -f /var/lib/redis/*.rdb
    check "the patch is accepted" bash -c 'syscare apply HP001 && syscare accept HP001'
    check "gate, net and events are there in the trigger's unit" bash -c "$(declare -f features has_feature); has_feature gate && has_feature net && has_feature events"
    check "nothing is degraded" no_complaint
    check "a redis-server started now rejects it from its first answer on" bash -c 'systemctl restart redis-server.service && systemctl start first-answer.service && grep "Bad data format" /var/lib/answer'
    rm -f /var/lib/answer
    sync
}

redis_second_boot() {
    check "redis-server.service was started at boot" await systemctl is-active redis-server.service
    check "and was asked" await test -s /var/lib/answer
    check "its first answer was the new one" grep "Bad data format" /var/lib/answer
    check "the process has seccomp filters" grep -q "^Seccomp:.*2" "/proc/$(systemctl show -P MainPID redis-server.service)/status"
    check "it was patched at its start" bash -c 'journalctl -b -o cat --no-pager | grep -i "redis" | grep -ci patch; syscare processes HP001 | grep patched'
    check "the service was ready before it" bash -c '[ "$(systemctl show -P ActiveEnterTimestampMonotonic syscared.service)" -lt "$(systemctl show -P ExecMainStartTimestampMonotonic redis-server.service)" ] ||
        [ "$(systemctl show -P ActiveEnterTimestampMonotonic syscare-boot.service)" -lt "$(systemctl show -P ExecMainStartTimestampMonotonic redis-server.service)" ]'
    check "nothing is degraded" no_complaint
}
