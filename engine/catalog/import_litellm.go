package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// liteModel is an entry of LiteLLM's price map. Numbers may be written as text.
type liteModel struct {
	Provider     string   `json:"litellm_provider"`
	Mode         string   `json:"mode"`
	MaxInput     liteNum  `json:"max_input_tokens"`
	MaxOutput    liteNum  `json:"max_output_tokens"`
	MaxTokens    liteNum  `json:"max_tokens"`
	Input        liteNum  `json:"input_cost_per_token"`
	Output       liteNum  `json:"output_cost_per_token"`
	CacheRead    liteNum  `json:"cache_read_input_token_cost"`
	CacheWrite   liteNum  `json:"cache_creation_input_token_cost"`
	InputBatch   liteNum  `json:"input_cost_per_token_batches"`
	OutputBatch  liteNum  `json:"output_cost_per_token_batches"`
	InputAudio   liteNum  `json:"input_cost_per_audio_token"`
	OutputAudio  liteNum  `json:"output_cost_per_audio_token"`
	CacheHour    liteNum  `json:"cache_creation_input_token_cost_above_1hr"`
	InputImage   liteNum  `json:"input_cost_per_image_token"`
	OutputImage  liteNum  `json:"output_cost_per_image_token"`
	PerSecond    liteNum  `json:"input_cost_per_second"`
	PerImage     liteNum  `json:"output_cost_per_image"`
	CodeSession  liteNum  `json:"code_interpreter_cost_per_session"`
	FilePerGBDay liteNum  `json:"file_search_cost_per_gb_per_day"`
	Regions      []string `json:"supported_regions"`
	In           []string `json:"supported_modalities"`
	Out          []string `json:"supported_output_modalities"`
	Search       struct {
		Medium liteNum `json:"search_context_size_medium"`
	} `json:"search_context_cost_per_query"`

	Tools       bool  `json:"supports_function_calling"`
	Schema      bool  `json:"supports_response_schema"`
	Reasoning   bool  `json:"supports_reasoning"`
	Vision      bool  `json:"supports_vision"`
	PDF         bool  `json:"supports_pdf_input"`
	Caching     bool  `json:"supports_prompt_caching"`
	WebSearch   bool  `json:"supports_web_search"`
	ComputerUse bool  `json:"supports_computer_use"`
	AudioIn     bool  `json:"supports_audio_input"`
	AudioOut    bool  `json:"supports_audio_output"`
	Sampling    *bool `json:"supports_sampling_params"`
}

// liteNum is a number that may be missing, null, or written as text.
type liteNum struct {
	value float64
	known bool
}

var errNotNumber = errors.New("is not a number")

// UnmarshalJSON reads a number, a number in quotes, or null.
func (n *liteNum) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	text := string(raw)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("value %.40s %w", raw, errNotNumber)
	}
	n.value, n.known = v, true
	return nil
}

// tokens is a limit; what is not a whole positive number is unknown.
func (n liteNum) tokens() int64 {
	if !n.known || n.value < 1 || n.value > 1<<40 {
		return 0
	}
	return int64(n.value)
}

// each is a price for one of something.
func (n liteNum) each() *float64 {
	if !n.known {
		return nil
	}
	return price(n.value)
}

// million is a price per million, of a price per token.
func (n liteNum) million() *float64 {
	if !n.known {
		return nil
	}
	return price(n.value * 1e6)
}

func (im *importer) liteLLM(root []member) {
	im.source = Source{Name: "LiteLLM price map", Licence: "MIT"}
	for _, entry := range root {
		if entry.key == "sample_spec" { // the map explains itself there
			continue
		}
		var f liteModel
		if err := json.Unmarshal(entry.raw, &f); err != nil {
			im.skip(entry.key, "%v", err)
			continue
		}
		if f.Provider == "" {
			im.skip(entry.key, "the entry names no provider")
			continue
		}
		id, ok := f.id(entry.key)
		if !ok {
			im.skip(entry.key, "the key is a size, a region or a fine-tuning price of a model, not a model")
			continue
		}
		m := f.model(id)
		if err := m.Pricing.liteTiers(entry.raw); err != nil {
			im.skip(entry.key, "%v", err)
			continue
		}
		m.Pricing.settle(id, slices.Contains(m.OutputModalities, "text"))
		im.add(entry.key, m)
	}
}

// id takes the provider off the front of a key; false for keys that are no model names.
func (f *liteModel) id(key string) (string, bool) {
	id := strings.TrimPrefix(key, f.Provider+"/")
	if strings.HasPrefix(id, "ft:") || strings.HasPrefix(id, "container") {
		return "", false
	}
	if first, rest, ok := strings.Cut(id, "/"); ok {
		first = strings.ToLower(first)
		if strings.Contains(first, "-x-") || strings.Contains(rest, "-x-") || slices.Contains(
			[]string{"hd", "standard", "low", "medium", "high", "eu", "us", "global", "global-standard", "regional", "*"}, first) {
			return "", false
		}
	}
	return id, !strings.Contains(id, "*")
}

func (f *liteModel) model(id string) *Model {
	m := &Model{
		ID: id, ProviderID: providerName(f.Provider), DisplayName: id,
		MaxContextWindow: f.MaxInput.tokens(), MaxOutputTokens: f.MaxOutput.tokens(),
		InputModalities: slices.Clone(f.In), OutputModalities: slices.Clone(f.Out),
		Pricing: Pricing{
			Input: f.Input.million(), Output: f.Output.million(),
			CacheRead: f.CacheRead.million(), CacheWrite: f.CacheWrite.million(),
			CacheWriteHour: f.CacheHour.million(),
			InputBatch:     f.InputBatch.million(), OutputBatch: f.OutputBatch.million(),
			InputAudio: f.InputAudio.million(), OutputAudio: f.OutputAudio.million(),
			InputImage: f.InputImage.million(), OutputImage: f.OutputImage.million(),
			WebSearchPerCall: f.Search.Medium.each(), CodeExecutionPerCall: f.CodeSession.each(),
			FileSearchPerGB: f.FilePerGBDay.each(), ImageGenerationPerImage: f.PerImage.each(),
		},
	}
	if f.Mode == "audio_transcription" { // elsewhere it is the price of reserved capacity
		m.Pricing.InputPerSecond = f.PerSecond.each()
	}
	if m.MaxContextWindow == 0 && f.Mode != "image_generation" {
		m.MaxContextWindow = f.MaxTokens.tokens()
	}
	m.AuthorID = authorOf(m.ProviderID, id, "")
	f.modalities(m)
	m.SupportedFeatures = f.features()
	if f.Sampling != nil && !*f.Sampling {
		m.UnsupportedParams = []string{"temperature", "top_p"}
	}
	for _, region := range f.Regions {
		if region != "global" {
			m.Datacenters = append(m.Datacenters, Datacenter{Region: region})
		}
	}
	return m
}

// modalities fills in what the entry leaves to its mode and flags.
func (f *liteModel) modalities(m *Model) {
	if m.InputModalities == nil {
		m.InputModalities = []string{"text"}
		for _, in := range []struct {
			name string
			has  bool
		}{{"image", f.Vision}, {"audio", f.AudioIn}, {"file", f.PDF}} {
			if in.has {
				m.InputModalities = append(m.InputModalities, in.name)
			}
		}
		if f.Mode == "audio_transcription" {
			m.InputModalities = []string{"audio"}
		}
	}
	if kind := map[string]string{
		"embedding": "embedding", "rerank": "score", "moderation": "score", "image_generation": "image", "audio_speech": "audio",
	}[f.Mode]; kind != "" {
		m.OutputModalities, m.MaxOutputTokens = []string{kind}, 0
		return
	}
	if m.OutputModalities == nil {
		m.OutputModalities = []string{"text"}
		if f.AudioOut {
			m.OutputModalities = append(m.OutputModalities, "audio")
		}
	}
}

func (f *liteModel) features() []string {
	var out []string
	for _, feature := range []struct {
		name string
		has  bool
	}{
		{"tool-calling", f.Tools},
		{"structured-output", f.Schema},
		{"reasoning", f.Reasoning},
		{"vision", f.Vision},
		{"attachments", f.PDF},
		{"prompt-caching", f.Caching},
		{"web-search", f.WebSearch},
		{"computer-use", f.ComputerUse},
		{"embeddings", f.Mode == "embedding"},
		{"rerank", f.Mode == "rerank"},
		{"moderation", f.Mode == "moderation"},
		{"image-generation", f.Mode == "image_generation"},
		{"speech", f.Mode == "audio_speech"},
		{"transcription", f.Mode == "audio_transcription"},
		{"completions", f.Mode == "completion"},
	} {
		if feature.has {
			out = append(out, feature.name)
		}
	}
	return out
}
