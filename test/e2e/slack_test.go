//go:build !race

package e2e

import "time"

// slack is what two busy cores need.
const slack = time.Second
