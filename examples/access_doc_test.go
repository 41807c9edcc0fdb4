package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestAccessDocument types the commands of the page on access, in order, with the files that it shows. Each must succeed.
func TestAccessDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "access.md"))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "```sh\nexport OPENAI_API_KEY=any OPENAI_RESEARCH_KEY=sk-of-research\nweir sim --listen 127.0.0.1:9100 &\n```\n"
	s := newSession(t, begin+string(text), []string{"8080", "9080", "9100"}, []string{"/var/lib/weir", "state"})
	s.write("policy.yaml", "providers: [{id: openai, base_url: 'http://127.0.0.1:9100/v1', api_keys: [{value: \"${secrets.get('OPENAI_API_KEY')}\"}]}]\n")
	s.write("key.txt", "sk-or-of-research\n")
	files := regexp.MustCompile("(?s)```yaml\n# (\\w+\\.yaml)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(files) != 2 {
		t.Fatalf("got %d files on the page, want weir.yaml and research.yaml", len(files))
	}
	for _, file := range files {
		s.write(file[1], file[2])
	}
	s.check(s.run())
}
