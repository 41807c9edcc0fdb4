package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// formatVersion changes when a file of an older Weir could be misread.
const formatVersion = 1

// maxFile bounds a catalog or an import: ten times the largest public file there is.
const maxFile = 64 << 20

// catalogFile is the shape of the data file. docs/catalog.md explains it.
type catalogFile struct {
	Format    int            `json:"format"`
	Sources   []Source       `json:"sources,omitempty"`
	Authors   []fileAuthor   `json:"authors,omitempty"`
	Providers []fileProvider `json:"providers"`
}

type fileAuthor struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Aliases []string `json:"aliases,omitempty"`
}

type fileProvider struct {
	ID     string      `json:"id"`
	Models []fileModel `json:"models"`
}

type fileModel struct {
	ID          string           `json:"id"`
	Aliases     []string         `json:"aliases,omitempty"`
	Snapshots   []string         `json:"snapshots,omitempty"`
	Author      string           `json:"author,omitempty"`
	Name        string           `json:"name,omitempty"`
	Description string           `json:"description,omitempty"`
	Context     int64            `json:"context,omitempty"`
	Output      int64            `json:"output,omitempty"`
	In          []string         `json:"in,omitempty"`
	Out         []string         `json:"out,omitempty"`
	Features    []string         `json:"features,omitempty"`
	Unsupported []string         `json:"unsupported_params,omitempty"`
	Price       *filePrice       `json:"price,omitempty"`
	Datacenters []fileDatacenter `json:"datacenters,omitempty"`
	Released    string           `json:"released,omitempty"`
	Parameters  int64            `json:"parameters,omitempty"`
	Quantized   string           `json:"quantization,omitempty"`
}

// filePrice has the fields of Pricing, in the same order, so that one converts to the other.
type filePrice struct {
	Input                   *float64 `json:"input,omitempty"`
	Output                  *float64 `json:"output,omitempty"`
	CacheRead               *float64 `json:"cache_read,omitempty"`
	CacheWrite              *float64 `json:"cache_write,omitempty"`
	CacheWriteHour          *float64 `json:"cache_write_hour,omitempty"`
	InputBatch              *float64 `json:"input_batch,omitempty"`
	OutputBatch             *float64 `json:"output_batch,omitempty"`
	InputAudio              *float64 `json:"input_audio,omitempty"`
	OutputAudio             *float64 `json:"output_audio,omitempty"`
	InputImage              *float64 `json:"input_image,omitempty"`
	OutputImage             *float64 `json:"output_image,omitempty"`
	InputPerSecond          *float64 `json:"input_per_second,omitempty"`
	WebSearchPerCall        *float64 `json:"web_search_per_call,omitempty"`
	CodeExecutionPerCall    *float64 `json:"code_execution_per_call,omitempty"`
	FileSearchPerCall       *float64 `json:"file_search_per_call,omitempty"`
	FileSearchPerGB         *float64 `json:"file_search_per_gb,omitempty"`
	ImageGenerationPerImage *float64 `json:"image_generation_per_image,omitempty"`

	Flex        *Rates       `json:"flex,omitempty"`
	Priority    *Rates       `json:"priority,omitempty"`
	LongContext *LongContext `json:"long_context,omitempty"`
}

type fileDatacenter struct {
	Country string `json:"country,omitempty"`
	Region  string `json:"region,omitempty"`
}

// Read reads a catalog in Weir's own shape. A file that is not whole, or says anything twice, is refused.
func Read(r io.Reader) (*Catalog, error) {
	data, err := readAll(r)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var f catalogFile
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("reading catalog: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading catalog: there is something after the end of the document")
	}
	if f.Format != formatVersion {
		return nil, fmt.Errorf("reading catalog: format %d is not known, want %d", f.Format, formatVersion)
	}
	c := f.catalog()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("reading catalog: %w", err)
	}
	return c, nil
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading catalog: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("reading catalog: the file is larger than %d MiB", maxFile>>20)
	}
	return data, nil
}

func (f *catalogFile) catalog() *Catalog {
	authors := make(map[string]*Author, len(f.Authors))
	total := 0
	for i := range f.Authors {
		a := &f.Authors[i]
		authors[a.ID] = &Author{ID: a.ID, DisplayName: orID(a.Name, a.ID), IDAliases: a.Aliases}
	}
	for i := range f.Providers {
		total += len(f.Providers[i].Models)
	}
	store := make([]Model, total) // one block: the models live as long as the catalog
	models := make([]*Model, 0, total)
	for i := range f.Providers {
		p := &f.Providers[i]
		for k := range p.Models {
			m := &store[len(models)]
			p.Models[k].fill(m, p.ID)
			if m.AuthorID != "" && authors[m.AuthorID] == nil {
				authors[m.AuthorID] = &Author{ID: m.AuthorID, DisplayName: m.AuthorID}
			}
			m.Author = authors[m.AuthorID]
			models = append(models, m)
		}
	}
	c := New(models)
	c.sources = f.Sources
	return c
}

func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func (f *fileModel) fill(m *Model, providerID string) {
	*m = Model{
		ID: f.ID, ProviderID: providerID, AuthorID: f.Author, DisplayName: orID(f.Name, f.ID), Description: f.Description,
		IDAliases: f.Aliases, Snapshots: f.Snapshots, Known: true,
		InputModalities: f.In, OutputModalities: f.Out, SupportedFeatures: f.Features, UnsupportedParams: f.Unsupported,
		MaxContextWindow: f.Context, MaxOutputTokens: f.Output, ParameterCount: f.Parameters, Quantization: f.Quantized,
		ReleaseDate: f.Released,
	}
	if len(f.Snapshots) > 0 {
		m.IDAliases = append(slices.Clone(f.Snapshots), f.Aliases...)
	}
	if f.Price != nil {
		m.Pricing = Pricing(*f.Price)
	}
	for _, d := range f.Datacenters {
		m.Datacenters = append(m.Datacenters, Datacenter{CountryCode: d.Country, Region: d.Region})
	}
}

// Write writes the catalog in Weir's own shape, one model a line, so that differences read well.
func (c *Catalog) Write(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n \"format\": %d,\n \"sources\": ", formatVersion)
	if err := appendLines(&b, c.Sources(), "  "); err != nil {
		return err
	}
	b.WriteString(",\n \"authors\": ")
	if err := appendLines(&b, c.fileAuthors(), "  "); err != nil {
		return err
	}
	b.WriteString(",\n \"providers\": [")
	for i, id := range c.Providers() {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(id)
		if err != nil {
			return fmt.Errorf("writing catalog: %w", err)
		}
		fmt.Fprintf(&b, "\n  {\"id\": %s, \"models\": ", name)
		entries := make([]fileModel, 0, len(c.byProvider[id]))
		for _, m := range c.byProvider[id] {
			entries = append(entries, m.file())
		}
		if err := appendLines(&b, entries, "   "); err != nil {
			return err
		}
		b.WriteByte('}')
	}
	b.WriteString("\n ]\n}\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing catalog: %w", err)
	}
	return nil
}

// appendLines writes a list with one element a line.
func appendLines[T any](b *bytes.Buffer, list []T, indent string) error {
	b.WriteByte('[')
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent)
		if err := enc.Encode(&list[i]); err != nil {
			return fmt.Errorf("writing catalog: %w", err)
		}
		b.Truncate(b.Len() - 1) // the encoder's line end
	}
	b.WriteByte(']')
	return nil
}

func (c *Catalog) fileAuthors() []fileAuthor {
	seen := map[string]bool{}
	var out []fileAuthor
	for _, id := range c.Providers() {
		for _, m := range c.byProvider[id] {
			if a := m.Author; a != nil && !seen[a.ID] {
				seen[a.ID] = true
				out = append(out, fileAuthor{ID: a.ID, Name: a.DisplayName, Aliases: a.IDAliases})
			}
		}
	}
	slices.SortFunc(out, func(a, b fileAuthor) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (m *Model) file() fileModel {
	f := fileModel{
		ID: m.ID, Snapshots: m.Snapshots, Author: m.AuthorID, Name: m.DisplayName, Description: m.Description,
		Context: m.MaxContextWindow, Output: m.MaxOutputTokens, In: m.InputModalities, Out: m.OutputModalities,
		Features: m.SupportedFeatures, Unsupported: m.UnsupportedParams, Released: m.ReleaseDate,
		Parameters: m.ParameterCount, Quantized: m.Quantization,
	}
	if f.Name == f.ID {
		f.Name = ""
	}
	for _, alias := range m.IDAliases {
		if !slices.Contains(m.Snapshots, alias) {
			f.Aliases = append(f.Aliases, alias)
		}
	}
	if m.Pricing != (Pricing{}) {
		price := filePrice(m.Pricing)
		f.Price = &price
	}
	for _, d := range m.Datacenters {
		f.Datacenters = append(f.Datacenters, fileDatacenter{Country: d.CountryCode, Region: d.Region})
	}
	return f
}
