package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Format is the shape of a public file of model facts.
type Format string

// The shapes that Import reads. FormatAuto tells them apart by their contents.
const (
	FormatAuto      Format = ""
	FormatModelsDev Format = "models.dev"
	FormatLiteLLM   Format = "litellm"
)

// Diagnostic says why a part of an imported file was left out.
type Diagnostic struct {
	Where   string // provider and model, or the key of the entry
	Message string
}

// String is the diagnostic on one line.
func (d Diagnostic) String() string { return strconv.Quote(d.Where) + ": " + d.Message }

// Import reads a public file of model facts. What cannot be used is left out and told in the diagnostics; the error is
// for files that are of no use at all. Providers and authors get the names that Weir uses for them, prices are per
// million tokens, and a price that the file does not know stays unknown.
func Import(r io.Reader, format Format) (*Catalog, []Diagnostic, error) {
	data, err := readAll(r)
	if err != nil {
		return nil, nil, err
	}
	root, err := members(data)
	if err != nil {
		return nil, nil, fmt.Errorf("importing: %w", err)
	}
	if format == FormatAuto {
		format = detect(root)
	}
	im := &importer{seen: map[string]map[string]string{}, authors: map[string]*Author{}}
	switch format {
	case FormatModelsDev:
		im.modelsDev(root)
	case FormatLiteLLM:
		im.liteLLM(root)
	default:
		return nil, nil, fmt.Errorf("importing: the file is neither that of models.dev nor LiteLLM's price map (format %q)", format)
	}
	if len(im.models) == 0 {
		return nil, im.diags, fmt.Errorf("importing: the file holds no usable model (%d entries left out)", len(im.diags))
	}
	c := New(im.models)
	c.sources = []Source{im.source}
	return c, im.diags, nil
}

// detect tells the shapes apart: entries of LiteLLM name their provider, those of models.dev hold models.
func detect(root []member) Format {
	for _, m := range root {
		if m.key == "providers" {
			return FormatModelsDev
		}
		var probe struct {
			Provider json.RawMessage `json:"litellm_provider"`
			Models   json.RawMessage `json:"models"`
		}
		if json.Unmarshal(m.raw, &probe) != nil {
			continue
		}
		switch {
		case probe.Provider != nil:
			return FormatLiteLLM
		case probe.Models != nil:
			return FormatModelsDev
		}
	}
	return "unknown"
}

// importer gathers the models of one file.
type importer struct {
	models  []*Model
	diags   []Diagnostic
	source  Source
	seen    map[string]map[string]string // provider, then lower-case name, then the id that has it
	authors map[string]*Author
}

func (im *importer) skip(where, format string, args ...any) {
	im.diags = append(im.diags, Diagnostic{Where: where, Message: fmt.Sprintf(format, args...)})
}

// add takes a model in, unless something is wrong with it.
func (im *importer) add(where string, m *Model) {
	names := im.seen[m.ProviderID]
	if names == nil {
		if err := checkName(m.ProviderID); err != nil {
			im.skip(where, "the provider's id %v", err)
			return
		}
		names = map[string]string{}
		im.seen[m.ProviderID] = names
	}
	if owner, taken := names[strings.ToLower(m.ID)]; taken {
		im.skip(where, "%s has the model %q already; the first entry counts", m.ProviderID, owner)
		return
	}
	if err := m.check(names); err != nil {
		im.skip(where, "%v", err)
		return
	}
	m.setAuthor(im.authors)
	if strings.ContainsFunc(m.DisplayName, func(r rune) bool { return unprintable(r) && r != ' ' }) {
		m.DisplayName = m.ID // a line end in a name could forge lines of a listing
	}
	m.Known = true
	im.models = append(im.models, m)
}

// member is one key of an object with its value as written.
type member struct {
	key string
	raw json.RawMessage
}

// members splits an object into its members, in order; a key that is there twice is an error.
func members(data []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("the document is not a JSON object"), err)
	}
	var out []member
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading a key: %w", err)
		}
		key, ok := t.(string)
		if !ok || seen[key] {
			return nil, fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("reading the value of %q: %w", key, err)
		}
		out = append(out, member{key: key, raw: raw})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("reading to the end of the object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the end of the document")
	}
	return out, nil
}

// price rounds a price per million tokens to what a vendor could have meant: one token's price times a million ends in
// a float's last digits.
func price(v float64) *float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 10, 64), 64)
	if err != nil {
		rounded = v
	}
	return &rounded
}
