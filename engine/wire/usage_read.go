package wire

// readMember takes in a member of a whole answer.
func (u *usageCounts) readMember(g *cursor, api API, key []byte) {
	switch string(key) {
	case "usage", "usageMetadata":
		u.read(g)
	case "service_tier":
		u.readTier(g.text())
	case "meta": // Cohere's rerank
		u.readMeta(g)
	case "output":
		if api == OpenAIResponses {
			u.readOutput(g)
			return
		}
		g.skip()
	case "data":
		if api == OpenAIImages {
			u.readImages(g)
			return
		}
		g.skip()
	case "candidates":
		if api != GeminiGenerate {
			g.skip()
			return
		}
		for ok := g.open('['); ok; ok = g.more('[') {
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) == "groundingMetadata" {
					u.readGrounding(g)
				} else {
					g.skip()
				}
			}
		}
	default:
		g.skip()
	}
}

func (u *usageCounts) readSpan(span []byte) bool {
	if len(span) == 0 {
		return false
	}
	g := cursor{b: span}
	return u.read(&g)
}

// read takes in a usage object of any vendor and reports whether it was an object with a count.
func (u *usageCounts) read(g *cursor) bool {
	found := false
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch key := g.key(); string(key) {
		case "prompt_tokens", "input_tokens", "promptTokenCount":
			found = usageMax(g, &u.input) || found
		case "completion_tokens", "output_tokens", "candidatesTokenCount":
			found = usageMax(g, &u.output) || found
		case "total_tokens", "totalTokenCount":
			found = usageMax(g, &u.total) || found
		case "cache_read_input_tokens", "cachedContentTokenCount", "prompt_cache_hit_tokens", "cached_tokens":
			usageMax(g, &u.cacheRead)
		case "cache_creation_input_tokens":
			usageMax(g, &u.cacheWrite)
		case "thoughtsTokenCount":
			usageMax(g, &u.thoughts)
		case "toolUsePromptTokenCount":
			usageMax(g, &u.toolInput)
		case "reasoning_tokens":
			usageMax(g, &u.reasoning)
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			u.readDetails(g, &u.audioIn, &u.imageIn)
		case "completion_tokens_details", "output_tokens_details":
			u.readDetails(g, &u.audioOut, &u.imageOut)
		default:
			u.readRare(g, key)
		}
	}
	u.known = u.known || (found && !g.bad)
	return found
}

// readRare takes in what only some vendors tell.
func (u *usageCounts) readRare(g *cursor, key []byte) {
	switch string(key) {
	case "cache_creation":
		for ok := g.open('{'); ok; ok = g.more('{') {
			switch string(g.key()) {
			case "ephemeral_1h_input_tokens":
				usageMax(g, &u.cacheHour)
			case "ephemeral_5m_input_tokens":
				usageMax(g, &u.cacheMinutes)
			default:
				g.skip()
			}
		}
	case "server_tool_use", "server_tool_use_details", "server_side_tool_usage_details":
		u.readTools(g)
	case "service_tier", "serviceTier", "trafficType":
		u.readTier(g.text())
	case "speed":
		u.fast = string(g.text()) == "fast" || u.fast
	case "promptTokensDetails":
		readModalities(g, &u.audioIn, &u.imageIn)
	case "candidatesTokensDetails":
		readModalities(g, &u.audioOut, &u.imageOut)
	case "cacheTokensDetails":
		readModalities(g, &u.audioCached, nil)
	case "seconds", "prompt_audio_seconds": // OpenAI and Mistral; parts of a second count as one
		u.seconds = max(u.seconds, g.countUp())
	case "num_search_queries": // Perplexity
		usageMax(g, &u.webSearches)
	case "search_context_size": // Perplexity: each call of such a model is a search at least
		if len(g.text()) > 0 {
			u.webSearches = max(u.webSearches, 1)
		}
	default:
		g.skip()
	}
}

func (u *usageCounts) readDetails(g *cursor, audio, image *int64) {
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "cached_tokens":
			usageMax(g, &u.cacheRead)
		case "cache_write_tokens":
			usageMax(g, &u.cacheWrite)
		case "reasoning_tokens", "thinking_tokens":
			usageMax(g, &u.reasoning)
		case "audio_tokens":
			usageMax(g, audio)
		case "image_tokens":
			usageMax(g, image)
		default:
			g.skip()
		}
	}
}

// readModalities reads Gemini's list of token counts by kind of content.
func readModalities(g *cursor, audio, image *int64) {
	var inAudio, inImage int64
	for ok := g.open('['); ok; ok = g.more('[') {
		var kind []byte
		var n int64
		for ok := g.open('{'); ok; ok = g.more('{') {
			switch string(g.key()) {
			case "modality":
				kind = g.text()
			case "tokenCount":
				n, _ = g.count()
			default:
				g.skip()
			}
		}
		switch string(kind) {
		case "AUDIO":
			inAudio += n
		case "IMAGE":
			inImage += n
		}
	}
	*audio = max(*audio, min(inAudio, getMaxInt))
	if image != nil {
		*image = max(*image, min(inImage, getMaxInt))
	}
}

// readTools reads how often the vendor ran its tools: Anthropic's, OpenRouter's and xAI's names.
func (u *usageCounts) readTools(g *cursor) {
	var web, x int64
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "web_search_requests", "web_search_calls":
			usageMax(g, &web)
		case "x_search_calls":
			usageMax(g, &x)
		case "code_interpreter_calls":
			usageMax(g, &u.codeRuns)
		case "file_search_calls":
			usageMax(g, &u.fileSearches)
		default:
			g.skip()
		}
	}
	u.webSearches = max(u.webSearches, web+x)
}

// readTier notes the tier that served the call. The last word counts: a first event may repeat what was asked for.
func (u *usageCounts) readTier(name []byte) {
	switch string(name) {
	case "default", "standard", "on_demand", "scale", "ON_DEMAND", "PROVISIONED_THROUGHPUT":
		u.tier = TierStandard
	case "batch":
		u.tier = TierBatch
	case "flex", "ON_DEMAND_FLEX":
		u.tier = TierFlex
	case "priority", "fast", "ON_DEMAND_PRIORITY":
		u.tier = TierPriority
	case "ultrafast":
		u.tier = TierOther
	}
}

// toolCounts are the calls of OpenAI's own tools in one answer.
type toolCounts struct{ web, code, file int64 }

// readOutput counts the tools that ran for an answer of OpenAI Responses, which its usage does not tell.
func (u *usageCounts) readOutput(g *cursor) {
	var n toolCounts
	for ok := g.open('['); ok; ok = g.more('[') {
		n.readItem(g)
	}
	u.tools(n)
}

// readItem counts an output item of OpenAI Responses that is a call of a tool which costs. Pages that are opened or
// searched belong to the search that found them.
func (n *toolCounts) readItem(g *cursor) {
	var kind, action []byte
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type":
			kind = g.text()
		case "action":
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) == "type" {
					action = g.text()
				} else {
					g.skip()
				}
			}
		default:
			g.skip()
		}
	}
	switch string(kind) {
	case "web_search_call":
		if len(action) == 0 || string(action) == "search" {
			n.web++
		}
	case "code_interpreter_call":
		n.code = 1 // the calls of one answer share a container, and containers are what is sold
	case "file_search_call":
		n.file++
	}
}

func (u *usageCounts) tools(n toolCounts) {
	u.webSearches = max(u.webSearches, n.web)
	u.codeRuns = max(u.codeRuns, n.code)
	u.fileSearches = max(u.fileSearches, n.file)
}

// readImages counts the pictures of an answer of the images API.
func (u *usageCounts) readImages(g *cursor) {
	n := int64(0)
	for ok := g.open('['); ok; ok = g.more('[') {
		g.skip()
		n++
	}
	u.images = max(u.images, n)
}

// readGrounding counts the web searches behind a Gemini candidate.
func (u *usageCounts) readGrounding(g *cursor) {
	n := int64(0)
	for ok := g.open('{'); ok; ok = g.more('{') {
		if string(g.key()) != "webSearchQueries" {
			g.skip()
			continue
		}
		for ok := g.open('['); ok; ok = g.more('[') {
			g.skip()
			n++
		}
	}
	u.webSearches = max(u.webSearches, n)
}

// readMeta reads Cohere's meta: tokens is what was processed, billed_units what was charged for.
func (u *usageCounts) readMeta(g *cursor) {
	var billed, tokens []byte
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "billed_units":
			billed = g.span()
		case "tokens":
			tokens = g.span()
		default:
			g.skip()
		}
	}
	if !u.readSpan(tokens) {
		u.readSpan(billed)
	}
}

// usageMax takes in a count that is larger than what is there and reports whether there was one.
func usageMax(g *cursor, dst *int64) bool {
	n, ok := g.count()
	*dst = max(*dst, n)
	return ok
}
