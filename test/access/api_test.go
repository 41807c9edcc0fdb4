package access

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// asking is a request to the Admin API with everything that api leaves out.
type asking struct {
	method, path, body, token string
	header                    map[string]string
}

// admin sends it; without a token it has no Authorization.
func (g *gateway) asks(a asking) reply {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), orElse(a.method, http.MethodGet), g.admin+a.path, strings.NewReader(a.body))
	if err != nil {
		g.t.Fatal(err)
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range a.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(raw), err}
}

// document is the OpenAPI document that a gateway serves.
type document struct {
	t        *testing.T
	paths    map[string]map[string]json.RawMessage
	compiler *jsonschema.Compiler
}

func (g *gateway) document() *document {
	g.t.Helper()
	text := g.must(http.MethodGet, "/openapi.json", "", http.StatusOK)
	d := &document{t: g.t, compiler: jsonschema.NewCompiler()}
	var top struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &top); err != nil || !strings.HasPrefix(top.OpenAPI, "3.1") {
		g.t.Fatalf("got version %q, %v", top.OpenAPI, err)
	}
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		g.t.Fatal(err)
	}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("mem://api.json", whole); err != nil {
		g.t.Fatal(err)
	}
	d.paths = top.Paths
	return d
}

// check holds an answer to the schema that the document has for it.
func (d *document) check(method, pattern string, r reply) {
	d.t.Helper()
	var operation struct {
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Content map[string]json.RawMessage
		}
	}
	status := strconv.Itoa(r.status)
	if err := json.Unmarshal(d.paths[pattern][strings.ToLower(method)], &operation); err != nil {
		d.t.Fatalf("%s %s: %v", method, pattern, err)
	}
	said, ok := operation.Responses[status]
	if !ok {
		d.t.Errorf("%s %s: the document has no status %s: %s", method, pattern, status, r.body)
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	at := "/paths/" + escape.Replace(pattern) + "/" + strings.ToLower(method) + "/responses/" + status
	if said.Ref != "" {
		at = strings.TrimPrefix(said.Ref, "#")
	} else if len(said.Content) == 0 {
		if r.body != "" {
			d.t.Errorf("%s %s: got %s, the document has no body", method, pattern, r.body)
		}
		return
	}
	schema, err := d.compiler.Compile("mem://api.json#" + at + "/content/application~1json/schema")
	if err != nil {
		d.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(r.body))
	if err != nil {
		d.t.Fatalf("%s %s: %v in %s", method, pattern, err, r.body)
	}
	if err := schema.Validate(value); err != nil {
		d.t.Errorf("%s %s: %s does not fit its schema: %v", method, pattern, r.body, err)
	}
}

// TestDocumentSaysWhatIsServed goes through every resource: each answer, good and bad, fits the document, and no route is
// left out.
func TestDocumentSaysWhatIsServed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	d := g.document()
	_, token := g.key("caller", "")
	g.send(call{header: bearer(token)}).want(t, http.StatusOK)
	seen := map[string]bool{}
	do := func(method, pattern, id, body string, status int) map[string]any {
		t.Helper()
		r := g.asks(asking{method: method, path: strings.Replace(pattern, "{id}", id, 1), body: body, token: adminToken})
		if r.status != status {
			t.Fatalf("%s %s: got %d: %s; want %d", method, pattern, r.status, r.body, status)
		}
		path, _, _ := strings.Cut(pattern, "?")
		d.check(method, path, r)
		seen[method+" "+path] = true
		var out map[string]any
		_ = json.Unmarshal([]byte(r.body), &out) // some have none
		return out
	}
	rotate := map[string]string{"/access-keys": `{"overlapSeconds": 5}`, "/api-keys": `{}`, "/provider-keys": `{"value": "sk-own-rotated-0123"}`}
	for _, c := range []struct{ path, body, edit, bad string }{
		{"/teams", `{"name": "lab", "metadata": "{}"}`, `{"description": "x", "metadata": null}`, `{"name": ""}`},
		{"/provider-keys", `{"name": "own", "providerId": "vendor", "value": "sk-own-key-0123456"}`, `{"description": "x"}`, `{"name": "own"}`},
		{"/access-key-configurations", `{"name": "c", "access": {"models": {"allow": ["a*"]}}}`, `{"access": null}`, `{"name": "c", "router": {"rules": [{}]}}`},
		{"/access-keys", `{"name": "k", "groups": ["a"], "expiresAt": "2040-01-01T00:00:00Z"}`, `{"expiresAt": null, "groups": null}`, `{"groups": 7}`},
		{"/api-keys", `{"name": "robot", "role": "viewer"}`, `{"role": "editor"}`, `{"role": "root"}`},
		{"/providers", `{"name": "Mine", "providerId": "mine", "baseUrl": "https://mine.example/v1"}`, `{"models": [{"modelId": "m"}]}`, `{"name": "x"}`},
		{"/budgets", `{"name": "b", "unit": "usd", "limit": "1.5", "window": "week", "warn_at": [50]}`, `{"limit": "2", "warn_at": null}`, `{"name": "b", "unit": "eur"}`},
		{"/limits", `{"name": "l", "unit": "requests", "limit": "5", "window": "90s", "per": ["model"]}`, `{"per": null}`, `{"name": "l", "unit": "requests", "limit": "5", "window": "soon"}`},
	} {
		one := c.path + "/{id}"
		id := fmt.Sprint(do("POST", c.path, "", c.body, http.StatusCreated)["id"])
		do("POST", c.path, "", c.bad, http.StatusBadRequest)
		do("GET", c.path, "", "", http.StatusOK)
		do("GET", one, id, "", http.StatusOK)
		do("GET", one, "nobody", "", http.StatusNotFound)
		do("PATCH", one, id, c.edit, http.StatusOK)
		do("PATCH", one, id, `{"nonsense": 1}`, http.StatusBadRequest)
		if body := rotate[c.path]; body != "" {
			do("POST", one+"/rotate", id, body, http.StatusOK)
		}
		do("DELETE", one, id, "", http.StatusNoContent)
		do("DELETE", one, id, "", http.StatusNotFound)
	}
	do("GET", "/gateway-config", "", "", http.StatusOK)
	do("PATCH", "/gateway-config", "", `{"totalTimeout": "90s", "maxOutputTokens": 5000}`, http.StatusOK)
	do("PATCH", "/gateway-config", "", `{"totalTimeout": null}`, http.StatusOK)
	g.await("the call is recorded", func() bool { return len(g.rows("")) == 1 })
	do("GET", "/usage?startTime=2020-01-01T00:00:00Z", "", "", http.StatusOK)
	do("GET", "/usage", "", "", http.StatusBadRequest)
	do("GET", "/usage/overview?startTime=2020-01-01T00:00:00Z&groupBy=model", "", "", http.StatusOK)
	do("GET", "/audit", "", "", http.StatusOK)
	do("GET", "/openapi.json", "", "", http.StatusOK)
	for _, pattern := range slices.Sorted(maps.Keys(d.paths)) {
		for method := range d.paths[pattern] {
			method = strings.ToUpper(method)
			path := strings.Replace(pattern, "{id}", "nobody", 1)
			if method != http.MethodHead && !seen[method+" "+pattern] {
				t.Errorf("%s %s is in the document and not looked at", method, pattern)
			}
			for _, token := range []string{"", "wrong-token-000000"} { // one of each: addresses that try many wait
				if pattern != "/teams" && token != "" {
					continue
				}
				r := g.asks(asking{method: method, path: path, token: token})
				if r.status != http.StatusUnauthorized && r.status != http.StatusTooManyRequests {
					t.Errorf("%s %s without a token: got %d: %s", method, pattern, r.status, r.body)
				}
			}
		}
	}
}

// TestRoles has a token of each role, and asks with each for what needs more and what does not.
func TestRoles(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	_, accessKey := g.key("caller", "")
	steps := []asking{
		{path: "/access-keys"},
		{path: "/usage?startTime=2020-01-01T00:00:00Z"},
		{path: "/openapi.json"},
		{method: http.MethodPost, path: "/teams", body: `{"name": "by ROLE"}`},
		{method: http.MethodPatch, path: "/gateway-config", body: `{"metadata": "x"}`},
		{path: "/audit"},
		{path: "/api-keys"},
		{method: http.MethodPost, path: "/api-keys", body: `{"name": "more", "role": "admin"}`},
	}
	for role, want := range map[string][]int{
		"admin":   {200, 200, 200, 201, 200, 200, 200, 201},
		"editor":  {200, 200, 200, 201, 200, 403, 403, 403},
		"viewer":  {200, 200, 200, 403, 403, 403, 403, 403},
		"auditor": {200, 200, 200, 403, 403, 200, 403, 403},
	} {
		var made struct{ ID, Token string }
		if status, text := g.api(http.MethodPost, "/api-keys", fmt.Sprintf(`{"name": "the %s", "role": %q}`, role, role), &made); status != http.StatusCreated {
			t.Fatalf("got %d: %s", status, text)
		}
		for i, s := range steps {
			s.token, s.body = made.Token, strings.ReplaceAll(s.body, "ROLE", role)
			if r := g.asks(s); r.status != want[i] {
				t.Errorf("%s: %s %s: got %d: %s; want %d", role, s.method, s.path, r.status, r.body, want[i])
			}
		}
		g.send(call{header: bearer(made.Token)}).want(t, http.StatusUnauthorized) // it is for the API alone
		g.must(http.MethodDelete, "/api-keys/"+made.ID, "", http.StatusNoContent)
		if r := g.asks(asking{path: "/teams", token: made.Token}); r.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d after the token was taken away", role, r.status)
		}
	}
	for _, token := range []string{accessKey, vendorKey, "", strings.ToUpper(adminToken), adminToken[:len(adminToken)-1], adminToken + "x"} {
		if r := g.asks(asking{path: "/teams", token: token}); r.status != http.StatusUnauthorized {
			t.Errorf("token %q: got %d", token, r.status)
		}
	}
	if text := g.must(http.MethodGet, "/audit", "", http.StatusOK); strings.Count(text, `"by admin"`) == 0 || strings.Contains(text, "by viewer") {
		t.Errorf("got audit log %s", text)
	}
}

// TestWritesOnTheWire has two editors, repeated requests, pages and fields that are cleared.
func TestWritesOnTheWire(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	write := func(method, path, body string, header map[string]string) reply {
		t.Helper()
		return g.asks(asking{method: method, path: path, body: body, token: adminToken, header: header})
	}
	once := map[string]string{"Idempotency-Key": "c0ffee-1"}
	first := write("POST", "/access-keys", `{"name": "once", "description": "d"}`, once)
	first.want(t, http.StatusCreated, `"token":"wr-`)
	if again := write("POST", "/access-keys", `{"name": "once", "description": "d"}`, once); again.status != http.StatusCreated || again.body != first.body {
		t.Errorf("the same again: got %d: %s; want the answer before", again.status, again.body)
	}
	if other := write("POST", "/access-keys", `{"name": "twice"}`, once); other.status != http.StatusUnprocessableEntity {
		t.Errorf("another body: got %d: %s", other.status, other.body)
	}
	var made struct{ ID, Token string }
	if err := json.Unmarshal([]byte(first.body), &made); err != nil {
		t.Fatal(err)
	}
	path := "/access-keys/" + made.ID
	tag := first.header.Get("ETag")
	if got := write("GET", path, "", map[string]string{"If-None-Match": tag}); tag == "" || got.status != http.StatusNotModified || got.body != "" {
		t.Errorf("unchanged: tag %q: got %d: %s", tag, got.status, got.body)
	}
	write("PATCH", path, `{"description": null}`, map[string]string{"If-Match": tag}).want(t, http.StatusOK, `"description":""`)
	write("PATCH", path, `{"name": "late"}`, map[string]string{"If-Match": tag}).want(t, http.StatusPreconditionFailed, "precondition_failed")
	write("DELETE", path, "", map[string]string{"If-Match": tag}).want(t, http.StatusPreconditionFailed)
	write("GET", path, "", nil).want(t, http.StatusOK, `"name":"once"`)
	write("PUT", path, `{}`, nil).want(t, http.StatusMethodNotAllowed)
	write("POST", "/teams", `{"name": "x"`, nil).want(t, http.StatusBadRequest)
	write("POST", "/teams", `{"name": "x", "name": "y"}`, nil).want(t, http.StatusBadRequest)
	write("POST", "/teams", `name=x`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}).want(t, http.StatusUnsupportedMediaType)
	if r := g.asks(asking{method: http.MethodHead, path: path, token: adminToken}); r.status != http.StatusOK || r.body != "" || r.header.Get("ETag") == "" {
		t.Errorf("HEAD: got %d, %q, %v", r.status, r.body, r.header)
	}

	for i := range 5 {
		g.create("/teams", fmt.Sprintf(`{"name": "team %d"}`, i))
		time.Sleep(2 * time.Millisecond) // ids are in the order of milliseconds
	}
	var names []string
	for next := g.admin + "/teams?limit=2"; next != ""; {
		var page struct {
			Teams       []struct{ Name string }
			NextPageURI *string
		}
		status, text := g.api(http.MethodGet, strings.TrimPrefix(next, g.admin), "", &page)
		if status != http.StatusOK || len(page.Teams) > 2 || len(names) > 5 {
			t.Fatalf("got %d: %s", status, text)
		}
		for _, one := range page.Teams {
			names = append(names, one.Name)
		}
		next = ""
		if page.NextPageURI != nil {
			next = *page.NextPageURI
		}
	}
	if want := []string{"team 4", "team 3", "team 2", "team 1", "team 0"}; !slices.Equal(names, want) {
		t.Errorf("got pages of %v, want %v", names, want)
	}
}
