//go:build !linux

package services

import "syscall"

// attributes puts the process into a group of its own.
func attributes(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Setpgid: true}
}

// descendants knows none here: PostgreSQL's processes end by themselves when the first one does.
func descendants(int) []int { return nil }

// alive is asked of descendants only.
func alive(int) bool { return false }
