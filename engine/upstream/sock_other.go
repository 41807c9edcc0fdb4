//go:build !unix

package upstream

type prober struct{}

type asker struct {
	out  []byte
	done int
}

// step leaves everything to Write.
func (*asker) step(uintptr) bool { return true }

// isQuiet cannot look here; a closed connection shows when it is used, and is redialled once.
func (*prober) isQuiet(uintptr) bool { return true }
