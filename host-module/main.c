// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/*
 * Keeps platform and AMBA devices powered and clocked whatever driver they have:
 * /sys/devices/martlet-hold has "hold", "release" and "held" (README.md).
 */

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "hold.h"

static struct device *root;

/* Calls "action" with the name that was written. */
static ssize_t store(const char *text, size_t count, int (*action)(const char *name))
{
	char *copy = kstrndup(text, count, GFP_KERNEL);
	int error;

	if (!copy)
		return -ENOMEM;
	error = action(strim(copy));
	kfree(copy);
	return error ? error : count;
}

static ssize_t hold_store(struct device *unused, struct device_attribute *attribute, const char *text, size_t count)
{
	return store(text, count, hold_by_name);
}
static DEVICE_ATTR_WO(hold);

static ssize_t release_store(struct device *unused, struct device_attribute *attribute, const char *text, size_t count)
{
	return store(text, count, hold_release_by_name);
}
static DEVICE_ATTR_WO(release);

static ssize_t held_show(struct device *unused, struct device_attribute *attribute, char *text)
{
	return hold_list(text);
}
static DEVICE_ATTR_RO(held);

static struct attribute *attributes[] = {
	&dev_attr_hold.attr,
	&dev_attr_release.attr,
	&dev_attr_held.attr,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

static int __init hold_init(void)
{
	int error;

	root = root_device_register("martlet-hold");
	if (IS_ERR(root))
		return PTR_ERR(root);
	error = hold_start();
	if (!error) {
		error = sysfs_create_group(&root->kobj, &group);
		if (error)
			hold_stop();
	}
	if (error)
		root_device_unregister(root);
	return error;
}

static void __exit hold_exit(void)
{
	/* Waits for those who are in one of the files. */
	sysfs_remove_group(&root->kobj, &group);
	hold_stop();
	root_device_unregister(root);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("Keeps devices powered and clocked while they are given to guests");
MODULE_AUTHOR("The Martlet authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
