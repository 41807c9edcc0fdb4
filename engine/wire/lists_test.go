package wire

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendModels(t *testing.T) {
	entries := []ModelEntry{
		{ID: "openai:gpt-x", DisplayName: "GPT X", OwnedBy: "openai", Created: 1700000000, InputLimit: 128000, OutputLimit: 4096, Methods: []string{"generateContent", "countTokens"}},
		{ID: "b", OwnedBy: "weir"},
	}
	tests := []struct {
		name    string
		dialect Dialect
		page    Page
		want    string
	}{
		{"openai", DialectOpenAI, Page{Limit: 1}, `{"object":"list","data":[{"id":"openai:gpt-x","object":"model","created":1700000000,"owned_by":"openai"},{"id":"b","object":"model","created":0,"owned_by":"weir"}]}`},
		{"anthropic", DialectAnthropic, Page{}, `{"data":[{"type":"model","id":"openai:gpt-x","display_name":"GPT X","created_at":"2023-11-14T22:13:20Z"},{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"first_id":"openai:gpt-x","last_id":"b"}`},
		{"anthropic, none", DialectAnthropic, Page{After: "b"}, `{"data":[],"has_more":false,"first_id":null,"last_id":null}`},
		{"gemini", DialectGemini, Page{}, `{"models":[{"name":"models/openai:gpt-x","displayName":"GPT X","inputTokenLimit":128000,"outputTokenLimit":4096,"supportedGenerationMethods":["generateContent","countTokens"]},{"name":"models/b","displayName":"b","supportedGenerationMethods":[]}]}`},
		{"gemini, one", DialectGemini, Page{Limit: 1, After: "openai:gpt-x"}, `{"models":[{"name":"models/b","displayName":"b","supportedGenerationMethods":[]}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendModels(nil, tt.dialect, entries, tt.page)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !json.Valid(got) {
				t.Errorf("got invalid JSON %s", got)
			}
		})
	}
}

func TestModelPages(t *testing.T) {
	entries := make([]ModelEntry, 120)
	for i := range entries {
		entries[i].ID = "m" + strconv.Itoa(i)
	}
	tests := []struct {
		name        string
		dialect     Dialect
		page        Page
		first, last string
		count       int
		more        bool
	}{
		{"anthropic default", DialectAnthropic, Page{}, "m0", "m19", 20, true},
		{"anthropic limit", DialectAnthropic, Page{Limit: 3, After: "m4"}, "m5", "m7", 3, true},
		{"anthropic last", DialectAnthropic, Page{Limit: 1000, After: "m117"}, "m118", "m119", 2, false},
		{"anthropic before", DialectAnthropic, Page{Limit: 3, Before: "m10"}, "m7", "m9", 3, true},
		{"anthropic before, first page", DialectAnthropic, Page{Limit: 3, Before: "m2"}, "m0", "m1", 2, false},
		{"unknown cursors", DialectAnthropic, Page{After: "x"}, "", "", 0, false},
		{"unknown before", DialectAnthropic, Page{Before: "x"}, "", "", 0, false},
		{"gemini default", DialectGemini, Page{}, "m0", "m49", 50, true},
		{"gemini next", DialectGemini, Page{Limit: 5000, After: "m49"}, "m50", "m119", 70, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got struct {
				Data    []struct{ ID string }
				Models  []struct{ Name string }
				HasMore bool   `json:"has_more"`
				Next    string `json:"nextPageToken"`
			}
			if err := json.Unmarshal(AppendModels(nil, tt.dialect, entries, tt.page), &got); err != nil {
				t.Fatalf("reading the list: %v", err)
			}
			ids := make([]string, 0, 64)
			for _, m := range got.Data {
				ids = append(ids, m.ID)
			}
			for _, m := range got.Models {
				ids = append(ids, m.Name[len("models/"):])
			}
			if len(ids) != tt.count || (len(ids) > 0 && (ids[0] != tt.first || ids[len(ids)-1] != tt.last)) {
				t.Errorf("got %v, want %d from %s to %s", ids, tt.count, tt.first, tt.last)
			}
			if more := got.HasMore || got.Next != ""; more != tt.more {
				t.Errorf("got more = %v, want %v", more, tt.more)
			}
			if got.Next != "" && got.Next != tt.last {
				t.Errorf("got token %q, want %q", got.Next, tt.last)
			}
		})
	}
}
