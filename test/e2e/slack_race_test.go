//go:build race

package e2e

import "time"

// slack is what two busy cores need under the race detector.
const slack = 3 * time.Second
