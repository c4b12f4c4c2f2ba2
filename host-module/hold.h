/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The Martlet authors */
#ifndef MARTLET_HOLD_H
#define MARTLET_HOLD_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/types.h>

struct clk;
struct gpio_desc;
struct regulator;
struct reset_control;

/* One entry of a node's "resets" or "reset-gpios". */
struct hold_reset {
	bool is_gpio;		/* an entry of "reset-gpios" */
	int index;		/* which entry of the property */
	bool shared;		/* another node names the same line */
	bool taken;
	/* Either of them, while taken. A line of "reset-gpios" may have a reset_control, too. */
	struct reset_control *control;
	struct gpio_desc *gpio;
	/* How it was found when it was taken first: what it goes back to. */
	bool was_found;
	bool was_asserted;
	bool was_input;
};

/* A device that is held. hold_lock (hold.c) guards all of it but list, which hold_list_lock guards. */
struct hold {
	struct list_head list;
	struct device *device;	/* the held one; with a reference */
	/*
	 * Has the held device's node, no bus and no driver. Consumers of supplies and power domains are devices; the held one
	 * can't be that, for the driver core and its drivers have to find it untouched.
	 */
	struct device *shadow;

	struct regulator **supplies;
	unsigned int supplies_on;

	struct device **domains;
	unsigned int domains_on;

	struct clk **clocks;
	unsigned int clocks_on;

	struct hold_reset *resets;
	unsigned int reset_count;
};

/* hold.c */
int hold_start(void);
void hold_stop(void);
int hold_by_name(const char *name);
int hold_release_by_name(const char *name);
int hold_list(char *text);

/* power.c: each either does all and returns 0, or fails, and then "off" undoes what was done. */
int hold_supplies_on(struct hold *hold);
void hold_supplies_off(struct hold *hold);
int hold_domains_on(struct hold *hold);
void hold_domains_off(struct hold *hold);
int hold_clocks_on(struct hold *hold);
void hold_clocks_off(struct hold *hold);

/* resets.c */
int hold_resets_find(struct hold *hold);
int hold_resets_settle(struct hold *hold);
void hold_resets_undo(struct hold *hold);
unsigned int hold_resets_taken(const struct hold *hold);

/*
 * hold_failure - Says that what the node names can't be had.
 * Returns the error for user space: what drivers' probes are put off for means that the provider isn't there.
 */
static inline int hold_failure(const struct hold *hold, const char *property, int index, int error)
{
	bool is_missing = error == -EPROBE_DEFER || error == -ENODEV || error == -ETIMEDOUT;

	dev_err(hold->device, "hold: %s %d: %pe%s\n", property, index, ERR_PTR(error),
		is_missing ? ", no driver provides it" : "");
	return is_missing ? -ENXIO : error;
}

#endif
