package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/engine/diag"
)

const (
	// apiTime bounds one request to the Admin API, whose own answers take at most a few seconds.
	apiTime = 30 * time.Second
	// apiAnswer bounds what is read of one answer: a page of usage is below 1 MiB.
	apiAnswer = 16 << 20
	// apiPage is the size of pages, the largest that the API gives.
	apiPage = 100
	// maxTokenFile is far more than a token and a line break.
	maxTokenFile = 16 << 10
)

// apiFlags are what every command takes that talks to a running gateway.
type apiFlags struct {
	Admin     string `default:"127.0.0.1:9080" placeholder:"ADDR" help:"Admin listener of the gateway: host:port on this machine, https://host, or unix:/path."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"File with the token, in place of WEIR_ADMIN_TOKEN."`
	Output    string `enum:"table,json" default:"table" help:"Form of what is printed: ${enum}."`
}

// api is a client of the Admin API for one command.
type api struct {
	app    *app
	flags  *apiFlags
	base   string
	token  string
	client *http.Client
	ctx    context.Context // a command is one request or a few, and ends with them
}

// connect makes a client and hands it to a command.
func (f *apiFlags) connect(a *app, run func(c *api) error) error {
	token, err := f.token(a)
	if err != nil {
		return err
	}
	ctx, stop := a.untilStopped(nil)
	defer stop()
	c := &api{app: a, flags: f, token: token, ctx: ctx}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment}
	if c.base, err = adminURL(f.Admin, transport); err != nil {
		return err
	}
	c.client = &http.Client{
		Transport: transport, Timeout: apiTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for this host
	}
	return run(c)
}

// adminURL finds out where the admin listener is. A token is sent in the clear only on this machine, or where http:// says so.
func adminURL(address string, transport *http.Transport) (string, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return "http://localhost", nil
	}
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
			return "", errors.New("--admin: must be host:port, https://host or unix:/path")
		}
		return strings.TrimSuffix(address, "/"), nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", errors.New("--admin: must be host:port, https://host or unix:/path")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("--admin: %s is another machine, and the token must not be read on the way: say https://, or http:// if it cannot be", host)
	}
	transport.Proxy = nil
	return "http://" + address, nil
}

func (f *apiFlags) token(a *app) (string, error) {
	if f.TokenFile == "" {
		if v, ok := a.getenv(tokenEnv); ok && v != "" {
			return v, nil
		}
		return "", fmt.Errorf("a token of the Admin API is needed: set %s or give --token-file", tokenEnv)
	}
	file, err := os.Open(f.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("reading the token: %s is empty", f.TokenFile)
	}
	return token, nil
}

// refusal is an answer of the Admin API that is not a success.
type refusal struct {
	status  int
	Code    string            `json:"errorCode"`
	Message string            `json:"msg"`
	Details map[string]string `json:"details"`
}

// Error says it in one line, and each field's fault on one of its own.
func (r *refusal) Error() string {
	text := r.Message
	if text == "" {
		text = http.StatusText(r.status)
	}
	lines := []string{fmt.Sprintf("the gateway refused (%d): %s", r.status, visible(text))}
	if len(r.Details) > 1 {
		for _, field := range slices.Sorted(maps.Keys(r.Details)) {
			lines = append(lines, "  "+visible(field)+": "+visible(r.Details[field]))
		}
	}
	return strings.Join(lines, "\n")
}

// call sends one request; in is JSON that is sent, nil = none. The answer's JSON is returned, nil where it has none.
func (c *api) call(method, path string, query url.Values, in any) (json.RawMessage, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	body := io.Reader(http.NoBody)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("writing the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	req.Header.Set("authorization", "Bearer "+c.token)
	if in != nil {
		req.Header.Set("content-type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the gateway at %s: %w (is it running, with its admin listener there?)", c.flags.Admin, innermost(err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(io.LimitReader(resp.Body, apiAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return c.answer(resp, text)
}

func (c *api) answer(resp *http.Response, text []byte) (json.RawMessage, error) {
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusMultipleChoices {
		if len(text) > 0 && !json.Valid(text) {
			return nil, errors.New("the answer is not JSON: is this the admin listener of Weir?")
		}
		return text, nil
	}
	r := &refusal{status: resp.StatusCode}
	if json.Unmarshal(text, r) != nil || r.Message == "" {
		var other struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"error"`
		}
		_ = json.Unmarshal(text, &other) // the status tells the rest
		r.Code, r.Message = other.Error.Code, other.Error.Message
	}
	if r.status == http.StatusNotFound && r.Code == "not_found" && strings.Contains(r.Message, "/healthz") {
		r.Message = "access keys are off at this gateway: set access.enabled: on in its weir.yaml"
	}
	return nil, r
}

// innermost leaves out the method and URL, which the words around it give better.
func innermost(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// entry is what every resource has; raw is the whole of it.
type entry struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	raw json.RawMessage
}

// list reads every page of a collection.
func (c *api) list(r *resource, query url.Values) ([]entry, error) {
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	var out []entry
	for {
		query.Set("limit", strconv.Itoa(apiPage))
		text, err := c.call(http.MethodGet, r.path, query, nil)
		if err != nil {
			return nil, err
		}
		page, more, err := r.page(text)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if !more || len(page) == 0 {
			return out, nil
		}
		query.Set("beforeId", page[len(page)-1].ID)
	}
}

// resource is a collection of the Admin API.
type resource struct {
	path, member string // where it is, and the member of a page that holds its entries
	prefix       string // of ids
	word         string // for people
}

func (r *resource) page(text json.RawMessage) (out []entry, more bool, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, false, fmt.Errorf("reading the answer: %w", err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(members[r.member], &raw); err != nil {
		return nil, false, fmt.Errorf("reading the answer: it has no %s", r.member)
	}
	for _, one := range raw {
		e, err := entryOf(one)
		if err != nil {
			return nil, false, err
		}
		out = append(out, e)
	}
	next := members["nextPageUri"]
	return out, len(next) > 0 && string(next) != "null" && string(next) != `""`, nil
}

func entryOf(raw json.RawMessage) (entry, error) {
	e := entry{raw: raw}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("reading the answer: %w", err)
	}
	return e, nil
}

// idLength is that of the part of an id that is random.
const idLength = 26

// find turns a name into the id of the resource that has it; ids stay as they are.
func (c *api) find(r *resource, name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, r.prefix); ok && len(rest) == idLength {
		return name, nil
	}
	all, err := c.list(r, nil)
	if err != nil {
		return "", err
	}
	var found, names []string
	for _, e := range all {
		if e.ID == name {
			return name, nil // those of files may be of any form
		}
		if e.Name == name {
			found = append(found, e.ID)
		}
		names = append(names, e.Name)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if near, ok := diag.Nearest(name, names); ok {
			return "", fmt.Errorf("there is no %s called %q; did you mean %q?", r.word, name, near)
		}
		return "", fmt.Errorf("there is no %s called %q", r.word, name)
	default:
		return "", fmt.Errorf("%d of them are called %q; give the id: %s", len(found), name, strings.Join(found, ", "))
	}
}
