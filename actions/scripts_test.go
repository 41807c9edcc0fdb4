package actions_test

import (
	"testing"

	"weir/policies/policytest"
)

func TestScripts(t *testing.T) { policytest.RunDir(t, "testdata") }
