# SPDX-License-Identifier: GPL-2.0-or-later
# What the test of the early boot does inside the guest, once per boot; sourced.
cd /mnt/share || exit 1
. ./checks.sh

redis_is_up() { await redis-cli ping; }
no_complaint() { manager_says Degraded | tee /dev/stderr | grep -qx 'as 0'; }
answer_is_new() { tail -n 3 /var/lib/answer && grep -q "Bad data format" /var/lib/answer; }

# No job of a unit of ours ran into its limit.
shutdown_was_quick() {
    journalctl -b -1 --no-pager -o cat -u 'syscare*' | tee /dev/stderr | grep -q "Deactivated successfully" &&
        ! journalctl -b -1 --no-pager -o cat | grep -E "syscare.*(timed out|Killing|SIGKILL)"
}

redis_first_boot() {
    mkdir -p /var/log/journal
    journalctl --flush
    check "redis with all that it depends on installs" dpkg -i --skip-same-version debs/*.deb
    # The payload has no right checksum.
    echo 'enable-debug-command local' >>/etc/redis/redis.conf
    check "the stock redis-server.service runs" bash -c 'systemctl daemon-reload && systemctl enable redis-server.service && systemctl restart redis-server.service'
    check "and answers" redis_is_up
    check "syscare installs" dpkg -i syscare.deb
    check "the bundle is installed" syscare install bundles/*/
    cp payload /var/lib/
    cat >/var/lib/first-answer <<'END'
redis-cli debug set-skip-checksum-validation 1 >/dev/null
redis-cli -x restore "stream:$$" 0 </var/lib/payload >/var/lib/answer 2>&1
END
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
    check "the unpatched server takes the corrupt stream" bash -c 'bash /var/lib/first-answer && grep -x OK /var/lib/answer'
    # Freeing that stream would hurt it, and it must not get into the database, which a patched server would refuse.
    systemctl kill -s KILL redis-server.service
    systemctl stop redis-server.service
    rm -f /var/lib/redis/*.rdb
    systemctl start redis-server.service
    check "the patch is accepted" bash -c 'syscare apply HP001 && syscare accept HP001'
    systemctl enable first-answer.service
    check "gate, net and events are there in the trigger's unit" has_all_mechanisms
    check "nothing is degraded" no_complaint
    check "a redis-server started now rejects it from its first answer on" bash -c 'systemctl restart redis-server.service && systemctl start first-answer.service && grep "Bad data format" /var/lib/answer || { journalctl --no-pager -n 20 -u redis-server; tail -n 20 /var/log/redis/redis-server.log; exit 1; }'
    rm -f /var/lib/answer
    sync
}

redis_second_boot() {
    check "redis-server.service was started at boot" await systemctl is-active redis-server.service
    check "and was asked" await test -s /var/lib/answer
    check "its first answer was the new one" answer_is_new
    check "the process has seccomp filters" grep -q "^Seccomp:.*2" "/proc/$(systemctl show -P MainPID redis-server.service)/status"
    check "it was patched at its start" bash -c 'journalctl -b -o cat --no-pager | grep -i "redis" | grep -ci patch; syscare processes HP001 | grep patched'
    check "the service was ready before it" was_before "$(property syscared ActiveEnter)" "$(property redis-server ExecMainStart)"
    check "and before the bus" was_before "$(property syscared ActiveEnter)" "$(property dbus ActiveEnter)"
    check "no unit waits for another in a circle" no_ordering_cycle
    check "no unit failed" no_failed_unit
    check "nothing of it delayed the shutdown" shutdown_was_quick
    check "nothing is degraded" no_complaint
}
