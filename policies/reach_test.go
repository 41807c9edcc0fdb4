package policies

import "testing"

func TestYields(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"ai.models", true},
		{" ai.models ", true},
		{"ai.models.random()", true},
		{"ai.models.randomize()[0]", true},
		{"ai.models\n  .sortBy(m, m.pricing.input)\n  .randomize()", true},
		{"ai.models.sortBy(m, m.getMetadata(')') == \"(\" ? 1 : (2))[0]", true},
		{`ai.models.sortBy(m, m.id == 'it\'s)')`, true},
		{"ai.models[1]", false},
		{"ai.models.filter(m, m.known)", false},
		{"ai.models.sortBy('price').filter(m, m.known)", false},
		{"ai.models.sortBy('price'", false},
		{"ai.modelsOf()", false},
		{"ai.models + ai.models", false},
		{"true ? ai.models : []", false},
		{"ai.keys", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := yields(tt.text, "ai.models"); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}
