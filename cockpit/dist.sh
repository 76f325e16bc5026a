#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Puts the built page into a release archive, so that builds from it need no Node.
set -eu
exec "$MESON_SOURCE_ROOT/cockpit/make.py" page "$MESON_BUILD_ROOT/cockpit/page" "$MESON_PROJECT_DIST_ROOT/cockpit/dist" "$MESON_BUILD_ROOT/cockpit/dist.d"
