package wire

import "bytes"

const (
	// sizeWindow is the shortest run of base64 that is taken for a file: no word, hash or key comes near it, while the
	// smallest picture is larger.
	sizeWindow = 512
	// sizeProbe is how much of a window is looked at once a run is known to be one: prose has a blank or a mark long before.
	sizeProbe = 32
	// sizeBlob is what a file counts for at most, in bytes of text: at four bytes a token about what the largest picture
	// costs with the vendors that scale pictures down.
	sizeBlob = 6400
)

// TextSize is roughly how many bytes of a request body a model reads as text. Files inside, which travel as base64, count
// for sizeBlob each however large they are. It looks at a few bytes of each window only: microseconds for a large prompt.
func TextSize(body []byte) int64 {
	size := int64(len(body))
	from := 0 // nothing before it belongs to the run that is looked at
	for at := sizeWindow - 1; at < len(body); at = from + sizeWindow - 1 {
		if start := sizeRunStart(body, from, at); start > from {
			from = start
			continue
		}
		end := sizeRunEnd(body, at+1)
		size -= int64(max(end-from-sizeBlob, 0))
		from = end + 1
	}
	return size
}

// sizeRunStart is where the run of base64 begins that ends with the byte at, from at the least.
func sizeRunStart(body []byte, from, at int) int {
	for at >= from && sizeBase64(body, at) {
		at--
	}
	return at + 1
}

// sizeRunEnd is where the run of base64 that reaches up to end is over.
func sizeRunEnd(body []byte, end int) int {
	if n := bytes.IndexByte(body[end:], '"'); n >= 0 { // a file is one string at the most
		body = body[:end+n]
	}
	for end+sizeWindow <= len(body) {
		probe := end + sizeWindow - sizeProbe
		if sizeRunStart(body, probe, end+sizeWindow-1) != probe {
			break
		}
		end += sizeWindow
	}
	for end < len(body) && sizeBase64(body, end) {
		end++
	}
	return end
}

// sizeBase64 reports whether the byte may stand in base64 of either alphabet, in JSON: some encoders write a slash as \/.
// Other escapes are text, letters of other scripts written as \u above all.
func sizeBase64(body []byte, i int) bool {
	switch c := body[i]; {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '/' && c <= '9', c == '+', c == '-', c == '_', c == '=':
		return true
	default:
		return c == '\\' && i+1 < len(body) && body[i+1] == '/'
	}
}

// Choices is how many answers or pictures the request asks for, 1 where it does not say. It never refuses: that is for
// whoever serves the request.
func (p *Peek) Choices(api API) int64 {
	switch api.Dialect() {
	case DialectGemini:
		return max(p.geminiCount("candidateCount", "candidate_count"), 1)
	case DialectOpenAI:
		return max(p.number("n"), p.number("best_of"), 1)
	default:
		return 1
	}
}

func (p *Peek) number(key string) int64 {
	if m, ok := p.Doc.Lookup(key); ok {
		n, _ := p.Doc.Int(m)
		return n
	}
	return 0
}

// geminiCount reads a number of the generation config, whose names have two spellings.
func (p *Peek) geminiCount(names ...string) (most int64) {
	for _, config := range [...]string{"generationConfig", "generation_config"} {
		m, ok := p.Doc.Lookup(config)
		if !ok {
			continue
		}
		for _, name := range names {
			g := cursor{b: getMember(p.Doc.Raw(m), name)}
			n, _ := g.count()
			most = max(most, n)
		}
	}
	return most
}

// Tier is the service tier that the request asks for; the answer tells which one it got.
func (p *Peek) Tier(api API) Tier {
	var u usageCounts
	for _, key := range [...]string{"service_tier", "serviceTier"} {
		if m, ok := p.Doc.Lookup(key); ok && api.Dialect() != DialectAnthropic {
			name, _ := p.Doc.Str(m)
			u.readTier([]byte(name))
		}
	}
	if m, ok := p.Doc.Lookup("speed"); ok && api == AnthropicMessages {
		if name, _ := p.Doc.Str(m); name == "fast" {
			return TierPriority
		}
	}
	return u.tier
}
