#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes in a folder what the trigger's test in the guest runs there: a program with its entity. usage: guest-targets.py LP-DIFF LP-TRIGGER FOLDER"""
import shutil
import sys
import tempfile
from pathlib import Path

from targets import LP_TRIGGER, Target

with tempfile.TemporaryDirectory() as work:
    target = Target(Path(work), 'program', ['-pie'])
    for file in (target.path, target.entity, LP_TRIGGER):
        shutil.copy(file, sys.argv[3])
