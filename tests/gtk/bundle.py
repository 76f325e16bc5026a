# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch file as somebody would open or drop it: enough for the window's summary, nothing that a service would install."""

import json
import os
import tarfile


def make_bundle(desktop):
    """The path of the file, which is made once in the desktop's folder."""
    archive, folder = desktop.folder + '/HP077.syscare', desktop.folder + '/bundle'
    if not os.path.exists(archive):
        os.mkdir(folder)
        with open(folder + '/patch.json', 'w', encoding='utf-8') as file:
            json.dump({'name': 'HP077', 'kind': 'user', 'severity': 'high', 'issues': ['CVE-2026-77777'],
                       'description': 'An archive with a crafted name is no longer unpacked outside of its folder.',
                       'target': {'source': 'busybox', 'version': '1:1.35.0-4'},
                       'objects': [{'name': 'busybox', 'functions': [{}, {}]}]}, file)
        with tarfile.open(archive, 'w:gz') as tar:
            tar.add(folder, 'HP077')
    return archive
