package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/engine/expr"
	"weir/engine/ipinfo"
	"weir/engine/price"
	"weir/engine/vars"
)

// knowing is a body loader that tells facts.
type knowing struct {
	bodyOf
	facts Facts
}

func (k knowing) Facts() Facts { return k.facts }

type fakeIPs map[string]ipinfo.Info

func (f fakeIPs) Lookup(a netip.Addr) ipinfo.Info { return f[a.String()] }

// certificate makes one with something in every field that a policy can read.
func certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := url.Parse("spiffe://example.com/" + name)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xbeef),
		Subject: pkix.Name{
			CommonName: name, Country: []string{"DE"}, Locality: []string{"Berlin"}, Organization: []string{"Acme"},
			OrganizationalUnit: []string{"Research"}, PostalCode: []string{"10115"}, Province: []string{"BE"}, StreetAddress: []string{"Road 1"},
		},
		NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		DNSNames: []string{name + ".example.com"}, EmailAddresses: []string{"a@example.com"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 9)},
		URIs: []*url.URL{id}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const varsBody = `{"model":"big","user":"u1","temperature":0.5,"top_p":1,"n":2,"max_tokens":64,"reasoning_effort":"low","messages":[
	{"role":"system","content":"Be brief."},
	{"role":"user","content":[{"type":"text","text":"Look."},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}],
	"tools":[{"type":"function","function":{"name":"f","description":"does"}}],"response_format":{"type":"json_object"}}`

const varsReply = `{"id":"c1","object":"chat.completion","model":"big","choices":[{"index":0,"message":{"role":"assistant","content":"Seen.",` +
	`"tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],` +
	`"usage":{"prompt_tokens":1000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":3}}}`

// varsExchange runs an exchange in which every variable has a value.
func varsExchange(t *testing.T) (*fixture, *Exchange) {
	t.Helper()
	alpha := newFakeProvider(t, func(w http.ResponseWriter, r *http.Request) {
		answer(200, varsReply, "Content-Type", "application/json; charset=utf-8", "X-Answer", "yes")(w, r)
	})
	f := newFixture(t, alpha, nil)
	now := time.Date(2026, 11, 22, 13, 14, 15, 0, time.UTC)
	f.rt.now, f.rt.realTime = func() time.Time { return now }, false
	f.rt.SetMeter(&fakeMeter{view: MeterView{HasBudget: true, Limit: 50 * price.Dollar, Spent: 12_500_000_000_000, Remain: 37_500_000_000_000, Limits: []LimitView{
		{Name: "rpm", Unit: "requests", Window: "1m", Limit: 100, Used: 40, ResetSeconds: 30},
		{Name: "monthly", Unit: "usd", Window: "month", Limit: 50e9, Used: 12.5e9},
	}}})

	x := chat(varsBody, Header{"Cookie", "a=1; b=2"}, Header{"User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"},
		Header{"X-Tier", "gold"}, Header{"X-Weir-Tags", "Project=atlas, env=prod"}, Header{"Content-Encoding", "identity"}, Header{"Location", "/l"})
	x.Request.Headers.Set("Content-Type", "Application/JSON; charset=utf-8")
	r := &x.Request
	r.ID, r.Scheme, r.Host, r.Version, r.Query, r.ContentLength = "req_1", "https", "API.example.com:443", "HTTP/1.1", "q=1&q=%202", int64(len(varsBody))
	r.Received = now.Add(-time.Second)
	x.Conn = Conn{
		Client: netip.MustParseAddrPort("10.0.0.1:1234"), Server: netip.MustParseAddrPort("10.0.0.2:443"), ClientIP: netip.MustParseAddr("192.0.2.1"),
		Start: now.Add(-time.Minute), TLS: &tls.ConnectionState{
			Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: "api.example.com", NegotiatedProtocol: "http/1.1",
			DidResume: true, PeerCertificates: []*x509.Certificate{certificate(t, "client")},
		},
	}
	x.Endpoint = &Endpoint{ID: "default", Host: "api.example.com", Addr: "0.0.0.0:443", URL: "https://api.example.com", Protocol: "https", Port: 443}
	x.Caller = Caller{ID: "c1", Name: "Ann", Kind: "jwt", Team: "research", Groups: []string{"dev"}, Metadata: map[string]any{"plan": "trial"}}
	place := ipinfo.Place{
		City: "Berlin", Continent: "EU", Country: "Germany", CountryCode: "DE", Latitude: "52.5", Longitude: "13.4", Radius: "20", MetroCode: "7",
		PostalCode: "10115", Subdivision: "Land Berlin", TimeZone: "Europe/Berlin", EU: true,
	}
	known := ipinfo.Info{
		Location: place, Registered: place, AS: ipinfo.AS{Number: 64500, Organization: "Example Net"},
		Categories: []string{"blocklist.spam", "tor"}, Blocklist: true, Tor: true,
	}
	x.Loader = knowing{bodyOf(varsBody), Facts{
		BytesIn: 11, BytesOut: 22, Region: "eu", JA4: "t13d", Certificate: certificate(t, "server"), BodyReceived: now,
		Trailers: Headers{{"X-Sum", "1"}}, IPs: fakeIPs{"192.0.2.1": known, "10.0.0.2": known},
	}}
	x.SetVar("tier", "gold")
	x.SetResult("rate_limit", map[string]any{"limited": true})
	p := f.route(t, RouteConfig{})
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	x.Reply.Headers.Add("Set-Cookie", "sid=1; Path=/a/b; Secure")
	x.Reply.Headers.Add("Location", "/there")
	x.Reply.Headers.Add("Content-Encoding", "identity")
	t.Cleanup(x.Finish)
	return f, x
}

// wantVars is what every variable of varsExchange reads as: JSON of the value, "..." where only its type is fixed.
func wantVars() map[string]string {
	want := map[string]string{
		"req.id": `"req_1"`, "req.method": `"POST"`, "req.host": `"API.example.com"`, "req.location": `"/l"`, "req.version": `"HTTP/1.1"`,
		"req.headers": `...`, "req.trailers": `{"x-sum":["1"]}`, "req.cookies": `{"a":[{"name":"a","value":"1"}],"b":[{"name":"b","value":"2"}]}`,
		"req.content_length": strconv.Itoa(len(varsBody)), "req.content_encoding": `["identity"]`, "req.content_type": `"application/json"`,
		"req.content_type.parameters": `{"charset":"utf-8"}`, "req.content_type.raw": `"Application/JSON; charset=utf-8"`,
		"req.url": `"https://api.example.com/v1/chat/completions?q=1\u0026q=%202"`, "req.url.authority": `"API.example.com:443"`,
		"req.url.host": `"API.example.com"`, "req.url.port": `443`, "req.url.path": `"/v1/chat/completions"`, "req.url.raw_path": `"/v1/chat/completions"`,
		"req.url.query": `"q=1\u0026q=%202"`, "req.url.query_params": `{"q":["1"," 2"]}`,
		"req.url.raw":    `"https://API.example.com:443/v1/chat/completions?q=1\u0026q=%202"`,
		"req.url.scheme": `"https"`, "req.url.uri": `"/v1/chat/completions?q=1\u0026q=%202"`, "req.url.user_password": `""`,
		"req.user_agent": `...`, "req.user_agent.name": `"Safari"`, "req.user_agent.version": `"17.2"`, "req.user_agent.os": `"iOS"`,
		"req.user_agent.os_version": `"17.2"`, "req.user_agent.device": `"iPhone"`, "req.user_agent.url": `""`, "req.user_agent.is_mobile": `true`,
		"req.user_agent.is_tablet": `false`, "req.user_agent.is_desktop": `false`, "req.user_agent.is_bot": `false`,
		"req.ts.header_received": `"2026-11-22T13:14:14Z"`, "req.ts.body_received": `"2026-11-22T13:14:15Z"`, "req.body": `...`,

		"conn.client_ip": `"192.0.2.1"`, "conn.client_port": `1234`, "conn.server_ip": `"10.0.0.2"`, "conn.server_port": `443`,
		"conn.ts.start": `"2026-11-22T13:13:15Z"`, "conn.bytes_in": `11`, "conn.bytes_out": `22`, "conn.server_region": `"eu"`,
		"conn.tls.sni": `"api.example.com"`, "conn.tls.version": `"1.3"`, "conn.tls.cipher_suite": `"TLS_AES_128_GCM_SHA256"`,
		"conn.tls.negotiated_alpn": `"http/1.1"`, "conn.tls.ja4_fingerprint": `"t13d"`, "conn.tls.session_resumed": `true`, "conn.tls.client.pem": `...`,
		"endpoint.addr": `"0.0.0.0:443"`, "endpoint.host": `"api.example.com"`, "endpoint.id": `"default"`, "endpoint.protocol": `"https"`,
		"endpoint.url": `"https://api.example.com"`, "endpoint.port": `443`,
		"time.now": `"2026-11-22T13:14:15Z"`, "time.hour": `13`, "time.weekday": `0`, "time.date": `"2026-11-22"`,
		"vars": `{"tier":"gold"}`, "actions": `{"ngrok":{"rate_limit":{"limited":true}},"rate_limit":{"limited":true}}`,

		"ai.api": `"openai.chat"`, "ai.request.model": `"big"`, "ai.request.models": `["big"]`, "ai.request.stream": `false`,
		"ai.request.input_tokens": `...`, "ai.request.max_output_tokens": `64`, "ai.request.user": `"u1"`,
		"ai.request.messages": `[{"images":0,"name":"","role":"system","text":"Be brief.","tool_calls":[]},{"images":1,"name":"","role":"user","text":"Look.","tool_calls":[]}]`,
		"ai.request.system":   `"Be brief."`, "ai.request.tools": `[{"description":"does","kind":"function","name":"f"}]`,
		"ai.request.has_tools": `true`, "ai.request.has_images": `true`, "ai.request.wants_json": `true`, "ai.request.temperature": `0.5`,
		"ai.request.top_p": `1`, "ai.request.choices": `2`, "ai.request.reasoning_effort": `"low"`,
		"ai.models": `...`, "ai.providers": `...`, "ai.authors": `...`, "ai.keys": `...`,
		"attempt.model": `"big"`, "attempt.provider": `"alpha"`, "attempt.status": `200`, "attempt.error": `""`, "attempt.retryable": `false`,
		"attempt.number": `1`, "attempt.elapsed_ms": `...`, "attempts": `...`,
		"caller.id": `"c1"`, "caller.name": `"Ann"`, "caller.kind": `"jwt"`, "caller.team": `"research"`, "caller.tags": `{"env":"prod","project":"atlas"}`, "caller.groups": `["dev"]`, "caller.metadata": `{"plan":"trial"}`,

		"res.status_code": `200`, "res.headers": `...`, "res.trailers": `{}`, "res.cookies": `...`, "res.content_type": `"application/json"`,
		"res.content_type.parameters": `{"charset":"utf-8"}`, "res.content_type.raw": `"application/json; charset=utf-8"`,
		"res.content_length": strconv.Itoa(len(varsReply)), "res.content_encoding": `["identity"]`, "res.location": `"/there"`,
		"res.ts.header_received": `...`, "res.ts.body_received": `...`, "res.body": `...`,
		"ai.response.model": `"big"`, "ai.response.provider": `"alpha"`, "ai.response.finish_reason": `"tool_calls"`, "ai.response.text": `"Seen."`,
		"ai.response.tool_calls": `[{"arguments":"{}","id":"t1","name":"f"}]`, "ai.response.cost_usd": `0.02`,
		"ai.response.usage.input_tokens": `1000`, "ai.response.usage.output_tokens": `500`, "ai.response.usage.cache_read_tokens": `400`,
		"ai.response.usage.cache_write_tokens": `0`, "ai.response.usage.reasoning_tokens": `3`,
	}
	for _, side := range [...]string{"client", "server"} {
		for _, who := range [...]string{"subject", "issuer"} {
			p := "conn.tls." + side + "." + who
			want[p] = `"CN=` + side + `,OU=Research,O=Acme,POSTALCODE=10115,STREET=Road 1,L=Berlin,ST=BE,C=DE"`
			for name, v := range map[string]string{
				"common_name": `"` + side + `"`, "country": `["DE"]`, "locality": `["Berlin"]`, "organization": `["Acme"]`,
				"organizational_unit": `["Research"]`, "postal_code": `["10115"]`, "province": `["BE"]`, "street_address": `["Road 1"]`,
			} {
				want[p+"."+name] = v
			}
		}
		for name, v := range map[string]string{
			"extensions": `...`, "san": `"` + side + `.example.com, a@example.com, 192.0.2.9, spiffe://example.com/` + side + `"`,
			"san.dns_names": `["` + side + `.example.com"]`, "san.email_addresses": `["a@example.com"]`, "san.ip_addresses": `["192.0.2.9"]`,
			"san.uris": `["spiffe://example.com/` + side + `"]`, "serial_number": `"beef"`, "signature_algorithm": `"ECDSA-SHA256"`,
			"validity.not_before": `"2026-01-02T03:04:05Z"`, "validity.not_after": `"2027-01-02T03:04:05Z"`,
		} {
			want["conn.tls."+side+"."+name] = v
		}
		ip := "conn." + side + "_ip."
		for name, v := range map[string]string{
			"categories": `["blocklist.spam","tor"]`, "is_on_blocklist": `true`, "is_tor_node": `true`, "as.number": `64500`, "as.organization": `"Example Net"`,
		} {
			want[ip+name] = v
		}
		for name, v := range map[string]string{
			"city": `"Berlin"`, "continent": `"EU"`, "country": `"Germany"`, "country_code": `"DE"`, "metro_code": `"7"`,
			"subdivision": `"Land Berlin"`, "timezone": `"Europe/Berlin"`, "is_eu": `true`,
		} {
			want[ip+"geo.location."+name], want[ip+"geo.registered_location."+name] = v, v
		}
		for name, v := range map[string]string{"latitude": `"52.5"`, "longitude": `"13.4"`, "postal_code": `"10115"`, "radius": `"20"`} {
			want[ip+"geo.location."+name] = v
		}
	}
	for name, v := range map[string]string{
		"city": `"Berlin"`, "country": `"Germany"`, "country_code": `"DE"`, "latitude": `"52.5"`, "longitude": `"13.4"`, "radius": `"20"`,
		"subdivision": `"Land Berlin"`,
	} {
		want["conn.geo."+name] = v
	}
	want["caller.budget.limit_usd"], want["caller.budget.spent_usd"], want["caller.budget.remaining_usd"] = `50`, `12.5`, `37.5`
	want["caller.budget.used_percent"] = `25`
	want["caller.limits"] = `[{"limit":100,"name":"rpm","remaining":60,"reset_seconds":30,"unit":"requests","used":40,"window":"1m"},` +
		`{"limit":50,"name":"monthly","remaining":37.5,"reset_seconds":0,"unit":"usd","used":12.5,"window":"month"}]`
	return want
}

// show evaluates an expression on an exchange and writes its value as JSON.
func show(t *testing.T, env *expr.Env, phase vars.Phase, text string, x *Exchange) string {
	t.Helper()
	e, diags := env.Value(phase, expr.Text{Value: text})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, err := e.Value(x)
	if err != nil {
		return "error: " + err.Error()
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// unshown are the types that have no value outside expressions; their size is looked at instead.
func unshown(v *vars.Var) bool {
	switch v.Type {
	case vars.TypeModels, vars.TypeProviders, vars.TypeAuthors, vars.TypeKeys:
		return true
	default:
		return false
	}
}

func TestVars(t *testing.T) {
	f, x := varsExchange(t)
	want := wantVars()
	all := vars.All()
	for i := range all {
		v := &all[i]
		w, ok := want[v.Path]
		if !ok {
			t.Errorf("%s: this test does not know it", v.Path)
			continue
		}
		delete(want, v.Path)
		for phase := vars.PhaseTCPConnect; phase <= vars.PhaseResponse; phase <<= 1 {
			if v.Phases&phase == 0 {
				continue
			}
			if unshown(v) {
				if got := show(t, f.env, phase, "size("+v.Path+")", x); (got == "0") != (v.Type == vars.TypeKeys || v.Type == vars.TypeAuthors) {
					t.Errorf("%s in %s: got %s of them", v.Path, phase, got)
				}
				continue
			}
			got := show(t, f.env, phase, v.Path, x)
			empty := got == "null" || got == `""` || got == "[]" || got == "{}" || strings.HasPrefix(got, "error") || strings.HasPrefix(got, `"1970`)
			if w == "..." && empty || w != "..." && got != w {
				t.Errorf("%s in %s: got %s, want %s", v.Path, phase, got, w)
			}
		}
	}
	for path := range want {
		t.Errorf("%s is not in the table", path)
	}
}

// TestVarsBelow reads what stands inside variables that TestVars only finds to be there.
func TestVarsBelow(t *testing.T) {
	f, x := varsExchange(t)
	for text, want := range map[string]string{
		"req.headers['X-TIER'][0]":                                                `"gold"`,
		"req.body.messages[1].content[0].text":                                    `"Look."`,
		"req.body.nothing.at.all == null":                                         `true`,
		"req.body.n + 1":                                                          `3`,
		"res.body.usage.prompt_tokens > 999.5":                                    `true`,
		"res.body.choices.exists(c, c.finish_reason == 'tool_calls')":             `true`,
		"res.headers['x-answer'][0]":                                              `"yes"`,
		"res.cookies['sid'][0].path":                                              `"/a/b"`,
		"res.cookies['sid'][0].secure":                                            `true`,
		"attempts[0].status":                                                      `200`,
		"conn.tls.client.extensions.exists(e, e.id == '2.5.29.15' && e.critical)": `true`,
		"conn.tls.client.extensions.all(e, size(bytes(e.value)) > 0)":             `true`,
		"conn.tls.client.pem.startsWith('-----BEGIN CERTIFICATE-----')":           `true`,
		"ai.request.messages.filter(m, m.role == 'user')[0].images":               `1`,
		"ai.request.messages[0].nothing == null":                                  `true`,
		"res.ts.header_received <= res.ts.body_received":                          `true`,
		"double(conn.geo.latitude) > 52.0 && conn.client_ip.geo.location.is_eu":   `true`,
		"conn.client_ip == '192.0.2.1' && conn.client_ip.as.number in [64500]":    `true`,
		"req.user_agent.startsWith('Mozilla') && !req.user_agent.is_bot":          `true`,
		"timestamp(time.now) < conn.tls.client.validity.not_after && req.ts.body_received > req.ts.header_received": `true`,
	} {
		if got := show(t, f.env, vars.PhaseResponse, text, x); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestVarsAbsent reads every variable of an exchange of which nothing is known: none fails, each has its type's empty
// value.
func TestVarsAbsent(t *testing.T) {
	f := newFixture(t, nil, nil)
	odd := map[string]string{
		"req.url": `"://"`, "req.url.raw": `"://"`, "req.url.port": `80`, "caller.kind": `"anonymous"`, "ai.api": `"unknown"`, "ai.request.choices": `1`,
		"conn.server_ip": `"invalid IP"`, "time.now": ``, "time.date": ``, "time.hour": ``, "time.weekday": ``, "ai.request.input_tokens": `3`,
		"actions": `{"ngrok":{}}`, "req.ts.header_received": `"0001-01-01T00:00:00Z"`, "conn.ts.start": `"0001-01-01T00:00:00Z"`,
	}
	empty := map[vars.Type]string{
		vars.TypeBool: "false", vars.TypeInt: "0", vars.TypeString: `""`, vars.TypeTimestamp: `"1970-01-01T00:00:00Z"`, vars.TypeStrings: "[]",
		vars.TypeMulti: "{}", vars.TypeCookies: "{}", vars.TypeStringMap: "{}", vars.TypeMap: "{}", vars.TypeList: "[]", vars.TypeDyn: "null",
	}
	all := vars.All()
	for i := range all {
		v := &all[i]
		x := NewExchange()
		x.plan = f.route(t, RouteConfig{})
		phase := vars.PhaseResponse
		if v.Phases&phase == 0 {
			phase = v.Phases
		}
		if unshown(v) {
			continue
		}
		want, is := odd[v.Path]
		if !is {
			want = empty[v.Type]
		}
		if got := show(t, f.env, phase, v.Path, x); got != want && (want != "" || got == `""`) {
			t.Errorf("%s: got %s, want %s", v.Path, got, want)
		}
	}
}
