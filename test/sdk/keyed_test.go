package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// keyedToken is the token of the Admin API of the gateway with access keys.
	keyedToken = "sdk-test-admin-token-0001"
	// keyedModel costs a tenth of a cent a token, so that a call spends a budget of a cent.
	keyedModel = "dear"
)

const keyedPolicy = `providers:
  - id: vendor
    base_url: %s
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    models: [{id: dear, pricing: {input: 1000, output: 1000}}, {id: hidden, pricing: {input: 0, output: 0}}]
`

// startKeyed starts a gateway that asks for access keys, and makes some: the suites find them in their environment. Without
// a gateway there is nothing to ask, and the suites skip it.
func startKeyed(t *testing.T, binary string) []string {
	t.Helper()
	if binary == "" {
		return nil
	}
	dir, listen, admin := t.TempDir(), freeAddress(t), freeAddress(t)
	policy, config := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "weir.yaml")
	for path, text := range map[string]string{
		policy: fmt.Sprintf(keyedPolicy, startSim(t)), config: "access: {folder: '" + filepath.Join(dir, "state") + "'}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// As with the open gateway, the context of the test must not kill it.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", policy, "--config", config, "--listen", listen, "--admin", admin)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "WEIR_ADMIN_TOKEN=" + keyedToken}
	runGateway(t, cmd, admin)

	k := &keyed{t: t, url: "http://" + listen, admin: "http://" + admin}
	conf := k.post("/access-key-configurations", `{"name": "suites", "access": {"models": {"allow": ["dear"]}}}`).ID
	rich := k.key("rich", conf)
	k.post("/limits", `{"name": "calls", "access_key_id": "`+rich.ID+`", "unit": "requests", "limit": "100000", "window": "8000h"}`)
	env := []string{"WEIR_KEYED_URL=" + k.url, "WEIR_KEYED_MODEL=" + keyedModel, "WEIR_KEY=" + rich.Token}
	for _, status := range []int{http.StatusPaymentRequired, http.StatusTooManyRequests} {
		poor := k.key(fmt.Sprint("poor ", status), conf)
		k.post("/budgets", fmt.Sprintf(`{"name": "spent", "access_key_id": %q, "unit": "usd", "limit": "0.01", "window": "total", "status": %d}`, poor.ID, status))
		k.spend(poor.Token)
		env = append(env, fmt.Sprintf("WEIR_KEY_%d=%s", status, poor.Token))
	}
	return env
}

// keyed is the gateway with access keys.
type keyed struct {
	t          *testing.T
	url, admin string
}

// made is what the Admin API tells of what it made.
type made struct{ ID, Token string }

func (k *keyed) key(name, conf string) made {
	k.t.Helper()
	return k.post("/access-keys", fmt.Sprintf(`{"name": %q, "accessKeyConfigurationId": %q}`, name, conf))
}

func (k *keyed) post(path, body string) (out made) {
	k.t.Helper()
	resp := k.send(k.admin+path, keyedToken, body)
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusCreated {
		k.t.Fatalf("POST %s: got %d, %v", path, resp.StatusCode, err)
	}
	return out
}

// spend uses up the budget of a key.
func (k *keyed) spend(token string) {
	k.t.Helper()
	for range 10 {
		resp := k.send(k.url+"/v1/chat/completions", token, `{"model": "dear", "messages": [{"role": "user", "content": "a b c d e f g h"}]}`)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return
		}
	}
	k.t.Fatal("the budget is not spent")
}

func (k *keyed) send(url, token, body string) *http.Response {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	return resp
}
