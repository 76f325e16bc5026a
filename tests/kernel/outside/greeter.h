/* SPDX-License-Identifier: GPL-2.0-or-later */
int greeting (char *text, unsigned long size, int visits);
