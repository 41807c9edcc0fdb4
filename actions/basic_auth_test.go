package actions

import (
	"encoding/base64"
	"strings"
	"testing"

	"weir/engine"
)

func basic(login string) string {
	return "authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(login))
}

func TestBasicAuth(t *testing.T) {
	const two = `["alice:correct-horse", "bob:battery:staple"]`
	tests := []struct {
		name, credentials string
		headers           []string
		user              string // "" = refused
		presented         bool
		shown             string
	}{
		{"nothing", two, nil, "", false, ""},
		{"right", two, []string{basic("alice:correct-horse")}, "alice", true, "alice"},
		{"the second", two, []string{basic("bob:battery:staple")}, "bob", true, "bob"},
		{"wrong password", two, []string{basic("alice:correct-hors")}, "", true, "alice"},
		{"password of another", two, []string{basic("alice:battery:staple")}, "", true, "alice"},
		{"wrong user", two, []string{basic("carol:correct-horse")}, "", true, "carol"},
		{"user in capitals", two, []string{basic("Alice:correct-horse")}, "", true, "Alice"},
		{"no password", two, []string{basic("alice:")}, "", true, "alice"},
		{"no colon", two, []string{basic("alice")}, "", false, ""},
		{"empty", two, []string{"authorization: Basic "}, "", false, ""},
		{"not base64", two, []string{"authorization: Basic alice:correct-horse"}, "", false, ""},
		{"scheme in capitals", two, []string{strings.Replace(basic("alice:correct-horse"), "Basic", "BASIC", 1)}, "alice", true, "alice"},
		{"another scheme", two, []string{"authorization: Bearer YWxpY2U6Y29ycmVjdC1ob3JzZQ=="}, "", false, ""},
		{"two fields", two, []string{basic("alice:correct-horse"), basic("bob:battery:staple")}, "", false, ""},
		{"too long", two, []string{basic("alice:correct-horse" + strings.Repeat("x", 500))}, "", false, ""},
		{"the longest", "[\"" + strings.Repeat("u", 254) + ":" + strings.Repeat("p", 128) + "\"]", []string{basic(strings.Repeat("u", 254) + ":" + strings.Repeat("p", 128))}, strings.Repeat("u", 254), true, strings.Repeat("u", 254)},
		{"two passwords of one user", `["alice:password-1", "alice:password-2"]`, []string{basic("alice:password-2")}, "alice", true, "alice"},
		{"interpolated password", `["alice:${req.headers['x-p'][0]}"]`, []string{basic("alice:from:header"), "x-p: from:header"}, "alice", true, "alice"},
		{"interpolated user", `["${req.headers['x-p'][0]}:correct-horse"]`, []string{basic("dave:correct-horse"), "x-p: dave"}, "dave", true, "dave"},
		{"interpolated part", `["alice:pass-${req.headers['x-p'][0] == ':' ? 'a:b' : 'c'}-word"]`, []string{basic("alice:pass-a:b-word"), "x-p: :"}, "alice", true, "alice"},
		{"interpolated whole", `["${req.headers['x-p'][0]}"]`, []string{basic("eve:correct:horse"), "x-p: eve:correct:horse"}, "eve", true, "eve"},
		{"constant expression", `["${'alice:' + 'correct-horse'}"]`, []string{basic("alice:correct-horse")}, "alice", true, "alice"},
		{"dollar", `["alice:pass$${word}"]`, []string{basic("alice:pass${word}")}, "alice", true, "alice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway()
			plan := g.plan(t, "on_request: [{type: basic-auth, config: {realm: 'a \"b\"', credentials: "+tt.credentials+"}}]")
			x := request(tt.headers...)
			e := limited(t, plan, x)
			challenge := x.Reply.Headers.First("www-authenticate")
			switch {
			case tt.user == "" && (e == nil || e.Code != engine.CodeUnauthorized || e.HTTPStatus() != 401 || challenge != `Basic realm="a \"b\"", charset="UTF-8"`):
				t.Errorf("got %v and %q, want 401 with a challenge", e, challenge)
			case tt.user != "" && (e != nil || challenge != ""):
				t.Errorf("got %v and %q, want it let in", e, challenge)
			}
			if x.Caller.ID != tt.user || x.Caller.Name != tt.user || (x.Caller.Kind == "basic") != (tt.user != "") {
				t.Errorf("got caller %+v, want %q", x.Caller, tt.user)
			}
			if tt.user != "" && x.Request.Headers.Has("authorization") {
				t.Error("got authorization behind the rules, want it gone")
			}

			shadow := g.plan(t, "on_request: [{type: basic-auth, config: {enforce: false, credentials: "+tt.credentials+"}}, "+
				"{type: set-vars, config: {vars: [{a: \"${actions.ngrok.basic_auth.credentials}\"}]}}, "+
				"{type: log, config: {metadata: {p: \"${vars.a.presented}\", a: \"${vars.a.authorized}\", u: \"${vars.a.username}\"}}}, "+
				"{expressions: [\"vars.a.presented == "+word(tt.presented)+" && vars.a.authorized == "+word(tt.user != "")+" && vars.a.username == '"+tt.shown+"'\"], "+
				"actions: [{type: deny, config: {status_code: 418}}]}]")
			if e := limited(t, shadow, request(tt.headers...)); e == nil || e.HTTPStatus() != 418 {
				t.Errorf("got %v, want presented %v and user %q", e, tt.presented, tt.shown)
			}
		})
	}
}

func word(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func TestBasicAuthRealm(t *testing.T) {
	plan := newGateway().plan(t, "on_request: [{type: basic-auth, config: {credentials: ['alice:correct-horse']}}]")
	x := exchange()
	if e := limited(t, plan, x); e == nil {
		t.Fatal("got it let in, want a refusal")
	}
	if got, want := x.Reply.Headers.First("www-authenticate"), `Basic realm="ngrok", charset="UTF-8"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBasicAuthFails(t *testing.T) {
	tests := []struct{ name, credential, value string }{
		{"evaluation", "alice:password-${1 / (req.method.size() - 4)}", ""},
		{"evaluation of a user", "${1 / (req.method.size() - 4)}:password", ""},
		{"evaluation of the whole", "${string(1 / (req.method.size() - 4))}", ""},
		{"short password", "alice:${req.headers['x-p'][0]}", "1234567"},
		{"empty password", "alice:${req.headers['x-p'][0]}", ""},
		{"long password", "alice:${req.headers['x-p'][0]}", strings.Repeat("x", 129)},
		{"empty user", "${req.headers['x-p'][0]}:password", ""},
		{"long user", "${req.headers['x-p'][0]}:password", strings.Repeat("x", 255)},
		{"colon in a user", "${req.headers['x-p'][0]}:password", "alice:pass"},
		{"colon in a part of a user", "a${req.headers['x-p'][0]}:password", ":pass"},
		{"no colon in the whole", "${req.headers['x-p'][0]}", "alice"},
		{"control character", "alice:${req.headers['x-p'][0]}", "pass\x01word"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := "{type: basic-auth, config: {credentials: ['bob:battery-staple', \"" + tt.credential + "\"]}}"
			from := func() *engine.Exchange { return request(basic("bob:battery-staple"), "x-p: "+tt.value) }
			e := limited(t, newGateway().plan(t, "on_request: ["+rule+"]"), from())
			if e == nil || e.Code != engine.CodePolicyFailed {
				t.Fatalf("got %v, want policy_failed", e)
			}
			if tt.value != "" && strings.Contains(e.Error(), tt.value) {
				t.Errorf("got %v, want nothing of the credential told", e)
			}
			text := "on_request: [{on_error: continue, actions: [" + rule + "]}, " +
				"{expressions: [\"actions.basic_auth.error.code == 'policy_failed'\"], actions: [{type: deny, config: {status_code: 418}}]}]"
			if e := limited(t, newGateway().plan(t, text), from()); e == nil || e.HTTPStatus() != 418 {
				t.Errorf("got %v, want the error among the results", e)
			}
		})
	}
}

func TestBasicAuthAuthenticates(t *testing.T) {
	const rest = "credentials: ['alice:correct-horse']"
	if cfg := newGateway().compile(t, "on_request: [{type: basic-auth, config: {"+rest+"}}]"); !cfg.Authenticates {
		t.Error("got a policy that proves nothing, want one that proves who calls")
	}
	if cfg := newGateway().compile(t, "on_request: [{type: basic-auth, config: {enforce: false, "+rest+"}}]"); cfg.Authenticates {
		t.Error("got a policy that proves who calls, want none where nobody is refused")
	}
}

func TestBasicAuthProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field"},
		{"none", "credentials: []", "out_of_range"},
		{"many", "credentials: [" + strings.Repeat("'alice:correct-horse',", 11) + "]", "out_of_range"},
		{"no colon", "credentials: [alice]", "bad_value"},
		{"no user", "credentials: [':correct-horse']", "bad_value"},
		{"short password", "credentials: ['alice:1234567']", "bad_value"},
		{"long password", "credentials: ['alice:" + strings.Repeat("x", 129) + "']", "bad_value"},
		{"control character", `credentials: ["alice:pass\tword"]`, "bad_value"},
		{"short constant expression", `credentials: ["alice:${'short'}"]`, "bad_value"},
		{"secret that is not there", `credentials: ["alice:${secrets.get('NOPE')}"]`, "secret_missing"},
		{"unknown variable", `credentials: ["alice:${req.nope}"]`, "unknown_variable"},
		{"realm", "credentials: ['alice:correct-horse'], realm: 'zähler'", "out_of_range"},
		{"empty realm", "credentials: ['alice:correct-horse'], realm: ''", "out_of_range"},
		{"long realm", "credentials: ['alice:correct-horse'], realm: " + strings.Repeat("x", 129), "out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: basic-auth, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func BenchmarkBasicAuth(b *testing.B) {
	logins := make([]login, 0, maxCredentials)
	for range maxCredentials {
		logins = append(logins, newLogin("alice", "correct-horse"))
	}
	h := engine.Headers{{Name: "authorization", Value: strings.TrimPrefix(basic("alice:correct-horse"), "authorization: ")}}
	b.ReportAllocs()
	for b.Loop() {
		var space [maxPresented]byte
		text, _ := presentedLogin(h, space[:])
		if _, ok := match(logins, text); !ok {
			b.Fatal("got a refusal, want it let in")
		}
	}
}
