package catalog

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const small = `{"format":1,"sources":[{"name":"s","date":"2026-07-02","licence":"MIT"}],
 "authors":[{"id":"a","name":"Author","aliases":["b"]}],
 "providers":[{"id":"p","models":[
  {"id":"m","aliases":["n"],"snapshots":["m-1"],"author":"a","name":"M","context":10,"output":5,"in":["text"],"out":["text"],
   "features":["vision"],"unsupported_params":["temperature"],"price":{"input":1.5,"output":0},
   "datacenters":[{"country":"FI","region":"eu-north1"}],"released":"2026-01-02"},
  {"id":"bare","author":"c"}]}]}`

func read(t *testing.T, text string) *Catalog {
	t.Helper()
	c, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c *Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	c := read(t, small)
	input, output := 1.5, 0.0
	author := &Author{ID: "a", DisplayName: "Author", IDAliases: []string{"b"}}
	want := []*Model{
		{
			ID: "m", ProviderID: "p", AuthorID: "a", Author: author, DisplayName: "M", Known: true,
			IDAliases: []string{"m-1", "n"}, Snapshots: []string{"m-1"}, MaxContextWindow: 10, MaxOutputTokens: 5,
			InputModalities: []string{"text"}, OutputModalities: []string{"text"}, SupportedFeatures: []string{"vision"},
			UnsupportedParams: []string{"temperature"}, Pricing: Pricing{Input: &input, Output: &output},
			Datacenters: []Datacenter{{CountryCode: "FI", Region: "eu-north1"}}, ReleaseDate: "2026-01-02",
		},
		{ID: "bare", ProviderID: "p", AuthorID: "c", Author: &Author{ID: "c", DisplayName: "c"}, DisplayName: "bare", Known: true},
	}
	if diff := cmp.Diff(want, c.Models("p")); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

// The built-in file is what Write makes of it: nobody edits it by hand, and nothing is lost on the way.
func TestWriteRoundTrip(t *testing.T) {
	for _, c := range []*Catalog{read(t, small), load(t)} {
		text := write(t, c)
		if diff := cmp.Diff(text, write(t, read(t, text))); diff != "" {
			t.Errorf("second writing (-first +second):\n%s", diff)
		}
	}
	if diff := cmp.Diff(string(embedded), write(t, load(t))); diff != "" {
		t.Errorf("models.json is not as generated (-file +written):\n%s", diff)
	}
}

// An edit of additions.json without a run of the generator would be lost.
func TestAdditionsAreIn(t *testing.T) {
	data, err := os.ReadFile("additions.json")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t)
	merged := c.Merge(read(t, string(data))).WithSources(c.Sources())
	if diff := cmp.Diff(string(embedded), write(t, merged)); diff != "" {
		t.Errorf("models.json is older than additions.json (-file +merged):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	model := func(fields string) string {
		return `{"format":1,"providers":[{"id":"p","models":[` + fields + `]}]}`
	}
	tests := []struct{ name, text, want string }{
		{"empty", "", "EOF"},
		{"cut", small[:200], "unexpected EOF"},
		{"trailing", small + "{}", "after the end"},
		{"format", `{"format":2,"providers":[]}`, "format 2"},
		{"unknown key", `{"format":1,"provider":[]}`, `unknown field "provider"`},
		{"empty id", model(`{"id":""}`), "is empty"},
		{"line end", model(`{"id":"a\nb"}`), "control"},
		{"separator", model(`{"id":"a\u2028b"}`), "control"},
		{"override", model(`{"id":"a\u202eb"}`), "invisible"},
		{"space", model(`{"id":"a b"}`), "a space"},
		{"long", model(`{"id":"` + strings.Repeat("a", maxName+1) + `"}`), "longer than"},
		{"alias with a tab", model(`{"id":"a","aliases":["\t"]}`), "control"},
		{"twice", model(`{"id":"a"},{"id":"A"}`), "already that of"},
		{"alias of another", model(`{"id":"a"},{"id":"b","aliases":["a"]}`), "already that of"},
		{"negative price", model(`{"id":"a","price":{"input":-1}}`), "not between"},
		{"price per token of a yacht", model(`{"id":"a","price":{"input":1e9}}`), "not between"},
		{"negative window", model(`{"id":"a","context":-1}`), "negative"},
		{"date", model(`{"id":"a","released":"2026-13-01"}`), "YYYY-MM-DD"},
		{"country", model(`{"id":"a","datacenters":[{"country":"Finland"}]}`), "country code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	base := read(t, small)
	over := read(t, `{"format":1,"sources":[{"name":"o"}],"authors":[{"id":"c","name":"See"}],"providers":[
 {"id":"p","models":[{"id":"M","aliases":["bare","x"],"price":{"output":3},"features":["reasoning"],"unsupported_params":["top_p"]},{"id":"n","author":"c"}]},
 {"id":"q","models":[{"id":"m","author":"a"}]}]}`)
	got := base.Merge(over)
	input, output := 1.5, 3.0
	m := got.Models("p")[0]
	if diff := cmp.Diff(Pricing{Input: &input, Output: &output}, m.Pricing); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"m-1", "bare", "x"}, m.IDAliases); diff != "" {
		t.Errorf("aliases: n is a model now, bare is none any more (-want +got):\n%s", diff)
	}
	if m.DisplayName != "M" || m.MaxContextWindow != 10 || m.SupportedFeatures[0] != "reasoning" || len(m.UnsupportedParams) != 2 {
		t.Errorf("got %+v", m)
	}
	if ids := []string{got.Models("p")[1].ID, got.Models("q")[0].ID}; got.Len() != 3 || ids[0] != "n" || ids[1] != "m" {
		t.Errorf("got %d models, %v", got.Len(), ids)
	}
	if a, b := got.Models("p")[0].Author, got.Models("q")[0].Author; a != b || a.DisplayName != "Author" {
		t.Errorf("got authors %+v and %+v, want one", a, b)
	}
	if got := got.Sources(); len(got) != 2 {
		t.Errorf("got sources %v, want both", got)
	}
	if diff := cmp.Diff(write(t, read(t, small)), write(t, base)); diff != "" {
		t.Errorf("merging changed the first catalog:\n%s", diff)
	}
	if err := got.check(); err != nil {
		t.Error(err)
	}
}
