// SPDX-License-Identifier: GPL-2.0-only
// Copyright 2026 The Martlet authors

/*
 * The emulated host's power and reset controller: each of its power domains and resets is a GPIO
 * line, which is to be seen from outside. A domain's line is on while the domain is; a reset's line is
 * on while it is not asserted. Its clock is a gate of which the kernel can say whether it is open, as those
 * of SoCs are: a gate behind a GPIO that sleeps shows as open at all times. Device tree:
 *	compatible = "martlet,lines"; domain-gpios; line-gpios (the resets);
 *	#power-domain-cells = #reset-cells = <1>; #clock-cells = <0>; martlet,block (a syscon that it uses)
 * The driver "martlet-user" keeps on what a device needs for as long as it has the device. It takes one by
 * "driver_override" only.
 * The devices below a "martlet,bus" come and go with its driver.
 * The reset of a node "martlet,needs" with "reset-gpios" only is asked for once, as a driver does that
 * knows resets only: from then on the kernel's reset-gpio driver has the line.
 */

#include <linux/clk.h>
#include <linux/clk-provider.h>
#include <linux/err.h>
#include <linux/gpio/consumer.h>
#include <linux/mfd/syscon.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>
#include <linux/regulator/consumer.h>
#include <linux/reset-controller.h>
#include <linux/reset.h>
#include <linux/slab.h>

struct domain {
	struct generic_pm_domain generic;
	struct gpio_desc *line;
};

struct lines {
	struct genpd_onecell_data domains;
	struct gpio_descs *domain_lines;
	struct reset_controller_dev resets;
	struct gpio_descs *reset_lines;
	u32 gate;
};

static int domain_on(struct generic_pm_domain *generic)
{
	gpiod_set_value_cansleep(container_of(generic, struct domain, generic)->line, 1);
	return 0;
}

static int domain_off(struct generic_pm_domain *generic)
{
	gpiod_set_value_cansleep(container_of(generic, struct domain, generic)->line, 0);
	return 0;
}

static struct gpio_desc *reset_line(struct reset_controller_dev *controller, unsigned long id)
{
	return container_of(controller, struct lines, resets)->reset_lines->desc[id];
}

static int reset_assert(struct reset_controller_dev *controller, unsigned long id)
{
	gpiod_set_value_cansleep(reset_line(controller, id), 0);
	return 0;
}

static int reset_deassert(struct reset_controller_dev *controller, unsigned long id)
{
	gpiod_set_value_cansleep(reset_line(controller, id), 1);
	return 0;
}

static int reset_status(struct reset_controller_dev *controller, unsigned long id)
{
	return !gpiod_get_value_cansleep(reset_line(controller, id));
}

static const struct reset_control_ops reset_ops = {
	.assert = reset_assert,
	.deassert = reset_deassert,
	.status = reset_status,
};

static int make_domains(struct device *device, struct lines *lines)
{
	unsigned int index, count = lines->domain_lines->ndescs;

	lines->domains.domains = devm_kcalloc(device, count, sizeof(*lines->domains.domains), GFP_KERNEL);
	if (!lines->domains.domains)
		return -ENOMEM;
	for (index = 0; index < count; index++) {
		struct domain *domain = devm_kzalloc(device, sizeof(*domain), GFP_KERNEL);
		int error;

		if (!domain)
			return -ENOMEM;
		domain->line = lines->domain_lines->desc[index];
		domain->generic.name = devm_kasprintf(device, GFP_KERNEL, "line%u", index);
		domain->generic.power_on = domain_on;
		domain->generic.power_off = domain_off;
		error = pm_genpd_init(&domain->generic, NULL, true);
		if (error)
			return error;
		lines->domains.domains[lines->domains.num_domains++] = &domain->generic;
	}
	return of_genpd_add_provider_onecell(device->of_node, &lines->domains);
}

static int make_clock(struct device *device, struct lines *lines)
{
	struct clk_hw *gate = devm_clk_hw_register_gate(device, "lines-gate", "lines-oscillator", 0,
							(void __iomem *)&lines->gate, 0, 0, NULL);

	if (IS_ERR(gate))
		return PTR_ERR(gate);
	return devm_of_clk_add_hw_provider(device, of_clk_hw_simple_get, gate);
}

static int lines_probe(struct platform_device *platform)
{
	struct device *device = &platform->dev;
	struct lines *lines = devm_kzalloc(device, sizeof(*lines), GFP_KERNEL);
	struct regmap *block;
	int error;

	if (!lines)
		return -ENOMEM;
	lines->domain_lines = devm_gpiod_get_array(device, "domain", GPIOD_OUT_LOW);
	if (IS_ERR(lines->domain_lines))
		return PTR_ERR(lines->domain_lines);
	lines->reset_lines = devm_gpiod_get_array(device, "line", GPIOD_OUT_LOW);
	if (IS_ERR(lines->reset_lines))
		return PTR_ERR(lines->reset_lines);
	error = make_domains(device, lines);
	if (error)
		return error;
	error = make_clock(device, lines);
	if (error)
		return error;
	block = syscon_regmap_lookup_by_phandle(device->of_node, "martlet,block");
	if (IS_ERR(block))
		return PTR_ERR(block);
	lines->resets.ops = &reset_ops;
	lines->resets.owner = THIS_MODULE;
	lines->resets.of_node = device->of_node;
	lines->resets.nr_resets = lines->reset_lines->ndescs;
	return devm_reset_controller_register(device, &lines->resets);
}

static const struct of_device_id lines_match[] = {
	{ .compatible = "martlet,lines" },
	{}
};
MODULE_DEVICE_TABLE(of, lines_match);

static struct platform_driver lines_driver = {
	.probe = lines_probe,
	.driver = {
		.name = "martlet-lines",
		.of_match_table = lines_match,
		.suppress_bind_attrs = true,
	},
};

static void user_sleep(void *device)
{
	pm_runtime_put_sync(device);
}

static void user_reset(void *control)
{
	reset_control_assert(control);
}

static int user_probe(struct platform_device *platform)
{
	static const char *const clocks[] = { "core", "bus", "gate" };
	static const char *const supplies[] = { "main", "io" };
	struct device *device = &platform->dev;
	struct dev_pm_domain_list *domains;
	struct reset_control *control;
	unsigned int index;
	int error;

	for (index = 0; index < ARRAY_SIZE(supplies); index++) {
		error = devm_regulator_get_enable(device, supplies[index]);
		if (error)
			return error;
	}
	error = devm_pm_domain_attach_list(device, NULL, &domains);
	if (error < 0)
		return error;
	error = devm_pm_runtime_enable(device);
	if (error)
		return error;
	error = pm_runtime_resume_and_get(device);
	if (error)
		return error;
	error = devm_add_action_or_reset(device, user_sleep, device);
	if (error)
		return error;
	for (index = 0; index < ARRAY_SIZE(clocks); index++) {
		struct clk *clock = devm_clk_get_enabled(device, clocks[index]);

		if (IS_ERR(clock))
			return PTR_ERR(clock);
	}
	control = devm_reset_control_get_exclusive(device, NULL);
	if (IS_ERR(control))
		return PTR_ERR(control);
	error = reset_control_deassert(control);
	return error ? error : devm_add_action_or_reset(device, user_reset, control);
}

static struct platform_driver user_driver = {
	.probe = user_probe,
	.driver = {
		.name = "martlet-user",
	},
};

static int bus_probe(struct platform_device *platform)
{
	return devm_of_platform_populate(&platform->dev);
}

static const struct of_device_id bus_match[] = {
	{ .compatible = "martlet,bus" },
	{}
};

static struct platform_driver bus_driver = {
	.probe = bus_probe,
	.driver = {
		.name = "martlet-bus",
		.of_match_table = bus_match,
	},
};

/* There is no exit: power domains come to stay. */
static int __init lines_init(void)
{
	struct device_node *node;
	int error = platform_driver_register(&lines_driver);

	if (!error)
		error = platform_driver_register(&bus_driver);
	if (!error)
		error = platform_driver_register(&user_driver);
	if (error)
		return error;
	for_each_compatible_node(node, NULL, "martlet,needs") {
		struct reset_control *control;

		if (!of_property_present(node, "reset-gpios") || of_property_present(node, "resets"))
			continue;
		control = of_reset_control_get_exclusive(node, NULL);
		if (IS_ERR(control))
			pr_warn("martlet-lines: %pOF: no reset: %ld\n", node, PTR_ERR(control));
		else
			reset_control_put(control);
	}
	return 0;
}
module_init(lines_init);

MODULE_DESCRIPTION("Power domains and resets of the emulated host");
MODULE_LICENSE("GPL");
