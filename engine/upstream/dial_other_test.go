//go:build !unix

package upstream

import "testing"

func fullListener(*testing.T) string { return "" }
