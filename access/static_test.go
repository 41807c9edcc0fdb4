package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/access/seal"
	"weir/engine/diag"
)

const (
	fileToken    = "canary-token-0123456789"
	fileValue    = "sk-canary-value-0123456789"
	plainCanary  = "canary-in-the-clear-0123456789"
	storeTeam    = "team_01abcdefghjkmnpqrstvwxyz01"
	storeKey     = "aigpk_01abcdefghjkmnpqrstvwxyz01"
	storeProvide = "aigp_01abcdefghjkmnpqrstvwxyz01"
)

func fileOptions(tb testing.TB) FileOptions {
	tb.Helper()
	secrets := map[string]string{"ci": fileToken, "vault/openai": fileValue, "short": "abc", "empty": "", "other": "canary-other-0123456789"}
	return FileOptions{
		Box: newBox(tb),
		Secret: func(name string) (string, error) {
			v, ok := secrets[name]
			if !ok {
				return "", fmt.Errorf("there is no secret %q", name)
			}
			return v, nil
		},
		BuiltIn:   func(id string) bool { return id == "openai" },
		CheckWhen: func(text string) error { return errIf(text == "bad", "it does not compile") },
		CheckPer:  func(text string) error { return errIf(text == "bad", "it does not compile") },
	}
}

func errIf(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

func loadText(tb testing.TB, text string) (*Static, error) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return LoadFile(path, fileOptions(tb))
}

func TestLoadFile(t *testing.T) {
	foreign := newBox(t).HashText("ng-abcde-g1-0123456789")
	own := seal.NewToken("01abcdefghjkmnpqrstvwxyz09")
	s, err := loadText(t, `
provider_keys:
  - {name: main, provider: openai, value: "${secrets.get('vault', 'openai')}", team: research}
teams:
  - name: research
    metadata: {cost_center: 42, tags: [a, true, null, 1.5]}
    provider_keys: [main]
access_key_configurations:
  - name: cheap
    access:
      providers: {allow: [openai, `+storeProvide+`]}
      models: {deny: ["*opus*"]}
    router:
      rules:
        - provider: openai
          steps:
            - {type: user, key_selection_strategy: ordered, keys: [main, `+storeKey+`]}
            - type: gateway
access_keys:
  - name: ci
    description: builds
    token: ${secrets.get("ci")}
    groups: [ops]
    metadata: plain
    configuration: cheap
    team: research
    not_before: 2026-01-01T00:00:00Z
    expires_at: "2030-01-31T12:00:00+02:00"
    disabled: True
    allowed_networks: [10.0.0.0/8]
    provider_keys: [main]
  - {name: old, id: legacy, token_hash: `+foreign+`, team: `+storeTeam+`}
  - {name: ours, token_hash: "`+newBox(t).HashText(own)+`"}
budgets:
  - {name: weekly, team: research, when: "m.id == 'x'", per: [model], unit: usd, limit: 500.5, window: week, timezone: Europe/Berlin, warn_at: [80], webhook_url: https://example.com/h, status: 429}
limits:
  - {name: slow, access_key: legacy, unit: requests, limit: "60", window: 60s, rolling: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	box := newBox(t)
	ci, old, ours, team, pk, conf := s.AccessKeys[0], s.AccessKeys[1], s.AccessKeys[2], s.Teams[0], s.ProviderKeys[0], s.Configurations[0]
	if !ci.Static || ci.CreatedBy != "file" || ci.TeamID != team.ID || ci.ConfigurationID != conf.ID || !ci.Disabled || ci.Metadata != "plain" ||
		ci.ExpiresAt.Format(time.RFC3339) != "2030-01-31T10:00:00Z" || ci.NotBefore.Year() != 2026 || ci.ProviderKeyIDs[0] != pk.ID ||
		!isID("aigk_", ci.ID) || ci.AllowedNetworks[0] != "10.0.0.0/8" || ci.Groups[0] != "ops" {
		t.Errorf("got %+v", ci)
	}
	if !box.Matches(ci.Tokens[0].Hash, fileToken) || ci.Tokens[0].Lookup != box.Lookup(nil, fileToken)[0] || strings.Contains(ci.Tokens[0].Hint, fileToken) {
		t.Errorf("got token %+v", ci.Tokens[0])
	}
	if !box.Matches(old.Tokens[0].Hash, "ng-abcde-g1-0123456789") || old.Tokens[0].Lookup != box.Lookup(nil, "ng-abcde-g1-0123456789")[0] || old.TeamID != storeTeam {
		t.Errorf("got %+v", old)
	}
	if ours.Tokens[0].Lookup != "01abcdefghjkmnpqrstvwxyz09" || !box.Matches(ours.Tokens[0].Hash, own) {
		t.Errorf("got %+v", ours)
	}
	if v, err := keyValue(box, pk); err != nil || v != fileValue || pk.TeamID != team.ID || pk.ProviderID != "openai" {
		t.Errorf("got %+v, %v", pk, err)
	}
	if team.Metadata != `{"cost_center":42,"tags":["a",true,null,1.5]}` || team.ProviderKeyIDs[0] != pk.ID {
		t.Errorf("got %+v", team)
	}
	wantScope := &Scope{Providers: &NameList{Allow: []string{"openai", storeProvide}}, Models: &NameList{Deny: []string{"*opus*"}}}
	if d := cmp.Diff(wantScope, conf.Access); d != "" {
		t.Error(d)
	}
	wantRouter := &Router{Rules: []RouterRule{{Provider: "openai", Steps: []Step{
		{Type: StepUser, KeySelectionStrategy: "ordered", Keys: []StepKey{{ID: pk.ID}, {ID: storeKey}}}, {Type: StepGateway},
	}}}}
	if d := cmp.Diff(wantRouter, conf.Router); d != "" {
		t.Error(d)
	}
	wantBudget := &Quota{
		Meta: s.Budgets[0].Meta, TeamID: team.ID, When: "m.id == 'x'", Per: []string{"model"}, Unit: "usd", Limit: "500.5", Window: "week",
		Timezone: "Europe/Berlin", WarnAt: []int{80}, WebhookURL: "https://example.com/h", Status: 429,
	}
	wantLimit := &Quota{Meta: s.Limits[0].Meta, AccessKeyID: old.ID, Unit: "requests", Limit: "60", Window: "60s", Rolling: true}
	if d := cmp.Diff([]*Quota{wantBudget, wantLimit}, []*Quota{s.Budgets[0], s.Limits[0]}); d != "" {
		t.Error(d)
	}
	again, err := loadText(t, "access_keys: [{name: ci, token: \"${secrets.get('ci')}\"}, {name: new name, id: legacy, token_hash: "+foreign+"}]")
	if err != nil || again.AccessKeys[0].ID != ci.ID || again.AccessKeys[1].ID != old.ID {
		t.Errorf("the ids of a file change from one read to the next: %v", err)
	}
}

func TestLoadFileMistakes(t *testing.T) {
	key := func(rest string) string {
		return "access_keys:\n  - name: a\n    token: ${secrets.get('ci')}\n    " + rest + "\n"
	}
	budget := func(rest string) string {
		return "budgets:\n  - {name: b, unit: usd, window: day, limit: 1,\n     " + rest + "}\n"
	}
	tests := []struct{ name, text, want string }{
		{"empty", "", "1:1 empty_document"},
		{"a comment", "# nothing\n", "1:1 empty_document"},
		{"null", "~", "1:1 empty_document"},
		{"a list", "- a", "1:1 wrong_type"},
		{"two documents", "{}\n---\n{}\n", "2:1 bad_yaml"},
		{"not YAML", "access_keys: [\n", "2:1 bad_yaml"},
		{"an unknown anchor", "access_keys: *" + plainCanary, "1:1 bad_yaml"},
		{"an unknown list", "acess_keys: []", "1:1 unknown_field"},
		{"an unknown field", key("descriptionn: x"), "4:5 unknown_field"},
		{"a field twice", key("name: b"), "4:5 duplicate_key"},
		{"a token in the clear", "access_keys:\n  - name: a\n    token: " + plainCanary, "3:12 plain_secret"},
		{"a token with a reference in it", "access_keys:\n  - name: a\n    token: " + plainCanary + "${secrets.get('ci')}", "3:12 plain_secret"},
		{"a token for a name", "access_keys:\n  - " + plainCanary + ": x\n", "2:5 unknown_field 2:5 missing_field"},
		{"a token behind a wrong name", "access_keys:\n  - name: a\n    tokne: " + plainCanary, "3:5 unknown_field 2:5 missing_field"},
		{"a token as hash", "access_keys:\n  - name: a\n    token_hash: " + plainCanary, "3:17 bad_hash"},
		{"a hash under another key", "access_keys:\n  - name: a\n    token_hash: " + otherBox(t).HashText(plainCanary), "3:17 bad_hash"},
		{"a provider key in the clear", "provider_keys:\n  - {name: a, provider: openai, value: " + plainCanary + "}", "2:40 plain_secret"},
		{"no value", "provider_keys:\n  - {name: a, provider: openai}", "2:5 missing_field"},
		{"no provider", "provider_keys:\n  - {name: a, value: \"${secrets.get('ci')}\"}", "2:5 bad_value"},
		{"no such secret", "access_keys:\n  - name: a\n    token: ${secrets.get('x')}", "3:12 no_secret"},
		{"an empty secret", "access_keys:\n  - name: a\n    token: ${secrets.get('empty')}", "3:12 no_secret"},
		{"a short secret", "access_keys:\n  - name: a\n    token: ${secrets.get('short')}", "3:12 bad_token"},
		{"no token", "access_keys:\n  - name: a\n", "2:5 missing_field"},
		{"both tokens", key("token_hash: abc"), "2:5 missing_field"},
		{"no name", "access_keys:\n  - token: ${secrets.get('ci')}\n", "2:5 missing_field"},
		{"a name twice", key("") + "  - name: a\n    token: ${secrets.get('other')}\n", "5:11 duplicate_name"},
		{"an id twice", key("id: x") + "  - name: b\n    id: x\n    token: ${secrets.get('other')}\n", "6:9 duplicate_name"},
		{"a name for an id", key("") + "  - name: b\n    id: a\n    token: ${secrets.get('other')}\n", "6:9 duplicate_name"},
		{"a token twice", key("") + "  - name: b\n    token: ${secrets.get('ci')}\n", "5:5 duplicate_token"},
		{"no such team", key("team: nobody"), "4:11 unknown_reference"},
		{"no such provider key", key("provider_keys: [main]"), "4:21 unknown_reference"},
		{"no network", key("allowed_networks: [10.0.0.0/8, here]"), "4:36 bad_value"},
		{"no time", key("expires_at: tomorrow"), "4:17 wrong_type"},
		{"a day", key("expires_at: 2030-01-01"), "4:17 wrong_type"},
		{"an empty time", key("expires_at: \"\""), "4:17 wrong_type"},
		{"a number for a text", key("description: 5"), "4:18 wrong_type"},
		{"a text for a flag", key("disabled: \"yes\""), "4:15 wrong_type"},
		{"null for a flag", key("disabled:"), "4:14 wrong_type"},
		{"a text for a list", key("groups: ops"), "4:13 wrong_type"},
		{"an alias", key("groups: &g [a]") + "    metadata: {x: *g}\n", "5:19 bad_value"},
		{"deep metadata", key("metadata: {a: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}"), "4:34 too_deep"},
		{"long metadata", key("metadata: " + strings.Repeat("x", 5000)), "4:15 bad_value"},
		{"no number", key("metadata: {a: .inf}"), "4:19 bad_value"},
		{"a limit in words", budget("status: 402, limit: 2"), "3:19 duplicate_key"},
		{"a status", budget("status: 403"), "3:14 bad_value"},
		{"an expression", budget("when: bad"), "3:12 bad_value"},
		{"a part", budget("per: [model, bad]"), "3:19 bad_value"},
		{"a zone", budget("timezone: Nowhere"), "3:16 bad_value"},
		{"a warning", budget("warn_at: [50, x]"), "3:20 wrong_type"},
		{"a model rule", "access_key_configurations:\n  - name: c\n    router:\n      rules:\n        - model: gpt-4o\n          steps: [{type: gateway}]", "5:18 bad_value"},
		{"a key of another provider", "provider_keys:\n  - {name: k, provider: ours, value: \"${secrets.get('ci')}\"}\n" +
			"access_key_configurations:\n  - name: c\n    router:\n      rules:\n        - provider: openai\n          steps: [{type: user, keys: [k]}]", "8:39 bad_value"},
		{"an empty list of names", "access_key_configurations:\n  - {name: c, access: {models: {}}}", "2:32 missing_field"},
		{"access that is none", "access_key_configurations:\n  - {name: c, access: all}", "2:23 wrong_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := loadText(t, tt.text)
			list, ok := errors.AsType[diag.List](err)
			if !ok || s != nil {
				t.Fatalf("got %v, %v, want diagnostics and nothing else", s, err)
			}
			var got []string
			for _, d := range list {
				got = append(got, fmt.Sprintf("%d:%d %s", d.Pos.Line, d.Pos.Col, d.Code))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q\n%v", strings.Join(got, " "), tt.want, err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	if _, err := LoadFile(filepath.Join(t.TempDir(), "none"), fileOptions(t)); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v for no file", err)
	}
	if s, err := loadText(t, "{}"); err != nil || len(s.AccessKeys) != 0 {
		t.Errorf("got %v for a file without resources", err)
	}
}

func FuzzLoadFile(f *testing.F) {
	f.Add("access_keys: [{name: a, token: \"${secrets.get('ci')}\", metadata: {a: [1, {b: null}]}, team: t}]\nteams: [{name: t}]")
	f.Add("access_key_configurations: [{name: c, access: {models: {allow: ['*']}}, router: {rules: [{model: 'openai:x', steps: [{type: gateway}]}]}}]")
	f.Add("budgets: [{name: b, unit: usd, limit: 1, window: day}]")
	f.Add("access_keys: &a [*a]")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "f.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadFile(path, fileOptions(t))
		if (s == nil) == (err == nil) {
			t.Errorf("got %v and %v", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") && !strings.Contains(text, "canary") {
			t.Errorf("the error shows a secret: %v", err)
		}
	})
}
