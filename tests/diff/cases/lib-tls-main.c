/* SPDX-License-Identifier: GPL-2.0-or-later */
int lib_work (int i);

int
main (void)
{
  return lib_work (2) == 0;
}
