# SPDX-License-Identifier: GPL-2.0-or-later

# What the service is like, with busctl:
busctl introspect org.openeuler.SysCare1 /org/openeuler/SysCare1

# All active patches with their names and states, with busctl:
busctl call org.openeuler.SysCare1 /org/openeuler/SysCare1 \
  org.openeuler.SysCare1.Manager ListPatches 'a{sv}asa{sv}' \
  1 state s active  2 Name State  0

# Which patches fix a CVE, with gdbus:
gdbus call --system --dest org.openeuler.SysCare1 \
  --object-path /org/openeuler/SysCare1 \
  --method org.openeuler.SysCare1.Manager.FindPatches \
  "{'issue': <'CVE-2026-7001'>}" '{}'

# Apply everything that fixes a CVE, and wait for the end, with Python and Gio:
/usr/bin/python3 - <<'END'
from gi.repository import Gio, GLib
NAME, PATH = 'org.openeuler.SysCare1', '/org/openeuler/SysCare1'
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
def call(path, interface, method, signature, *arguments):
    return bus.call_sync(NAME, path, f'{NAME}.{interface}', method,
                         GLib.Variant(signature, arguments), None,
                         Gio.DBusCallFlags.NONE, GLib.MAXINT, None)
match = {'issue': GLib.Variant('s', 'CVE-2026-7001')}
patches, = call(PATH, 'Manager', 'FindPatches', '(a{sv}a{sv})', match, {})
job, = call(PATH, 'Manager', 'Submit', '(saoa{sv})', 'apply', patches, {})
results, = call(job, 'Job', 'Wait', '(a{sv})', {})
for result in results:
    print(result['Name'], result['Result'], result['State'])
END
