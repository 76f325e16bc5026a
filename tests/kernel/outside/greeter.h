/* SPDX-License-Identifier: GPL-2.0 */
int greeting(char *text, unsigned long size, int visits);
