// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/* Supplies, power domains and clocks of a device's node. */

#include <linux/clk.h>
#include <linux/of.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>
#include <linux/regulator/consumer.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "hold.h"

#define SUFFIX "-supply"

static bool is_supply(const struct property *property)
{
	size_t length = strlen(property->name);

	return length > strlen(SUFFIX) && !strcmp(property->name + length - strlen(SUFFIX), SUFFIX);
}

static int supply_on(struct hold *hold, const struct property *property)
{
	struct regulator *supply;
	char *name;
	int error;

	name = kstrndup(property->name, strlen(property->name) - strlen(SUFFIX), GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	/* "optional": no stand-in for one that is missing. */
	supply = regulator_get_optional(hold->shadow, name);
	error = PTR_ERR_OR_ZERO(supply);
	if (!error) {
		error = regulator_enable(supply);
		if (error)
			regulator_put(supply);
	}
	kfree(name);
	if (error)
		return hold_failure(hold, property->name, 0, error);
	hold->supplies[hold->supplies_on++] = supply;
	return 0;
}

int hold_supplies_on(struct hold *hold)
{
	struct property *property;
	unsigned int count = 0;
	int error;

	for_each_property_of_node(hold->device->of_node, property)
		count += is_supply(property);
	if (!count)
		return 0;
	hold->supplies = kcalloc(count, sizeof(*hold->supplies), GFP_KERNEL);
	if (!hold->supplies)
		return -ENOMEM;
	for_each_property_of_node(hold->device->of_node, property) {
		/* An overlay may have added one in between. */
		if (!is_supply(property) || hold->supplies_on == count)
			continue;
		error = supply_on(hold, property);
		if (error)
			return error;
	}
	return 0;
}

void hold_supplies_off(struct hold *hold)
{
	while (hold->supplies_on) {
		struct regulator *supply = hold->supplies[--hold->supplies_on];

		if (regulator_disable(supply))
			dev_warn(hold->device, "hold: can't disable a supply\n");
		regulator_put(supply);
	}
	kfree(hold->supplies);
	hold->supplies = NULL;
}

static int domain_on(struct hold *hold, unsigned int index)
{
	struct device *domain = dev_pm_domain_attach_by_id(hold->shadow, index);
	int error;

	if (!domain) /* a kernel without power domains, which leaves them as they are */
		return 0;
	error = PTR_ERR_OR_ZERO(domain);
	if (!error) {
		error = pm_runtime_resume_and_get(domain);
		if (error)
			dev_pm_domain_detach(domain, true);
	}
	if (error)
		return hold_failure(hold, "power-domains", index, error);
	hold->domains[hold->domains_on++] = domain;
	return 0;
}

int hold_domains_on(struct hold *hold)
{
	int count = of_count_phandle_with_args(hold->device->of_node, "power-domains", "#power-domain-cells");
	int index, error;

	if (count == -ENOENT)
		return 0;
	if (count < 0)
		return hold_failure(hold, "power-domains", 0, count);
	hold->domains = kcalloc(count, sizeof(*hold->domains), GFP_KERNEL);
	if (!hold->domains)
		return -ENOMEM;
	for (index = 0; index < count; index++) {
		error = domain_on(hold, index);
		if (error)
			return error;
	}
	return 0;
}

void hold_domains_off(struct hold *hold)
{
	while (hold->domains_on) {
		struct device *domain = hold->domains[--hold->domains_on];

		pm_runtime_put_sync(domain);
		dev_pm_domain_detach(domain, true);
	}
	kfree(hold->domains);
	hold->domains = NULL;
}

static int clock_on(struct hold *hold, int index)
{
	struct clk *clock = of_clk_get(hold->device->of_node, index);
	int error = PTR_ERR_OR_ZERO(clock);

	if (error == -ENOENT) /* an empty entry */
		return 0;
	if (!error) {
		error = clk_prepare_enable(clock);
		if (error)
			clk_put(clock);
	}
	if (error)
		return hold_failure(hold, "clocks", index, error);
	hold->clocks[hold->clocks_on++] = clock;
	return 0;
}

int hold_clocks_on(struct hold *hold)
{
	int count = of_count_phandle_with_args(hold->device->of_node, "clocks", "#clock-cells");
	int index, error;

	if (count == -ENOENT)
		return 0;
	if (count < 0)
		return hold_failure(hold, "clocks", 0, count);
	hold->clocks = kcalloc(count, sizeof(*hold->clocks), GFP_KERNEL);
	if (!hold->clocks)
		return -ENOMEM;
	for (index = 0; index < count; index++) {
		error = clock_on(hold, index);
		if (error)
			return error;
	}
	return 0;
}

void hold_clocks_off(struct hold *hold)
{
	while (hold->clocks_on) {
		struct clk *clock = hold->clocks[--hold->clocks_on];

		clk_disable_unprepare(clock);
		clk_put(clock);
	}
	kfree(hold->clocks);
	hold->clocks = NULL;
}
