package catalog

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// devProvider is a provider in the file of models.dev.
type devProvider struct {
	Models json.RawMessage `json:"models"`
}

// devModel is a model in the file of models.dev. Fields that Weir has no use for are left out.
type devModel struct {
	Name             string   `json:"name"`
	ReleaseDate      string   `json:"release_date"`
	Status           string   `json:"status"`
	BaseModel        string   `json:"base_model"`
	Attachment       bool     `json:"attachment"`
	Reasoning        bool     `json:"reasoning"`
	ToolCall         bool     `json:"tool_call"`
	StructuredOutput bool     `json:"structured_output"`
	OpenWeights      bool     `json:"open_weights"`
	Temperature      *bool    `json:"temperature"`
	Cost             *devCost `json:"cost"`
	Limit            struct {
		Context int64 `json:"context"`
		Output  int64 `json:"output"`
	} `json:"limit"`
	Modalities struct {
		Input  []string `json:"input"`
		Output []string `json:"output"`
	} `json:"modalities"`
}

// devCost is what a model costs in the file of models.dev.
type devCost struct {
	Rates
	InputAudio  *float64 `json:"input_audio"`
	OutputAudio *float64 `json:"output_audio"`
	Tiers       []struct {
		Tier struct {
			Type string `json:"type"`
			Size int64  `json:"size"`
		} `json:"tier"`
		Rates
	} `json:"tiers"`
}

// pricing takes the prices over. Of several steps for long prompts the first one counts: Weir knows one.
func (c *devCost) pricing() Pricing {
	p := Pricing{
		Input: c.Input, Output: c.Output, CacheRead: c.CacheRead, CacheWrite: c.CacheWrite,
		InputAudio: c.InputAudio, OutputAudio: c.OutputAudio,
	}
	for _, t := range c.Tiers {
		if t.Tier.Type != "" && t.Tier.Type != "context" {
			continue
		}
		if l := p.LongContext; l == nil || t.Tier.Size < l.Above {
			p.LongContext = &LongContext{Above: t.Tier.Size, Rates: t.Rates}
		}
	}
	return p
}

// modelsDev reads providers with their models. The file may stand under "providers", with its source and date beside it.
func (im *importer) modelsDev(root []member) {
	im.source = Source{Name: "models.dev", Licence: "MIT"}
	for _, m := range root {
		switch m.key {
		case "providers":
			inner, err := members(m.raw)
			if err != nil {
				im.skip("providers", "%v", err)
				return
			}
			root = inner
		case "source":
			var name string
			if json.Unmarshal(m.raw, &name) == nil {
				im.source.Date = dateIn(name)
			}
		}
	}
	for _, p := range root {
		var provider devProvider
		if err := json.Unmarshal(p.raw, &provider); err != nil || provider.Models == nil {
			im.skip(p.key, "this is not a provider with models")
			continue
		}
		models, err := members(provider.Models)
		if err != nil {
			im.skip(p.key, "%v", err)
			continue
		}
		for _, m := range models {
			im.devModel(p.key, m)
		}
	}
}

// dateIn finds a YYYY-MM-DD in a text.
func dateIn(text string) string {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		if _, err := time.Parse(time.DateOnly, word); err == nil {
			return word
		}
	}
	return ""
}

func (im *importer) devModel(provider string, entry member) {
	where := provider + ":" + entry.key
	var f devModel
	if err := json.Unmarshal(entry.raw, &f); err != nil {
		im.skip(where, "%v", err)
		return
	}
	m := &Model{
		ID: entry.key, ProviderID: providerName(provider), DisplayName: orID(f.Name, entry.key),
		InputModalities: devModalities(f.Modalities.Input), OutputModalities: devModalities(f.Modalities.Output),
		MaxContextWindow: f.Limit.Context, MaxOutputTokens: f.Limit.Output, ReleaseDate: fullDate(f.ReleaseDate),
	}
	if f.Status == "deprecated" {
		m.Description = "Deprecated by the vendor."
	}
	author, _, _ := strings.Cut(f.BaseModel, "/")
	m.AuthorID = authorOf(m.ProviderID, m.ID, author)
	m.SupportedFeatures = f.features(m)
	if f.Temperature != nil && !*f.Temperature && slices.Contains(m.OutputModalities, "text") {
		m.UnsupportedParams = []string{"temperature"}
	}
	if c := f.Cost; c != nil {
		m.Pricing = c.pricing()
		m.Pricing.settle(m.ID, slices.Contains(m.OutputModalities, "text"))
	}
	im.add(where, m)
}

// devModalities turns pdf into file, Weir's word for documents of any kind.
func devModalities(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		if out[i] == "pdf" {
			out[i] = "file"
		}
	}
	return out
}

// fullDate completes a date that names a month only.
func fullDate(date string) string {
	if len(date) == len("2006-01") {
		date += "-01"
	}
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return ""
	}
	return date
}

// features names what a model can do. Kinds that the file does not tell apart are seen from the name; those that put out
// no tokens have no limit of them, although the file gives the size of the vector there.
func (f *devModel) features(m *Model) []string {
	var out []string
	add := func(name string, has bool) {
		if has {
			out = append(out, name)
		}
	}
	id := strings.ToLower(m.ID[strings.LastIndexByte(m.ID, '/')+1:])
	embeds := strings.Contains(id, "embed") || strings.HasPrefix(id, "bge-") || strings.HasPrefix(id, "e5-")
	reranks := strings.Contains(id, "rerank")
	switch {
	case embeds && !reranks:
		m.OutputModalities, m.MaxOutputTokens = []string{"embedding"}, 0
	case reranks:
		m.OutputModalities, m.MaxOutputTokens = []string{"score"}, 0
	}
	add("tool-calling", f.ToolCall)
	add("structured-output", f.StructuredOutput)
	add("reasoning", f.Reasoning)
	add("vision", slices.Contains(m.InputModalities, "image"))
	add("attachments", f.Attachment)
	add("prompt-caching", f.Cost != nil && f.Cost.CacheRead != nil && *f.Cost.CacheRead > 0)
	add("embeddings", embeds && !reranks)
	add("rerank", reranks)
	add("image-generation", slices.Contains(m.OutputModalities, "image"))
	add("transcription", strings.Contains(id, "whisper") || strings.Contains(id, "transcribe"))
	add("speech", slices.Contains(m.OutputModalities, "audio") && strings.Contains(id, "tts"))
	add("open-weights", f.OpenWeights)
	return out
}
