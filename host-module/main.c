// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/*
 * Keeps platform and AMBA devices powered and clocked whatever driver they have:
 * /sys/devices/martlet-hold has "hold", "release" and "held" (README.md).
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/amba/bus.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/version.h>

#include "hold.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define BUS struct bus_type
#else
#define BUS const struct bus_type
#endif

/* What a line of "held" has at most beside the device's name. */
#define LINE_LIMIT 100

/* Taken inside a device's lock, and inside it none but those of supplies, domains, clocks and resets. */
static DEFINE_MUTEX(hold_lock);
/*
 * Which devices are held. Changed with hold_lock held as well. Notifiers look here without
 * hold_lock first: to take a reset can create a device of the kernel's own (reset-gpio), whose
 * binding calls them with hold_lock held.
 */
static LIST_HEAD(holds);
static DEFINE_SPINLOCK(hold_list_lock);
static struct device *root;

static BUS *const buses[] = {
	&platform_bus_type,
#ifdef CONFIG_ARM_AMBA
	&amba_bustype,
#endif
};

/* find_device - The platform or AMBA device of that name, with a reference; NULL if there is none. */
static struct device *find_device(const char *name)
{
	unsigned int index;

	for (index = 0; index < ARRAY_SIZE(buses); index++) {
		struct device *device = bus_find_device_by_name(buses[index], NULL, name);

		if (device)
			return device;
	}
	return NULL;
}

static struct hold *find_hold(const struct device *device)
{
	struct hold *hold, *found = NULL;

	spin_lock(&hold_list_lock);
	list_for_each_entry(hold, &holds, list) {
		if (hold->device == device)
			found = hold;
	}
	spin_unlock(&hold_list_lock);
	return found;
}

static struct hold *find_hold_by_name(const char *name)
{
	struct hold *hold;

	lockdep_assert_held(&hold_lock);
	list_for_each_entry(hold, &holds, list) {
		if (!strcmp(dev_name(hold->device), name))
			return hold;
	}
	return NULL;
}

/* VFIO's drivers have no use for a device's resets. */
static bool wants_resets(const struct device *device)
{
	const struct device_driver *driver = READ_ONCE(device->driver);

	return driver && strcmp(driver->name, "vfio-platform") && strcmp(driver->name, "vfio-amba");
}

static void free_hold(struct hold *hold)
{
	if (!IS_ERR_OR_NULL(hold->shadow)) {
		/* Others may have references to it for a moment longer, but not for its node. */
		of_node_put(hold->shadow->of_node);
		hold->shadow->of_node = NULL;
		root_device_unregister(hold->shadow);
	}
	put_device(hold->device);
	kfree(hold);
}

/*
 * A shadow may outlive the hold and this module: the kernel drops links to supplies later. So it
 * is a root device, whose end is code of the kernel. Its name is its own: that of a power domain's
 * consumer is made of it, and the device's driver may have one, too.
 */
static struct hold *make_hold(struct device *device)
{
	struct hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	char *name = kasprintf(GFP_KERNEL, "martlet-hold:%s", dev_name(device));
	int error = -ENOMEM;

	if (hold)
		hold->device = get_device(device);
	if (hold && name) {
		hold->shadow = __root_device_register(name, NULL);
		error = PTR_ERR_OR_ZERO(hold->shadow);
	}
	kfree(name);
	if (error) {
		if (hold)
			free_hold(hold);
		return ERR_PTR(error);
	}
	device_set_of_node_from_dev(hold->shadow, device);
	return hold;
}

/* In reverse order; what is not on is left out. */
static void undo(struct hold *hold)
{
	lockdep_assert_held(&hold_lock);
	hold_resets_undo(hold);
	hold_clocks_off(hold);
	hold_domains_off(hold);
	hold_supplies_off(hold);
	spin_lock(&hold_list_lock);
	list_del(&hold->list);
	spin_unlock(&hold_list_lock);
	free_hold(hold);
}

static int apply(struct hold *hold)
{
	int error = hold_supplies_on(hold);

	if (!error)
		error = hold_domains_on(hold);
	if (!error)
		error = hold_clocks_on(hold);
	if (!error)
		error = hold_resets_find(hold);
	if (!error && !wants_resets(hold->device))
		error = hold_resets_take(hold);
	return error;
}

/* is_there - Whether the device is on its bus still. If not, hold_notify may have been called already. */
static bool is_there(struct device *device)
{
	struct device *found = bus_find_device_by_name(device->bus, NULL, dev_name(device));

	put_device(found);
	return found == device;
}

/* Whether "held" has room for one more line; a file of sysfs is a page. */
static bool has_room(const struct device *device)
{
	size_t length = strlen(dev_name(device)) + LINE_LIMIT;
	struct hold *hold;

	list_for_each_entry(hold, &holds, list)
		length += strlen(dev_name(hold->device)) + LINE_LIMIT;
	return length <= PAGE_SIZE;
}

static int hold_device(struct device *device)
{
	struct hold *hold;
	int error;

	lockdep_assert_held(&hold_lock);
	if (!device->of_node)
		return -EOPNOTSUPP;
	if (find_hold(device))
		return -EBUSY;
	if (!has_room(device))
		return -ENOSPC;
	hold = make_hold(device);
	if (IS_ERR(hold))
		return PTR_ERR(hold);
	spin_lock(&hold_list_lock);
	list_add_tail(&hold->list, &holds);
	spin_unlock(&hold_list_lock);
	error = is_there(device) ? apply(hold) : -ENODEV;
	if (error)
		undo(hold);
	return error;
}

static int hold_notify(struct notifier_block *block, unsigned long event, void *data)
{
	struct device *device = data;
	struct hold *hold;

	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
	case BUS_NOTIFY_UNBOUND_DRIVER:
	case BUS_NOTIFY_REMOVED_DEVICE:
		break;
	default:
		return NOTIFY_DONE;
	}
	if (!find_hold(device))
		return NOTIFY_DONE;
	mutex_lock(&hold_lock);
	hold = find_hold(device);
	if (!hold)
		;
	else if (event == BUS_NOTIFY_REMOVED_DEVICE) /* its driver has let go of it by now */
		undo(hold);
	else if (wants_resets(device))
		hold_resets_let_go(hold);
	else
		hold_resets_take(hold); /* says itself what it can't do */
	mutex_unlock(&hold_lock);
	return NOTIFY_OK;
}

static struct notifier_block notifiers[ARRAY_SIZE(buses)];

static ssize_t hold_store(struct device *unused, struct device_attribute *attribute, const char *text, size_t count)
{
	char *copy = kstrndup(text, count, GFP_KERNEL);
	struct device *device;
	int error = -ENODEV;

	if (!copy)
		return -ENOMEM;
	device = find_device(strim(copy));
	kfree(copy);
	if (device) {
		error = mutex_lock_interruptible(&hold_lock);
		if (!error) {
			error = hold_device(device);
			mutex_unlock(&hold_lock);
		}
		put_device(device);
	}
	return error ? error : count;
}
static DEVICE_ATTR_WO(hold);

static ssize_t release_store(struct device *unused, struct device_attribute *attribute, const char *text, size_t count)
{
	char *copy = kstrndup(text, count, GFP_KERNEL);
	struct hold *hold;
	int error;

	if (!copy)
		return -ENOMEM;
	error = mutex_lock_interruptible(&hold_lock);
	if (!error) {
		hold = find_hold_by_name(strim(copy));
		if (hold)
			undo(hold);
		else
			error = -ENOENT;
		mutex_unlock(&hold_lock);
	}
	kfree(copy);
	return error ? error : count;
}
static DEVICE_ATTR_WO(release);

static ssize_t held_show(struct device *unused, struct device_attribute *attribute, char *text)
{
	struct hold *hold;
	int length = 0;
	int error = mutex_lock_interruptible(&hold_lock);

	if (error)
		return error;
	list_for_each_entry(hold, &holds, list)
		length += sysfs_emit_at(text, length, "%s supplies=%u power-domains=%u clocks=%u resets=%u/%u\n",
					dev_name(hold->device), hold->supplies_on, hold->domains_on, hold->clocks_on,
					hold_resets_taken(hold), hold->reset_count);
	mutex_unlock(&hold_lock);
	return length;
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

static void forget_buses(unsigned int count)
{
	while (count-- > 0)
		bus_unregister_notifier(buses[count], &notifiers[count]);
}

static int __init hold_init(void)
{
	unsigned int index;
	int error;

	root = root_device_register("martlet-hold");
	if (IS_ERR(root))
		return PTR_ERR(root);
	for (index = 0; index < ARRAY_SIZE(buses); index++) {
		notifiers[index].notifier_call = hold_notify;
		error = bus_register_notifier(buses[index], &notifiers[index]);
		if (error)
			goto fail;
	}
	error = sysfs_create_group(&root->kobj, &group);
	if (!error)
		return 0;
fail:
	forget_buses(index);
	root_device_unregister(root);
	return error;
}

static void __exit hold_exit(void)
{
	struct hold *hold, *next;

	/* Waits for those who are in one of the files. */
	sysfs_remove_group(&root->kobj, &group);
	forget_buses(ARRAY_SIZE(buses));
	mutex_lock(&hold_lock);
	list_for_each_entry_safe_reverse(hold, next, &holds, list)
		undo(hold);
	mutex_unlock(&hold_lock);
	root_device_unregister(root);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("Keeps devices powered and clocked while they are given to guests");
MODULE_AUTHOR("The Martlet authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
