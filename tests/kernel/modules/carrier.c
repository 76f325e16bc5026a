// SPDX-License-Identifier: GPL-2.0-or-later
/* The carrier of a dummy network device can't be changed: a patch of a module, which may be loaded later. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/netdevice.h>

static int change_carrier(struct net_device *dev, bool new_carrier)
{
	return -EPERM;
}

static struct klp_func funcs[] = {
	{ .old_name = "dummy_change_carrier", .new_func = change_carrier }, { }
};
static struct klp_object objects[] = { { .name = "dummy", .funcs = funcs }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
