package main

import "slices"

type budgetsListCmd struct{ apiFlags }

// Run lists budgets.
func (c *budgetsListCmd) Run(a *app) error { return listQuotas(&c.apiFlags, a, budgets()) }

type budgetsCreateCmd struct {
	apiFlags
	quotaFlags
}

// Run makes a budget.
func (c *budgetsCreateCmd) Run(a *app) error {
	return createQuota(&c.apiFlags, a, budgets(), &c.quotaFlags, c.amounts())
}

type budgetsUpdateCmd struct {
	apiFlags
	quotaFlags

	Budget string `arg:"" help:"Name or id."`
}

// Run changes a budget.
func (c *budgetsUpdateCmd) Run(a *app) error {
	return updateQuota(&c.apiFlags, a, budgets(), c.Budget, &c.quotaFlags, c.amounts())
}

type budgetsDeleteCmd struct {
	apiFlags

	Budgets []string `arg:"" help:"Names or ids."`
}

// Run deletes budgets.
func (c *budgetsDeleteCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(budgets(), c.Budgets, "was deleted") })
}

type limitsListCmd struct{ apiFlags }

// Run lists limits.
func (c *limitsListCmd) Run(a *app) error { return listQuotas(&c.apiFlags, a, limits()) }

type limitsCreateCmd struct {
	apiFlags
	quotaFlags

	Units limitFlags `embed:""`
}

// Run makes a limit.
func (c *limitsCreateCmd) Run(a *app) error {
	return createQuota(&c.apiFlags, a, limits(), &c.quotaFlags, slices.Concat(c.Units.amounts(), c.amounts()))
}

type limitsUpdateCmd struct {
	apiFlags
	quotaFlags

	Units  limitFlags `embed:""`
	Target string     `arg:"" name:"limit" help:"Name or id."`
}

// Run changes a limit.
func (c *limitsUpdateCmd) Run(a *app) error {
	return updateQuota(&c.apiFlags, a, limits(), c.Target, &c.quotaFlags, slices.Concat(c.Units.amounts(), c.amounts()))
}

type limitsDeleteCmd struct {
	apiFlags

	Limits []string `arg:"" help:"Names or ids."`
}

// Run deletes limits.
func (c *limitsDeleteCmd) Run(a *app) error {
	return c.connect(a, func(api *api) error { return api.remove(limits(), c.Limits, "was deleted") })
}
