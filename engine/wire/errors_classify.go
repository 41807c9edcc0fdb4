package wire

import "strings"

// settle fills in the status of an error that came without one.
func (f *failureReader) settle() {
	if f.Status >= 400 {
		return
	}
	for _, word := range [...]string{f.Code, f.Type, f.quotedType} {
		if status := statusOfWord(word); status != 0 {
			f.Status = status
			return
		}
	}
	f.Status = 500
}

// statusOfWord is the HTTP status that an error's code or type stands for, 0 for an unknown one.
func statusOfWord(word string) int {
	switch strings.ToLower(word) {
	case "invalid_request_error", "invalid_argument", "failed_precondition", "out_of_range", "bad_request",
		"context_length_exceeded", "content_filter", "content_policy_violation", "invalid_prompt", "invalid_request":
		return 400
	case "authentication_error", "unauthenticated", "invalid_api_key", "unauthorized":
		return 401
	case "billing_error", "payment_required", "insufficient_credits":
		return 402
	case "permission_error", "permission_denied", "forbidden":
		return 403
	case "not_found_error", "not_found", "model_not_found":
		return 404
	case "aborted", "conflict_error":
		return 409
	case "request_too_large":
		return 413
	case "rate_limit_error", "rate_limit_exceeded", "resource_exhausted", "too_many_requests", "insufficient_quota",
		"credit_balance_exhausted":
		return 429
	case "cancelled":
		return 499
	case "api_error", "server_error", "internal", "internal_error", "internal_server_error", "unknown":
		return 500
	case "unimplemented":
		return 501
	case "upstream_error", "provider_unavailable", "bad_gateway":
		return 502
	case "unavailable", "service_unavailable_error", "service_unavailable", "server_is_overloaded", "slow_down":
		return 503
	case "timeout_error", "deadline_exceeded", "timeout", "vector_store_timeout":
		return 504
	case "overloaded_error":
		return 529
	default:
		return 0
	}
}

// classify sets the three facts from codes where the vendor has them, from the wording where not.
func (f *failureReader) classify() {
	for _, word := range [...]string{f.Code, f.Type, f.quotedType} {
		f.classifyWord(strings.ToLower(word))
	}
	text := strings.ToLower(f.Message + "\n" + f.quotedRaw)
	switch f.Status {
	case 400, 413, 422, 500: // 500 is also what an error inside a stream without a code gets
		f.ContextTooLong = f.ContextTooLong || holdsAny(text, contextPhrases())
	}
	switch f.Status {
	case 400, 403, 422, 451, 500:
		f.ContentPolicy = f.ContentPolicy || holdsAny(text, policyPhrases())
	}
	switch f.Status {
	case 400, 403, 404, 410, 422:
		f.ModelNotFound = f.ModelNotFound || saysNoModel(text)
	}
}

func (f *failureReader) classifyWord(word string) {
	switch word {
	case "context_length_exceeded", "context_exceeded", "exceed_context_size_error", "context_window_exceeded",
		"model_context_window_exceeded":
		f.ContextTooLong = true
	case "model_not_found", "modelnotfound", "model_not_available", "deploymentnotfound", "invalid_model",
		"model_decommissioned", "unknown_model", "model_not_found_error":
		f.ModelNotFound = true
	case "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked",
		"data_inspection_failed", "content_policy", "prohibited_content", "image_content_policy_violation":
		f.ContentPolicy = true
	}
}

// contextPhrases are the wordings for a prompt that the model's window cannot hold, in lower case.
func contextPhrases() []string {
	return []string{
		"maximum context length",   // OpenAI, DeepSeek, vLLM, OpenRouter
		"prompt is too long",       // Anthropic
		"exceed context limit",     // Anthropic, with max_tokens
		"context window",           // OpenAI Responses, Ollama
		"context length",           // Together, Fireworks, LM Studio
		"context size",             // llama.cpp
		"input token count",        // Gemini: exceeds the maximum number of tokens allowed
		"maximum prompt length",    // xAI
		"reduce the length of the", // Groq, Cerebras
		"too large for model with", // Mistral: ... maximum context length
	}
}

// policyPhrases are the wordings for a prompt or answer that the vendor's content rules refused, in lower case.
func policyPhrases() []string {
	return []string{
		"content management policy", // Azure
		"content filtering policy",  // Anthropic
		"content policy",            // OpenAI images, xAI
		"safety system",             // OpenAI images
		"usage polic",               // OpenAI: usage policy, usage policies
		"requires moderation",       // OpenRouter
		"flagged",                   // OpenRouter, OpenAI
		"prohibited_content",        // Gemini
		"inappropriate content",     // Qwen, GLM
	}
}

// saysNoModel reports whether a text in lower case says that the model does not exist. The word model alone is not
// enough, nor is "not found" alone: a wrong path or file is the client's own mistake.
func saysNoModel(text string) bool {
	switch {
	case strings.HasPrefix(text, "model:"): // all that Anthropic says
		return true
	case strings.Contains(text, "no endpoints found for"), strings.Contains(text, "not a valid model"):
		return true // OpenRouter
	case !strings.Contains(text, "model") && !strings.Contains(text, "deployment"):
		return false
	}
	return holdsAny(text, []string{
		"model not found", "is not found for api version", "does not exist", "not exist", "unknown model",
		"invalid model", "decommissioned", "no longer available", "try pulling it",
	}) || noSuchModel(text)
}

// noSuchModel matches: model "name" not found.
func noSuchModel(text string) bool {
	_, behind, ok := strings.Cut(text, "model ")
	if !ok {
		return false
	}
	// a model's name and its quotes fit well into 120 bytes; further on, something else was not found
	return strings.Contains(clip(behind, 120), "not found")
}

// holdsAny reports whether a text holds one of the phrases.
func holdsAny(text string, phrases []string) bool {
	for _, phrase := range phrases {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}
