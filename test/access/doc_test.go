// Package access tests access keys, budgets, limits and usage on whole gateways: processes of the weir binary that share a
// real PostgreSQL and a real Redis, and that are killed.
package access
