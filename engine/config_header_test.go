package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestHeaderLengths(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"a name", CheckHeaderName(strings.Repeat("a", maxHeaderName)), nil},
		{"a name too long", CheckHeaderName(strings.Repeat("a", maxHeaderName+1)), errHeaderLong},
		{"no name", CheckHeaderName(""), errHeaderName},
		{"a value", CheckHeaderValue(strings.Repeat("a", maxHeaderValue)), nil},
		{"a value too long", CheckHeaderValue(strings.Repeat("a", maxHeaderValue+1)), errHeaderLong},
		{"a value of two lines", CheckHeaderValue("a\nb"), errHeaderValue},
	}
	for _, tt := range tests {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.err, tt.want)
		}
	}
}
