package sdk

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"google.golang.org/genai"
)

// refusal is a key and the status that it is refused with; 200 is one that is not.
type refusal struct {
	name, key string
	status    int
}

// keyed are the keys of a gateway that asks for them. In direct runs there is none.
func keyed(t *testing.T) (url, name string, keys []refusal) {
	t.Helper()
	if os.Getenv("WEIR_KEYED_URL") == "" {
		t.Skip("there is no gateway, and so no key")
	}
	key := need(t, "WEIR_KEY")
	return need(t, "WEIR_KEYED_URL"), need(t, "WEIR_KEYED_MODEL"), []refusal{
		{"key", key, http.StatusOK}, {"wrong", key + "x", http.StatusUnauthorized},
		{"spent", need(t, "WEIR_KEY_402"), http.StatusPaymentRequired}, {"spent, as a limit", need(t, "WEIR_KEY_429"), http.StatusTooManyRequests},
	}
}

func wantLimit(t *testing.T, header http.Header) {
	t.Helper()
	if got := header.Get("X-Ratelimit-Limit-Requests"); got != "100000" {
		t.Errorf("got limit %q, want 100000", got)
	}
}

func TestAccessKeysOpenAI(t *testing.T) {
	url, name, keys := keyed(t)
	for _, k := range keys {
		t.Run(k.name, func(t *testing.T) {
			c := openai.NewClient(option.WithAPIKey(k.key), option.WithBaseURL(url+"/v1"))
			var raw *http.Response
			answer, err := c.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
				Model: name, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello there")},
			}, option.WithResponseInto(&raw))
			if k.status == http.StatusOK {
				if err != nil {
					t.Fatal(err)
				}
				wantText(t, answer.Choices[0].Message.Content, "hello there")
				wantLimit(t, raw.Header)
				return
			}
			var refused *openai.Error
			if !errors.As(err, &refused) || refused.StatusCode != k.status {
				t.Fatalf("got %v, want the SDK's error with status %d", err, k.status)
			}
			if k.status != http.StatusUnauthorized && refused.Code != "budget_exceeded" {
				t.Errorf("got code %q, want budget_exceeded", refused.Code)
			}
		})
	}
}

func TestAccessKeysAnthropic(t *testing.T) {
	url, name, keys := keyed(t)
	for _, k := range keys {
		t.Run(k.name, func(t *testing.T) {
			c := anthropic.NewClient(anthropicoption.WithAPIKey(k.key), anthropicoption.WithBaseURL(url))
			var raw *http.Response
			p := messageParams("hello there")
			p.Model = anthropic.Model(name)
			answer, err := c.Messages.New(t.Context(), p, anthropicoption.WithResponseInto(&raw))
			if k.status == http.StatusOK {
				if err != nil {
					t.Fatal(err)
				}
				wantText(t, answer.Content[0].Text, "hello there")
				wantLimit(t, raw.Header)
				return
			}
			var refused *anthropic.Error
			if !errors.As(err, &refused) || refused.StatusCode != k.status {
				t.Fatalf("got %v, want the SDK's error with status %d", err, k.status)
			}
		})
	}
}

func TestAccessKeysGenAI(t *testing.T) {
	url, name, keys := keyed(t)
	attempts := int32(1)
	for _, k := range keys {
		t.Run(k.name, func(t *testing.T) {
			c, err := genai.NewClient(t.Context(), &genai.ClientConfig{
				APIKey: k.key, Backend: genai.BackendGeminiAPI,
				HTTPOptions: genai.HTTPOptions{BaseURL: url, RetryOptions: &genai.HTTPRetryOptions{Attempts: &attempts}},
			})
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.Models.GenerateContent(t.Context(), name, genai.Text("hello there"), nil)
			if k.status == http.StatusOK {
				if err != nil {
					t.Fatal(err)
				}
				wantText(t, answer.Text(), "hello there")
				if answer.SDKHTTPResponse != nil {
					wantLimit(t, answer.SDKHTTPResponse.Headers)
				}
				return
			}
			var refused genai.APIError
			if !errors.As(err, &refused) || refused.Code != k.status {
				t.Fatalf("got %v, want the SDK's error with status %d", err, k.status)
			}
		})
	}
}
