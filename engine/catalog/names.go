package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// providerName is Weir's id of a provider that a public file calls by another one. Names that nobody here knows stay.
func providerName(name string) string {
	switch name {
	case "togetherai", "together_ai":
		return "together"
	case "fireworks-ai", "fireworks_ai", "fireworks_ai-embedding-models":
		return "fireworks"
	case "zai":
		return "z-ai"
	case "inception", "text-completion-inception":
		return "inceptionlabs"
	case "inference", "inferenceapis":
		return "inference-net"
	case "lmstudio":
		return "lm-studio"
	case "azure", "azure_text":
		return "azure-openai"
	case "gemini":
		return "google"
	case "moonshot":
		return "moonshotai"
	case "nvidia_nim":
		return "nvidia"
	case "cohere_chat":
		return "cohere"
	case "text-completion-openai":
		return "openai"
	case "codestral", "text-completion-codestral":
		return "mistral"
	default:
		return strings.ReplaceAll(name, "_", "-")
	}
}

// authorFacts is an author with the ways in which model names give it away.
type authorFacts struct {
	id, name string
	aliases  []string // also what stands before the slash of a model name
	prefixes []string // how the author's models begin
}

// authorTable lists authors, as their names are spelled at the largest aggregator.
func authorTable() []authorFacts {
	return []authorFacts{
		{"openai", "OpenAI", nil, []string{
			"gpt-", "o1", "o3", "o4-", "chatgpt-", "text-embedding-", "whisper", "tts-", "dall-e", "omni-moderation", "codex-",
			"computer-use",
		}},
		{"anthropic", "Anthropic", nil, []string{"claude"}},
		{"google", "Google", nil, []string{"gemini", "gemma", "imagen", "veo-", "paligemma", "learnlm"}},
		{"meta-llama", "Meta", []string{"meta", "facebook"}, []string{"llama", "meta-llama"}},
		{"mistralai", "Mistral AI", []string{"mistral"}, []string{
			"mistral", "ministral", "mixtral", "codestral", "devstral", "magistral", "pixtral", "voxtral", "open-mistral",
			"open-mixtral", "labs-",
		}},
		{"deepseek", "DeepSeek", []string{"deepseek-ai"}, []string{"deepseek"}},
		{"qwen", "Qwen", []string{"alibaba"}, []string{"qwen", "qwq", "qvq"}},
		{"moonshotai", "Moonshot AI", []string{"moonshot"}, []string{"kimi", "moonshot"}},
		{"z-ai", "Z.AI", []string{"zai", "zai-org", "zhipuai", "thudm"}, []string{"glm", "zai-", "cogview"}},
		{"x-ai", "xAI", []string{"xai"}, []string{"grok"}},
		{"cohere", "Cohere", []string{"cohereforai", "coherelabs"}, []string{"command", "c4ai", "embed-", "rerank-", "cohere-", "north-"}},
		{"microsoft", "Microsoft", nil, []string{"phi-", "mai-", "model-router"}},
		{"nvidia", "NVIDIA", nil, []string{"nemotron", "nv-"}},
		{"minimax", "MiniMax", []string{"minimaxai"}, []string{"minimax"}},
		{"perplexity", "Perplexity", nil, []string{"sonar", "pplx-"}},
		{"inception", "Inception Labs", []string{"inceptionlabs"}, []string{"mercury"}},
		{"amazon", "Amazon", nil, []string{"nova-", "titan-"}},
		{"ai21", "AI21 Labs", nil, []string{"jamba"}},
		{"ibm-granite", "IBM", []string{"ibm"}, []string{"granite"}},
		{"nousresearch", "Nous Research", nil, []string{"hermes"}},
		{"baidu", "Baidu", nil, []string{"ernie"}},
		{"bytedance-seed", "ByteDance", []string{"bytedance"}, []string{"seed-"}},
		{"stepfun-ai", "StepFun", []string{"stepfun"}, []string{"step-"}},
		{"xiaomi", "Xiaomi", []string{"xiaomimimo"}, []string{"mimo"}},
		{"black-forest-labs", "Black Forest Labs", nil, []string{"flux"}},
		{"groq", "Groq", nil, []string{"compound"}},
		{"baai", "BAAI", nil, []string{"bge-"}},
	}
}

// vendorAuthor is who makes the models of vendors that serve their own.
func vendorAuthor(provider string) string {
	switch provider {
	case "openai", "anthropic", "google", "deepseek", "cohere", "perplexity", "moonshotai", "z-ai":
		return provider
	case "mistral":
		return "mistralai"
	case "xai":
		return "x-ai"
	case "inceptionlabs":
		return "inception"
	default:
		return ""
	}
}

// authorOf finds the author of a model: by how its name begins, by what stands before a slash, or by its vendor. Base is
// the author of the model it was made of, "" where that is not known.
func authorOf(provider, id, base string) string {
	table := authorTable()
	org, name, slashed := strings.Cut(strings.TrimLeft(strings.ToLower(id), "~"), "/") // a tilde marks names that move
	if !slashed {
		org, name = "", org
	} else if i := strings.LastIndexByte(name, '/'); i >= 0 && org == "accounts" { // a resource name, not an author
		org, name = "", name[i+1:]
	}
	if named := cmp.Or(org, strings.ToLower(base)); named != "" && named != provider {
		for i := range table {
			if table[i].id == named || slices.Contains(table[i].aliases, named) {
				return table[i].id
			}
		}
		if checkName(named) == nil {
			return named
		}
	}
	for i := range table {
		if slices.ContainsFunc(table[i].prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return table[i].id
		}
	}
	return cmp.Or(vendorAuthor(provider), org)
}

// setAuthor gives the model the one Author that all models of that author share.
func (m *Model) setAuthor(known map[string]*Author) {
	if m.AuthorID == "" {
		return
	}
	a := known[m.AuthorID]
	if a == nil {
		a = &Author{ID: m.AuthorID, DisplayName: m.AuthorID}
		for _, facts := range authorTable() {
			if facts.id == m.AuthorID {
				a.DisplayName, a.IDAliases = facts.name, facts.aliases
			}
		}
		known[m.AuthorID] = a
	}
	m.Author = a
}
