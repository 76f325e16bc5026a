#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes in a folder what the trigger's test in the guest runs there: programs with their entities. usage: guest-targets.py LP-DIFF LP-TRIGGER FOLDER"""
import shutil
import sys
import tempfile
from pathlib import Path

from targets import LP_TRIGGER, PATIENT, SILENT, Target

with tempfile.TemporaryDirectory() as work:
    target = Target(Path(work), 'program', ['-pie'])
    for file in (target.path, target.entity, LP_TRIGGER):
        shutil.copy(file, sys.argv[3])
    # It goes on calling for half a minute: all is slow in there.
    patient = Target(Path(work), 'patient', ['-pie'], main=PATIENT.replace('500', '3000'), answer=SILENT)
    shutil.copy(patient.path, sys.argv[3])
    shutil.copy(patient.entity, Path(sys.argv[3]) / 'patient.entity')
