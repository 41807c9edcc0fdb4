package wire

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestTextSize(t *testing.T) {
	picture := make([]byte, 90_000)
	for i := range picture {
		picture[i] = byte(i * 7)
	}
	blob := base64.StdEncoding.EncodeToString(picture)
	prose := strings.Repeat("Nothing here is a file, not even aGVsbG8gd29ybGQ=. ", 400)
	tests := []struct {
		name, body string
		want       int // 0 = all of it
	}{
		{"empty", "", 0},
		{"short", `{"model":"m"}`, 0},
		{"prose", prose, 0},
		{"letters as escapes", strings.Repeat(`\u4f60\u597d`, 2000), 0},
		{"letters of other scripts", strings.Repeat("你好", 2000), 0},
		{"numbers of tokens", "[" + strings.Repeat("1234,", 3000) + "1]", 0},
		{"a small picture", `{"data":"` + blob[:4000] + `"}`, 0},
		{"a data URL", `{"url":"data:image/png;base64,` + blob + `"}`, 32 + sizeBlob},
		{"an Anthropic picture among prose", prose + `{"type":"base64","data":"` + blob + `"}` + prose, 2*len(prose) + 27 + sizeBlob},
		{"a Gemini file", `{"inline_data":{"mime_type":"application/pdf","data":"` + blob + `"}}`, 57 + sizeBlob},
		{"two pictures", `["` + blob + `","` + blob + `"]`, 7 + 2*sizeBlob},
		{"slashes with escapes", `"` + strings.ReplaceAll(blob, "/", `\/`) + `"`, 2 + sizeBlob},
		{"the URL alphabet", `"` + base64.URLEncoding.EncodeToString(picture) + `"`, 2 + sizeBlob},
		{"text behind a file in one string", `"` + blob + " " + prose + `"`, len(prose) + 3 + sizeBlob},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == 0 {
				want = len(tt.body)
			}
			// where a file begins is known to the few bytes of base64 that stand in front of it, as in "base64,"
			if got := int(TextSize([]byte(tt.body))); got < want-8 || got > want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

func TestPeekChoicesAndTier(t *testing.T) {
	tests := []struct {
		name, body string
		api        API
		choices    int64
		tier       Tier
	}{
		{"nothing said", `{}`, OpenAIChat, 1, TierStandard},
		{"chat", `{"n":3,"service_tier":"priority"}`, OpenAIChat, 3, TierPriority},
		{"completions", `{"n":2,"best_of":5,"service_tier":"flex"}`, OpenAICompletions, 5, TierFlex},
		{"images", `{"n":4,"service_tier":"auto"}`, OpenAIImages, 4, TierStandard},
		{"other kinds", `{"n":"4","best_of":null,"service_tier":1}`, OpenAIChat, 1, TierStandard},
		{"no answers at all", `{"n":-4}`, OpenAIChat, 1, TierStandard},
		{"gemini", `{"generationConfig":{"candidateCount":2},"serviceTier":"flex"}`, GeminiGenerate, 2, TierFlex},
		{"gemini in its other spelling", `{"generation_config":{"candidate_count":2},"service_tier":"priority"}`, GeminiGenerate, 2, TierPriority},
		{"gemini without", `{"generationConfig":{"candidateCount":"2"},"n":7}`, GeminiGenerate, 1, TierStandard},
		{"anthropic", `{"n":7,"max_tokens":1,"service_tier":"auto"}`, AnthropicMessages, 1, TierStandard},
		{"anthropic in haste", `{"max_tokens":1,"speed":"fast"}`, AnthropicMessages, 1, TierPriority},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Peek
			if problem := p.Read(tt.api, []byte(tt.body)); problem != nil {
				t.Fatal(problem)
			}
			if got := p.Choices(tt.api); got != tt.choices {
				t.Errorf("got %d choices, want %d", got, tt.choices)
			}
			if got := p.Tier(tt.api); got != tt.tier {
				t.Errorf("got tier %d, want %d", got, tt.tier)
			}
		})
	}
}

func BenchmarkTextSize(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("chat/%dKB", size>>10), func(b *testing.B) {
			body := scanChatBody(b, size)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				TextSize(body)
			}
		})
	}
	b.Run("picture/1MB", func(b *testing.B) {
		body := []byte(`"data:image/png;base64,` + strings.Repeat("iVBORw0KGgo+", 87_000) + `"`)
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			TextSize(body)
		}
	})
}
