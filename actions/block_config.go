package actions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/vars"
	"weir/engine/wire"
)

const (
	// maxBlockPhrases bounds what a policy lists itself; longer lists belong into files, where they do not hide the rules.
	maxBlockPhrases = 10_000
	// maxBlockFiles bounds the files of one action: lists are cut by subject and by language, not by the hundred.
	maxBlockFiles = 64
	// maxBlockPatterns bounds one action: each pattern is matched against every text.
	maxBlockPatterns = 64
	// maxPolicyFile bounds a file that an action reads: as much as all phrases of a list together may have.
	maxPolicyFile = 16 << 20
)

// blockSources tell where each entry of a list stands.
type blockSources struct {
	inline int // how many phrases stand in the policy itself
	files  []blockFile
}

// blockFile is a file of phrases.
type blockFile struct {
	name  string
	first int   // the first phrase that it has
	lines []int // of its phrases
}

// name says where what was found first stands.
func (s *blockSources) name(found content.Screened) string {
	switch {
	case found.Phrase < 0:
		return "patterns[" + strconv.Itoa(found.Pattern) + "]"
	case found.Phrase < s.inline:
		return "phrases[" + strconv.Itoa(found.Phrase) + "]"
	}
	i := sort.Search(len(s.files), func(i int) bool { return s.files[i].first > found.Phrase }) - 1
	return s.files[i].name + ":" + strconv.Itoa(s.files[i].lines[found.Phrase-s.files[i].first])
}

func newBlock(c *engine.Config) engine.Action {
	a := &block{
		blockRefusal: newBlockRefusal(c), kinds: textPlaces(c, c.Node("where")),
		request: c.Phase == vars.PhaseRequest, onStream: streamMode(c.String("on_stream")),
	}
	list := c.Strings("phrases")
	a.sources.inline = len(list)
	list = a.readFiles(c, list)
	a.readPatterns(c)
	if c.Node("phrases") == nil && c.Node("files") == nil && c.Node("patterns") == nil {
		c.Errorf(nil, "missing_field", "block needs \"phrases\", \"files\" or \"patterns\": nothing is looked for without")
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	if len(list) > 0 {
		a.compile(c, list)
	}
	return a
}

// compile compiles the phrases; what is wrong with one is reported where it stands.
func (a *block) compile(c *engine.Config, list []string) {
	var how content.PhraseMatch
	if !c.Bool("words") {
		how |= content.PhraseAnywhere
	}
	if !c.Bool("ignore_case") {
		how |= content.PhraseExactCase
	}
	var err error
	if a.phrases, err = content.CompilePhrases(list, how); err == nil {
		return
	}
	at, name := c.Node("files"), "the list"
	if bad, ok := errors.AsType[*content.PhraseError](err); ok && bad.Index >= 0 {
		if name = a.sources.name(content.Screened{Phrase: bad.Index}); bad.Index < a.sources.inline {
			at = c.Node("phrases").Items[bad.Index]
		}
	}
	c.Errorf(at, "bad_value", "%s: %v", name, err)
}

func (a *block) readPatterns(c *engine.Config) {
	n := c.Node("patterns")
	if n == nil || n.Kind != engine.NodeList {
		return // reported by the check of fields
	}
	for _, item := range n.Items {
		at := item.Get("pattern")
		if at == nil || at.Kind != engine.NodeScalar {
			continue // reported by the check of fields
		}
		r := content.Replacement{From: at.Text.Value, Full: content.FullBlock}
		if n, ok := scalarAt(item, "max_length", "").Value.(int64); ok && n <= content.MaxMaxLength { // else it is reported
			r.MaxLength = int(n)
		}
		p, err := content.Compile(r)
		switch {
		case err != nil:
			c.Errorf(at, "bad_regex", "%v", err)
		case p.MatchesNothing():
			c.Errorf(at, "bad_regex", "the pattern matches a text of no characters, and so every text")
		default:
			a.patterns = append(a.patterns, p)
		}
	}
}

// readFiles appends the phrases of the files.
func (a *block) readFiles(c *engine.Config, list []string) []string {
	n := c.Node("files")
	if n == nil || n.Kind != engine.NodeList {
		return list // reported by the check of fields
	}
	for _, item := range n.Items {
		if item.Kind != engine.NodeScalar {
			continue
		}
		text, err := readPolicyFile(c, item)
		if err != nil {
			c.Errorf(item, "bad_file", "%v", err)
			continue
		}
		file := blockFile{name: item.Text.Value, first: len(list)}
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
		if !utf8.Valid(text) {
			c.Errorf(item, "bad_file", "%s is not UTF-8", file.name)
			continue
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				list, file.lines = append(list, line), append(file.lines, number)
			}
		}
		if len(file.lines) == 0 { // cut short, or not what was meant: it must not be "nothing is blocked"
			c.Errorf(item, "bad_file", "%s holds no phrase", file.name)
			continue
		}
		a.sources.files = append(a.sources.files, file)
	}
	return list
}

// readPolicyFile reads a file that a policy names, relative to the policy's own place.
func readPolicyFile(c *engine.Config, n *engine.Node) ([]byte, error) {
	name := n.Text.Value
	if name == "" {
		return nil, errors.New("the name of the file is empty")
	}
	if c.ReadFile != nil {
		text, err := c.ReadFile(name)
		if err == nil && len(text) > maxPolicyFile {
			err = fmt.Errorf("it has more than %d bytes", maxPolicyFile)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		return text, nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(n.Pos.File), path)
	}
	f, err := os.Open(path) //nolint:gosec // the policy's author names the file
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case len(text) > maxPolicyFile:
		return nil, fmt.Errorf("reading %s: it has more than %d bytes", name, maxPolicyFile)
	}
	return text, nil
}

// textPlaces reads whose texts are looked into.
func textPlaces(c *engine.Config, n *engine.Node) wire.TextKinds {
	if n == nil || n.Kind != engine.NodeList {
		return wire.AllTextKinds
	}
	request := c.Phase == vars.PhaseRequest
	var kinds wire.TextKinds
	for _, item := range n.Items {
		switch word := item.Text.Value; {
		case !slices.Contains(redactPlaces(), word):
			c.Errorf(item, "bad_value", "\"where\" knows no %q: %s", word, engine.HintFor(word, redactPlaces()))
		case request && word == "response":
			c.Errorf(item, "wrong_phase", "the response is there in on_response only")
		case !request && (word == "system" || word == "user"):
			c.Errorf(item, "wrong_phase", "answers hold no text of %s: the rule belongs into on_request", word)
		default:
			kinds |= redactPlace(word)
		}
	}
	return kinds
}
