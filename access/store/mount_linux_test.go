package store

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// mountDisk mounts a small disk, where the test may.
func mountDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		if os.Geteuid() == 0 {
			t.Skipf("mounting a small disk: %v; the same is tested with a limit on the database", err)
		}
		t.Skip("only root can mount a small disk; the same is tested with a limit on the database")
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

// remountReadOnly makes a disk that was mounted read-only.
func remountReadOnly(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatalf("remounting %s: %v", dir, err)
	}
}
