//go:build !linux

package store

import "testing"

func mountDisk(t *testing.T, _ int) string {
	t.Helper()
	t.Skip("small disks are mounted on Linux only")
	return ""
}

func remountReadOnly(*testing.T, string) {}
