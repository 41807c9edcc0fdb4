package sim

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

const (
	// defaultDimensions is what the embedding models that most clients expect give back.
	defaultDimensions = 1536
	// maxDimensions bounds what one request makes the simulator compute.
	maxDimensions = 8192
	// maxInputs is OpenAI's own limit of texts in one request.
	maxInputs = 2048
)

// vector makes the embedding of a text: of unit length, and the same for the same text.
func vector(text string, dimensions int) []float32 {
	if dimensions <= 0 {
		dimensions = defaultDimensions
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))             // a hash takes everything
	r := rand.New(rand.NewPCG(h.Sum64(), 1)) //nolint:gosec // the same text must give the same vector
	v := make([]float64, dimensions)
	sum := 0.0
	for i := range v {
		v[i] = r.NormFloat64()
		sum += v[i] * v[i]
	}
	out := make([]float32, dimensions)
	for i := range v {
		out[i] = float32(v[i] / math.Sqrt(sum))
	}
	return out
}

func base64Vector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// texts reads an embedding input: a text, texts, tokens, or lists of tokens.
func texts(raw json.RawMessage) []string {
	if s := str(raw); s != "" {
		return []string{s}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil
	}
	if _, err := strconv.Atoi(string(list[0])); err == nil {
		return []string{string(raw)}
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		out = append(out, plain(item))
	}
	return out
}

type embeddingRequest struct {
	Model          string          `json:"model"`
	Input          json.RawMessage `json:"input"`
	EncodingFormat string          `json:"encoding_format"`
	Dimensions     int             `json:"dimensions"`
}

func (j *job) embeddings() (*reply, *failure) {
	var req embeddingRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	in := texts(req.Input)
	if len(in) == 0 || len(in) > maxInputs {
		return nil, wrong("input", "'$.input' is invalid: want a text or up to 2048 texts.")
	}
	if req.Dimensions < 0 || req.Dimensions > maxDimensions {
		return nil, wrong("dimensions", "'dimensions' is invalid: want 1 to 8192.")
	}
	data, words := make([]any, 0, len(in)), 0
	for i, text := range in {
		words += countWords(text)
		v := vector(text, req.Dimensions)
		var value any = v
		if req.EncodingFormat == "base64" {
			value = base64Vector(v)
		}
		data = append(data, obj{"object": "embedding", "index": i, "embedding": value})
	}
	n := max(1, tokens(words))
	return whole(obj{
		"object": "list", "id": j.s.id("embd-", j.call.Number) + j.fault.canary, "model": req.Model, "data": data,
		"usage": obj{"prompt_tokens": n, "total_tokens": n},
	}), nil
}

// harms are the categories of OpenAI's moderation; a text is flagged for those that it names.
func harms() []string {
	return []string{
		"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
		"self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
	}
}

func (j *job) moderations() (*reply, *failure) {
	var req struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	in := texts(req.Input)
	if len(in) == 0 {
		return nil, wrong("input", "Missing required parameter: 'input'.")
	}
	results := make([]any, 0, len(in))
	for _, text := range in {
		flagged, named, scores, applied := false, obj{}, obj{}, obj{}
		for _, harm := range harms() {
			hit := slices.Contains(strings.Fields(strings.ToLower(text)), harm)
			flagged = flagged || hit
			named[harm], scores[harm], applied[harm] = hit, 0.01, []string{"text"}
			if hit {
				scores[harm] = 0.99
			}
		}
		results = append(results, obj{"flagged": flagged, "categories": named, "category_scores": scores, "category_applied_input_types": applied})
	}
	name := req.Model
	if name == "" {
		name = "omni-moderation-latest"
	}
	return whole(obj{"id": j.s.id("modr-", j.call.Number) + j.fault.canary, "model": name, "results": results}), nil
}

func (j *job) rerank() (*reply, *failure) {
	var req struct {
		Model     string            `json:"model"`
		Query     string            `json:"query"`
		Documents []json.RawMessage `json:"documents"`
		TopN      int               `json:"top_n"`
		Return    bool              `json:"return_documents"`
	}
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.Query == "" || len(req.Documents) == 0 {
		return nil, wrong("documents", "a query and at least one document are needed")
	}
	type scored struct {
		index int
		score float64
	}
	list, words := make([]scored, 0, len(req.Documents)), countWords(req.Query)
	for i, d := range req.Documents {
		text := documentText(d)
		words += countWords(text)
		list = append(list, scored{i, overlap(req.Query, text)})
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	if req.TopN > 0 && req.TopN < len(list) {
		list = list[:req.TopN]
	}
	results := make([]any, 0, len(list))
	for _, s := range list {
		r := obj{"index": s.index, "relevance_score": s.score}
		if req.Return {
			r["document"] = obj{"text": documentText(req.Documents[s.index])}
		}
		results = append(results, r)
	}
	n := tokens(words)
	return whole(obj{
		"id": j.s.id("rerank-", j.call.Number) + j.fault.canary, "model": req.Model, "results": results,
		"usage": obj{"prompt_tokens": n, "total_tokens": n}, "meta": obj{"billed_units": obj{"search_units": 1}},
	}), nil
}

func documentText(raw json.RawMessage) string {
	var d struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &d) == nil && d.Text != "" {
		return d.Text
	}
	return plain(raw)
}

// overlap is the part of the query's words that the text holds.
func overlap(query, text string) float64 {
	words := strings.Fields(strings.ToLower(query))
	have := strings.Fields(strings.ToLower(text))
	hits := 0
	for _, w := range words {
		hits += btoi(slices.Contains(have, w))
	}
	return float64(hits) / float64(max(1, len(words)))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
