/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame of a hand-written livepatch module with one function of vmlinux, for the tests. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#define LIVEPATCH(function, replacement, cumulative)                                         \
	static struct klp_func funcs[] = {                                                    \
		{ .old_name = function, .new_func = replacement }, { }                        \
	};                                                                                    \
	static struct klp_object objects[] = { { .funcs = funcs }, { } };                     \
	static struct klp_patch patch = {                                                     \
		.mod = THIS_MODULE, .objs = objects, .replace = cumulative                    \
	};                                                                                    \
	static int __init livepatch_init(void) { return klp_enable_patch(&patch); }           \
	static void __exit livepatch_exit(void) { }                                           \
	module_init(livepatch_init);                                                          \
	module_exit(livepatch_exit);                                                          \
	MODULE_LICENSE("GPL");                                                                \
	MODULE_INFO(livepatch, "Y")
