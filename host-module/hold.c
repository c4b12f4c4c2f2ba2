// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/* Which devices are held, from when to when. */

#include <linux/amba/bus.h>
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
	list_for_each_entry(hold, &holds, list)
		if (hold->device == device)
			found = hold;
	spin_unlock(&hold_list_lock);
	return found;
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
	char *name;
	int error;

	if (!hold)
		return ERR_PTR(-ENOMEM);
	hold->device = get_device(device);
	name = kasprintf(GFP_KERNEL, "martlet-hold:%s", dev_name(device));
	hold->shadow = name ? __root_device_register(name, NULL) : ERR_PTR(-ENOMEM);
	kfree(name);
	error = PTR_ERR_OR_ZERO(hold->shadow);
	if (error) {
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
	if (!error)
		error = hold_resets_settle(hold);
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
	else
		hold_resets_settle(hold); /* says itself what it can't do */
	mutex_unlock(&hold_lock);
	return NOTIFY_OK;
}

static struct notifier_block notifiers[ARRAY_SIZE(buses)];

/* hold_by_name - Holds the platform or AMBA device of that name. README.md lists the errors. */
int hold_by_name(const char *name)
{
	struct device *device = find_device(name);
	int error;

	if (!device)
		return -ENODEV;
	error = mutex_lock_interruptible(&hold_lock);
	if (!error) {
		error = hold_device(device);
		mutex_unlock(&hold_lock);
	}
	put_device(device);
	return error;
}

/* hold_release_by_name - Lets go of the held device of that name. */
int hold_release_by_name(const char *name)
{
	struct hold *hold;
	int error = mutex_lock_interruptible(&hold_lock);

	if (error)
		return error;
	error = -ENOENT;
	list_for_each_entry(hold, &holds, list) {
		if (strcmp(dev_name(hold->device), name))
			continue;
		undo(hold);
		error = 0;
		break;
	}
	mutex_unlock(&hold_lock);
	return error;
}

/* hold_list - Writes what is held into a page of sysfs. Returns the length. */
int hold_list(char *text)
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

static void forget_buses(unsigned int count)
{
	while (count-- > 0)
		bus_unregister_notifier(buses[count], &notifiers[count]);
}

/* hold_start - Begins to listen to what becomes of devices. */
int hold_start(void)
{
	unsigned int index;
	int error;

	for (index = 0; index < ARRAY_SIZE(buses); index++) {
		notifiers[index].notifier_call = hold_notify;
		error = bus_register_notifier(buses[index], &notifiers[index]);
		if (error) {
			forget_buses(index);
			return error;
		}
	}
	return 0;
}

/* hold_stop - Releases all. Nobody calls any of the others any more. */
void hold_stop(void)
{
	struct hold *hold, *next;

	forget_buses(ARRAY_SIZE(buses));
	mutex_lock(&hold_lock);
	list_for_each_entry_safe_reverse(hold, next, &holds, list)
		undo(hold);
	mutex_unlock(&hold_lock);
}
