// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/*
 * Reset lines of a device's node: "resets", and "reset-gpios" as the kernel's own reset-gpio
 * driver takes them (1 is reset).
 *
 * A line that no other node names is got exclusively, and the kernel warns of a second owner. So it
 * is taken only while the device has no driver or VFIO's, which want no resets, and let go,
 * unchanged, when another driver comes. A line that another node names as well is got as a shared one.
 */

#include <linux/gpio/consumer.h>
#include <linux/of.h>
#include <linux/property.h>
#include <linux/reset.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "hold.h"

#define CONTROLS "resets"
#define GPIOS "reset-gpios"

static const char *property_of(bool is_gpio)
{
	return is_gpio ? GPIOS : CONTROLS;
}

static const char *cells_of(bool is_gpio)
{
	return is_gpio ? "#gpio-cells" : "#reset-cells";
}

/* A GPIO's last cell has flags, by which one and the same line may differ. */
static bool is_same_line(const struct of_phandle_args *a, const struct of_phandle_args *b, bool is_gpio)
{
	int count = a->args_count - (is_gpio && a->args_count > 1 ? 1 : 0);

	return a->np == b->np && a->args_count == b->args_count && !memcmp(a->args, b->args, count * sizeof(a->args[0]));
}

/* Whether any other entry of the tree is the same line. */
static bool is_shared(struct device_node *node, bool is_gpio, int index)
{
	struct of_phandle_args own, other;
	struct device_node *user;
	bool shared = false;
	int place;

	if (of_parse_phandle_with_args(node, property_of(is_gpio), cells_of(is_gpio), index, &own))
		return false;
	for_each_node_with_property(user, property_of(is_gpio)) {
		int count = of_count_phandle_with_args(user, property_of(is_gpio), cells_of(is_gpio));

		for (place = 0; place < count && !shared; place++) {
			if (user == node && place == index)
				continue;
			if (of_parse_phandle_with_args(user, property_of(is_gpio), cells_of(is_gpio), place, &other))
				continue;
			shared = is_same_line(&own, &other, is_gpio);
			of_node_put(other.np);
		}
		if (shared) {
			of_node_put(user);
			break;
		}
	}
	of_node_put(own.np);
	return shared;
}

/* hold_resets_find - Looks up which reset lines the node names, and takes none. */
int hold_resets_find(struct hold *hold)
{
	struct device_node *node = hold->device->of_node;
	int kind, index, count[2];

	for (kind = 0; kind < 2; kind++) {
		count[kind] = of_count_phandle_with_args(node, property_of(kind), cells_of(kind));
		if (count[kind] == -ENOENT)
			count[kind] = 0;
		if (count[kind] < 0)
			return hold_failure(hold, property_of(kind), 0, count[kind]);
	}
	if (!count[0] && !count[1])
		return 0;
	hold->resets = kcalloc(count[0] + count[1], sizeof(*hold->resets), GFP_KERNEL);
	if (!hold->resets)
		return -ENOMEM;
	for (kind = 0; kind < 2; kind++) {
		for (index = 0; index < count[kind]; index++) {
			struct hold_reset *reset = &hold->resets[hold->reset_count++];

			reset->is_gpio = kind;
			reset->index = index;
			reset->shared = is_shared(node, kind, index);
		}
	}
	return 0;
}

static int take_control(struct device_node *node, struct hold_reset *reset)
{
	struct reset_control *control;
	int error;

	if (reset->shared)
		control = of_reset_control_get_shared_by_index(node, reset->index);
	else
		control = of_reset_control_get_exclusive_by_index(node, reset->index);
	if (IS_ERR(control))
		return PTR_ERR(control);
	/* A controller that can't tell is taken for one that is asserted. */
	if (!reset->was_found)
		reset->was_asserted = reset_control_status(control) != 0;
	error = reset_control_deassert(control);
	if (error) {
		reset_control_put(control);
		return error;
	}
	reset->control = control;
	return 0;
}

static int take_gpio(struct device_node *node, struct hold_reset *reset)
{
	struct gpio_desc *gpio;
	int error;

	gpio = fwnode_gpiod_get_index(of_fwnode_handle(node), "reset", reset->index, GPIOD_ASIS, "martlet-hold");
	if (IS_ERR(gpio)) {
		error = PTR_ERR(gpio);
		/* The kernel's reset-gpio driver, once a driver has asked for it, keeps the line for ever; it has the first only. */
		if (error == -EBUSY && !reset->index && !of_find_property(node, CONTROLS, NULL) &&
		    !take_control(node, reset))
			return 0;
		return error;
	}
	if (!reset->was_found) {
		reset->was_input = gpiod_get_direction(gpio) == 1;
		reset->was_asserted = gpiod_get_value_cansleep(gpio) > 0;
	}
	error = gpiod_direction_output(gpio, 0);
	if (error) {
		gpiod_put(gpio);
		return error;
	}
	reset->gpio = gpio;
	return 0;
}

/* Gets and deasserts those that aren't taken yet. What it did before an error stays. */
static int take(struct hold *hold)
{
	struct device_node *node = hold->device->of_node;
	unsigned int index;
	int error;

	for (index = 0; index < hold->reset_count; index++) {
		struct hold_reset *reset = &hold->resets[index];

		if (reset->taken)
			continue;
		error = reset->is_gpio ? take_gpio(node, reset) : take_control(node, reset);
		if (error)
			return hold_failure(hold, property_of(reset->is_gpio), reset->index, error);
		reset->taken = true;
		reset->was_found = true;
	}
	return 0;
}

static void put(struct hold_reset *reset)
{
	if (reset->control)
		reset_control_put(reset->control);
	if (reset->gpio)
		gpiod_put(reset->gpio);
	reset->control = NULL;
	reset->gpio = NULL;
	reset->taken = false;
}

/*
 * Puts the exclusive ones, deasserted as they are, for a driver that may want them.
 * Shared ones stay: the driver asks for a shared one as well, and each of both counts.
 */
static void let_go(struct hold *hold)
{
	unsigned int index;

	for (index = hold->reset_count; index-- > 0;) {
		struct hold_reset *reset = &hold->resets[index];

		if (reset->taken && !(reset->control && reset->shared))
			put(reset);
	}
}

/* VFIO's drivers have no use for a device's resets. */
static bool wants_resets(const struct device *device)
{
	const struct device_driver *driver = READ_ONCE(device->driver);

	return driver && strcmp(driver->name, "vfio-platform") && strcmp(driver->name, "vfio-amba");
}

/* hold_resets_settle - Takes the resets, or lets go of them, as the device's driver demands it. */
int hold_resets_settle(struct hold *hold)
{
	if (!wants_resets(hold->device))
		return take(hold);
	let_go(hold);
	return 0;
}

static void back_to_what_it_was(struct hold_reset *reset)
{
	if (reset->gpio && reset->was_input)
		gpiod_direction_input(reset->gpio);
	else if (reset->gpio)
		gpiod_set_value_cansleep(reset->gpio, reset->was_asserted);
	else if (reset->shared || reset->was_asserted) /* the count of a shared one has to go back */
		reset_control_assert(reset->control);
}

/* hold_resets_undo - Leaves each that is taken as it was found. */
void hold_resets_undo(struct hold *hold)
{
	unsigned int index;

	for (index = hold->reset_count; index-- > 0;) {
		struct hold_reset *reset = &hold->resets[index];

		if (!reset->taken)
			continue;
		back_to_what_it_was(reset);
		put(reset);
	}
	kfree(hold->resets);
	hold->resets = NULL;
	hold->reset_count = 0;
}

unsigned int hold_resets_taken(const struct hold *hold)
{
	unsigned int index, count = 0;

	for (index = 0; index < hold->reset_count; index++)
		count += hold->resets[index].taken;
	return count;
}
