package engine

import (
	"slices"
	"sort"
	"strings"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// autoKind is what a model must be able to do to be chosen without being named.
type autoKind int

const (
	autoText autoKind = iota
	autoEmbedding
	autoImage
	autoSpeech
	autoTranscription
	autoModeration
	autoRerank
	autoKinds
)

func kindOf(api wire.API) autoKind {
	switch api {
	case wire.OpenAIEmbeddings, wire.GeminiEmbed, wire.GeminiBatchEmbed:
		return autoEmbedding
	case wire.OpenAIImages:
		return autoImage
	case wire.OpenAISpeech:
		return autoSpeech
	case wire.OpenAITranscriptions:
		return autoTranscription
	case wire.OpenAIModerations:
		return autoModeration
	case wire.OpenAIRerank:
		return autoRerank
	default:
		return autoText
	}
}

// kindOfModel tells from the catalog what a model is for.
func kindOfModel(m *catalog.Model) autoKind {
	id := strings.ToLower(m.ID)
	switch {
	case slices.Contains(m.OutputModalities, "embedding") || slices.Contains(m.SupportedFeatures, "embeddings") || strings.Contains(id, "embed"):
		return autoEmbedding
	case strings.Contains(id, "moderation"):
		return autoModeration
	case slices.Contains(m.OutputModalities, "score") || strings.Contains(id, "rerank"):
		return autoRerank
	case strings.Contains(id, "whisper") || strings.Contains(id, "transcribe"):
		return autoTranscription
	case strings.Contains(id, "tts") || (slices.Contains(m.OutputModalities, "audio") && !slices.Contains(m.OutputModalities, "text")):
		return autoSpeech
	case slices.Contains(m.OutputModalities, "image") && !slices.Contains(m.OutputModalities, "text"):
		return autoImage
	default:
		return autoText
	}
}

// autoOrder is the order to try where neither the client nor a strategy chose: providers in order; of each, models of
// the newest half-year first and among those the cheapest.
func autoOrder(models []*model, kind autoKind) []*model {
	var out []*model
	for _, m := range models {
		if kindOfModel(&m.cat) == kind {
			out = append(out, m)
		}
	}
	if kind != autoText {
		return out
	}
	order := map[*provider]int{}
	for _, m := range out {
		if _, ok := order[m.provider]; !ok {
			order[m.provider] = len(order)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if order[a.provider] != order[b.provider] {
			return order[a.provider] < order[b.provider]
		}
		if x, y := halfYear(a.cat.ReleaseDate), halfYear(b.cat.ReleaseDate); x != y {
			return x > y
		}
		return priceOf(a) < priceOf(b)
	})
	return out
}

func halfYear(date string) string {
	if len(date) < 7 {
		return ""
	}
	if date[5:7] < "07" {
		return date[:4] + "a"
	}
	return date[:4] + "b"
}

// priceOf is input and output price together; unknown prices sort last.
func priceOf(m *model) float64 {
	p := m.cat.Pricing
	if p.Input == nil || p.Output == nil {
		return 1e18
	}
	return *p.Input + *p.Output
}
