package server

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/engine/opa"
)

// fakeMask is the part of a policy that masks.
type fakeMask struct {
	rules []opa.MaskRule
	err   error
	drop  bool
	panic bool
	seen  map[string]any
}

func (m *fakeMask) HasMask() bool { return true }
func (m *fakeMask) HasDrop() bool { return m.drop }

func (m *fakeMask) Drop(context.Context, any) (bool, error) { return m.drop, nil }

func (m *fakeMask) Mask(_ context.Context, event any) (opa.Mask, error) {
	if m.panic {
		panic("CANARY")
	}
	m.seen, _ = event.(map[string]any)
	return opa.Mask{Rules: m.rules}, m.err
}

func TestDecisionMasks(t *testing.T) {
	t.Parallel()
	rules := func(list ...opa.MaskRule) *fakeMask { return &fakeMask{rules: list} }
	remove := func(path string) opa.MaskRule { return opa.MaskRule{Op: "remove", Path: path} }
	upsert := func(path string, v any) opa.MaskRule { return opa.MaskRule{Op: "upsert", Path: path, Value: v} }
	type view struct {
		Input  any      `json:"input"`
		Result any      `json:"result"`
		Erased []string `json:"erased"`
		Masked []string `json:"masked"`
		Custom struct {
			Weir struct {
				MaskFailed bool `json:"mask_failed"`
			} `json:"weir"`
		} `json:"custom"`
	}
	in := func(list ...any) any { return map[string]any{"ssn": "CANARY", "a/b": "slash", "list": list} }
	failed := view{Erased: []string{"/input", "/result"}}
	failed.Custom.Weir.MaskFailed = true
	tests := []struct {
		name string
		mask *fakeMask
		want view
	}{
		{"none", rules(), view{Input: in("x", "y"), Result: true}},
		{"removed", rules(remove("/input/ssn"), remove("/input/list/0")), view{Input: map[string]any{"a/b": "slash", "list": []any{"y"}}, Result: true, Erased: []string{"/input/ssn", "/input/list/0"}}},
		{"escaped", rules(remove("/input/a%2Fb"), remove("/input/ssn")), view{Input: map[string]any{"list": []any{"x", "y"}}, Result: true, Erased: []string{"/input/a%252Fb", "/input/ssn"}}},
		{"as JSON pointers escape", rules(remove("/input/a~1b"), remove("/input/ssn")), view{Input: map[string]any{"list": []any{"x", "y"}}, Result: true, Erased: []string{"/input/a~1b", "/input/ssn"}}},
		{"missing", rules(remove("/input/none/x"), remove("/input/ssn")), view{Input: map[string]any{"a/b": "slash", "list": []any{"x", "y"}}, Result: true, Erased: []string{"/input/ssn"}}},
		{"whole", rules(remove("/input"), upsert("/result", "no")), view{Result: "no", Erased: []string{"/input"}, Masked: []string{"/result"}}},
		{"put in", rules(upsert("/input/ssn", "**"), upsert("/input/new/deep", int64(1)), upsert("/input/list/1", "z")), view{
			Input: map[string]any{"ssn": "**", "a/b": "slash", "list": []any{"x", "z"}, "new": map[string]any{"deep": 1.0}}, Result: true,
			Masked: []string{"/input/ssn", "/input/new/deep", "/input/list/1"},
		}},
		{"failed", &fakeMask{err: errors.New("CANARY")}, failed},
		{"panicked", &fakeMask{panic: true}, failed},
		{"another member", rules(remove("/labels")), failed},
		{"no pointer", rules(remove("input/ssn")), failed},
		{"unknown operation", rules(opa.MaskRule{Op: "hide", Path: "/input/ssn"}), failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log syncBuffer
			d := testLog()
			d.log = zerolog.New(&log)
			e := d.newEvent(testRecord(in("x", "y"), true))
			if d.mask(t.Context(), tt.mask, e) {
				t.Fatal("the event was dropped")
			}
			line, err := marshalEvent(e)
			if err != nil {
				t.Fatal(err)
			}
			var got view
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "CANARY") || tt.want.Custom.Weir.MaskFailed != (d.masking.Load() == 1) {
				t.Errorf("got the log %q and %d failures", log.String(), d.masking.Load())
			}
			if tt.mask.seen != nil && tt.mask.seen["path"] != "access/decision" {
				t.Errorf("the mask saw %v, want the event", tt.mask.seen)
			}
		})
	}
	if d := testLog(); !d.mask(t.Context(), &fakeMask{drop: true}, d.newEvent(testRecord(nil, nil))) {
		t.Error("the event was not dropped")
	}
}

// TestMaskedValuesAreTheEventsOwn: a mask does not change what the policy decided with, nor the next event.
func TestMaskedValuesAreTheEventsOwn(t *testing.T) {
	t.Parallel()
	d, input := testLog(), map[string]any{"ssn": "1"}
	e := d.newEvent(testRecord(input, input))
	d.mask(t.Context(), &fakeMask{rules: []opa.MaskRule{{Op: "remove", Path: "/input/ssn"}}}, e)
	if input["ssn"] != "1" {
		t.Error("the mask changed the value that the exchange may still use")
	}
}
