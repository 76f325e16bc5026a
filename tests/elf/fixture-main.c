/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program around nothing: linked statically, it has neither a dynamic section nor dynamic symbols. */
int
main (void)
{
  return 0;
}
