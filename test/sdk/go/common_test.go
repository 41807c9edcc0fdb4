// Package sdk drives a gateway with the official Go SDKs. It is a module of its own, so that what they need stays out of
// the gateway's; the test in the folder above runs it.
package sdk

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// pixel is a picture of one pixel.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// need reads what the test in the folder above sets.
func need(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run this through 'go test ./test/sdk' of the module above", name)
	}
	return v
}

// model is the model to ask for, by the API or the use.
func model(use string) string {
	if v := os.Getenv("WEIR_MODEL_" + use); v != "" {
		return v
	}
	switch use {
	case "EMBED":
		return "sim:embed"
	case "MISSING":
		return "sim:no-such-model"
	default:
		return "sim:echo"
	}
}

// refuse is the value of the header x-sim-fault that asks for a refusal.
func refuse(status int) string {
	return "status=" + strconv.Itoa(status)
}

func citySchema() map[string]any {
	return map[string]any{
		"type": "object", "required": []string{"city"}, "additionalProperties": false,
		"properties": map[string]any{"city": map[string]any{"type": "string"}},
	}
}

func personSchema() map[string]any {
	return map[string]any{
		"type": "object", "required": []string{"name", "age"}, "additionalProperties": false,
		"properties": map[string]any{"name": map[string]any{"type": "string"}, "age": map[string]any{"type": "integer"}},
	}
}

func wantPerson(t *testing.T, text string) {
	t.Helper()
	var p struct {
		Name *string `json:"name"`
		Age  *int    `json:"age"`
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Name == nil || p.Age == nil {
		t.Errorf("got %q (%v), want a person", text, err)
	}
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func wantCity(t *testing.T, arguments string) {
	t.Helper()
	var a struct {
		City *string `json:"city"`
	}
	if err := json.Unmarshal([]byte(arguments), &a); err != nil || a.City == nil {
		t.Errorf("got %q (%v), want a city", arguments, err)
	}
}
