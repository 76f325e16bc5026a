// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/greeter greets each reader. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include "greeter.h"

static int visits;

static int
greeter_show (struct seq_file *m, void *v)
{
  char text[40];

  greeting (text, sizeof (text), ++visits);
  seq_puts (m, text);
  return 0;
}

static int __init
greeter_init (void)
{
  return proc_create_single ("greeter", 0444, NULL, greeter_show) ? 0 : -ENOMEM;
}

static void __exit
greeter_exit (void)
{
  remove_proc_entry ("greeter", NULL);
}

module_init (greeter_init);
module_exit (greeter_exit);
MODULE_LICENSE ("GPL");
