/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `syscare build`: the command line of the patch maker. */
#pragma once

/* @argv[0] is "build", the options follow. Returns the exit status: 0, 1, 2 usage, 6 nothing to patch, 7
 * refused, 8 the sources did not build. */
int cli_build (int argc, char **argv);
