package providers

import (
	"testing"
)

func TestCerebrasKeyPrefix(t *testing.T) {
	if got := specOf(t, "cerebras").KeyPrefix; got == specOf(t, "openai").KeyPrefix {
		t.Errorf("got %q, which would let a key of OpenAI pass for one of Cerebras", got)
	}
}
