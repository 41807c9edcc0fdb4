// Package admin is the Admin API: the resources of access over REST, with roles, conditional and idempotent requests, an
// audit log and an OpenAPI document.
package admin
