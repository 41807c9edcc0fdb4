package wire

// rewriteStrangeCases are events with members that their types are not known to have.
func rewriteStrangeCases() []rewriteCase {
	return []rewriteCase{
		{name: "members of Responses that nobody told of", api: OpenAIResponses, in: typed(
			`{"snapshot":"a secret","type":"response.output_text.delta","sequence_number":3,"output_index":0,"content_index":0,"delta":"my secret","extra":{"said":["my secret",1]}}`,
			`{"type":"response.in_progress","note":"secret","response":{"id":"r"}}`,
			`{"type":"response.output_text.done","sequence_number":4,"output_index":0,"content_index":0,"text":"my secret"}`,
		), want: typed(
			`{"snapshot":"a [x]","type":"response.output_text.delta","sequence_number":3,"output_index":0,"content_index":0,"delta":"my [x]","extra":{"said":["my [x]",1]}}`,
			`{"type":"response.in_progress","note":"[x]","response":{"id":"r"}}`,
			`{"type":"response.output_text.done","sequence_number":4,"output_index":0,"content_index":0,"text":"my [x]"}`,
		)},
		{name: "members of messages that nobody told of", api: AnthropicMessages, in: typed(
			`{"type":"content_block_delta","index":0,"snapshot":"a secret","delta":{"type":"text_delta","text":"my secret"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4},"note":"secret"}`,
		), want: typed(
			`{"type":"content_block_delta","index":0,"snapshot":"a [x]","delta":{"type":"text_delta","text":"my [x]"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4},"note":"[x]"}`,
		)},
	}
}
