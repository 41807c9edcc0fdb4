package server

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// The words of access.enabled.
const (
	AccessAuto = "auto"
	AccessOn   = "on"
	AccessOff  = "off"
)

// The words of access.on_store_error.
const (
	StoreErrorDeny       = "deny"
	StoreErrorAllowLocal = "allow_local"
)

// AccessConfig says whether callers are known by access keys, and where keys, budgets and usage are kept.
type AccessConfig struct {
	Enabled        string // auto, on or off
	Folder         string // of the gateway's state; "" = the system's
	Store          string // sqlite:path or postgres://...; may name a secret; "" = a file in the folder
	StoreSecret    string // name of the secret that holds what Store would
	MasterKey      MasterKeyConfig
	OldMasterKeys  []string // env:NAME, file:path or secret:name
	Counters       string   // memory, or redis://...; may name a secret
	CountersSecret string
	OnStoreError   string // deny or allow_local
	StaleFor       time.Duration
	SyncEvery      time.Duration
	File           string // static resources; "" = none
	WebhookHosts   []string
	WebhookSecret  string // name of the secret that signs webhooks; "" = they are not signed
	OIDC           AccessOIDCConfig
	Given          string // the first key of this section that weir.yaml has beside enabled; "" = none
}

// MasterKeyConfig says where the key is that seals and hashes; the first place that has one counts.
type MasterKeyConfig struct {
	Env     string // name of the variable
	File    string
	Command []string // program and arguments, whose output is the key
}

// AccessOIDCConfig lets people use the Admin API by the tokens of an identity provider.
type AccessOIDCConfig struct {
	Issuer    string // "" = none
	Audience  string
	RoleClaim string
	Roles     []string // value=role
}

// minStale is the longest time between two reads of the store: what is shorter would refuse everybody while all is well.
const minStale = 2 * time.Second

// maxStale bounds how long keys may be good that nobody can revoke: what is longer is not an outage.
const maxStale = 7 * 24 * time.Hour

func accessOptions() []option[Config] {
	return []option[Config]{
		{"access.enabled", kindEnum(AccessAuto, AccessOn, AccessOff), AccessAuto, "Whether callers are known by access keys. `auto`: where another key of `access` is given, or a policy uses `access-key`, or authenticates nobody and `open` does not cover that. `off` refuses to start then.", func(c *Config) any { return &c.Access.Enabled }},
		{"access.folder", kindString(nil), "", "Folder of the gateway's state: the SQLite file, a generated master key, the usage journal. Empty: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/weir`, else `~/.local/state/weir`.", func(c *Config) any { return &c.Access.Folder }},
		{"access.store", hidden(kindString(isStore)), "", "Where access keys, budgets and usage are kept: `sqlite:path`, or `postgres://...` for several gateways; may hold `${secrets.get('NAME')}`. Empty: `weir.db` in the folder.", func(c *Config) any { return &c.Access.Store }},
		{"access.store_secret", kindString(nil), "", "Name of the secret that holds the store's address, password and all, in place of `access.store`.", func(c *Config) any { return &c.Access.StoreSecret }},
		{"access.master_key.env", hidden(kindString(isVariable)), "WEIR_MASTER_KEY", "Variable with the master key, 32 bytes in base64 or hex, which seals provider keys and hashes tokens. Without any, one is generated into the folder, as `master.key`; keep a copy of it apart from the database.", func(c *Config) any { return &c.Access.MasterKey.Env }},
		{"access.master_key.file", kindString(nil), "", "File with it.", func(c *Config) any { return &c.Access.MasterKey.File }},
		{"access.master_key.command", kindStrings(nil), "", "Program and its arguments, which write it to standard output: the hook for key management services.", func(c *Config) any { return &c.Access.MasterKey.Command }},
		{"access.old_master_keys", hidden(kindStrings(isKeyPlace)), "", "Master keys of before, which open and compare and no longer seal: `env:NAME`, `file:/path` or `secret:name`.", func(c *Config) any { return &c.Access.OldMasterKeys }},
		{"access.counters", hidden(kindString(isCounters)), "memory", "Where budgets and limits are counted: `memory` of this gateway, or `redis://...`, shared by several; may hold `${secrets.get('NAME')}`.", func(c *Config) any { return &c.Access.Counters }},
		{"access.counters_secret", kindString(nil), "", "Name of the secret that holds the address of the counters, in place of `access.counters`.", func(c *Config) any { return &c.Access.CountersSecret }},
		{"access.on_store_error", kindEnum(StoreErrorDeny, StoreErrorAllowLocal), StoreErrorDeny, "While shared counters cannot be reached: refuse calls that have a budget or limit with 503, or count in this gateway's own memory and tell the counters when they are back.", func(c *Config) any { return &c.Access.OnStoreError }},
		{"access.stale_for", kindDuration(minStale, maxStale), "1h", "How long access keys work on while the store cannot be read; then everybody is refused with 503.", func(c *Config) any { return &c.Access.StaleFor }},
		{"access.sync_every", kindDuration(minTime, 2*time.Second), "500ms", "How often changes that other gateways made are looked for: a key that is revoked there is refused here this much later.", func(c *Config) any { return &c.Access.SyncEvery }},
		{"access.file", kindString(nil), "", "YAML file of access keys, teams, budgets and limits beside those of the store. Reloaded when it changes.", func(c *Config) any { return &c.Access.File }},
		{"access.webhook_hosts", kindStrings(isHost), "", "Hosts of your own that webhooks of budgets may go to: at private addresses, at any port, and without TLS. Others are reached over https at public addresses only.", func(c *Config) any { return &c.Access.WebhookHosts }},
		{"access.webhook_secret", kindString(nil), "", "Name of the secret that signs webhooks of budgets, as Standard Webhooks do; its value may begin with `whsec_`. Empty: they are not signed.", func(c *Config) any { return &c.Access.WebhookSecret }},
		{"access.oidc.issuer", kindString(isIssuer), "", "Identity provider whose tokens the Admin API takes beside its own. Empty: none.", func(c *Config) any { return &c.Access.OIDC.Issuer }},
		{"access.oidc.audience", kindString(nil), "", "Audience that its tokens must name.", func(c *Config) any { return &c.Access.OIDC.Audience }},
		{"access.oidc.role_claim", kindString(nil), "roles", "Claim that names the roles, text or a list; dots lead into objects.", func(c *Config) any { return &c.Access.OIDC.RoleClaim }},
		{"access.oidc.roles", kindStrings(isRole), "", "What the claim's values mean, such as `platform-team=admin`; roles are admin, editor, viewer and auditor. A person without one is refused.", func(c *Config) any { return &c.Access.OIDC.Roles }},
	}
}

// isStore checks the form of an address without quoting it: it may hold a password.
func isStore(text string) error {
	if strings.Contains(text, "${") {
		return isSecretText(text) // looked at once they are filled in
	}
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok && path != "" {
		return nil
	}
	if hasScheme(text, "postgres", "postgresql") {
		return nil
	}
	return errors.New("must be sqlite:path or postgres://user@host/database")
}

func isCounters(text string) error {
	if strings.Contains(text, "${") {
		return isSecretText(text)
	}
	if text == "memory" || hasScheme(text, "redis", "rediss", "unix") {
		return nil
	}
	return errors.New("must be memory, redis://host:port, rediss://host:port or unix:///path")
}

// hasScheme looks at the scheme alone: addresses of several hosts are no URLs.
func hasScheme(text string, schemes ...string) bool {
	got, rest, ok := strings.Cut(text, "://")
	for _, s := range schemes {
		if ok && rest != "" && got == s {
			return true
		}
	}
	return false
}

func isVariable(text string) error {
	if strings.ContainsAny(text, "= \x00$") {
		return errors.New("must be the name of a variable, not its value")
	}
	return nil
}

func isKeyPlace(text string) error {
	kind, name, _ := strings.Cut(text, ":")
	switch kind {
	case "env", "file", "secret":
		if name != "" {
			return nil
		}
	}
	return errors.New("must be env:NAME, file:/path or secret:name")
}

func isIssuer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		(u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname()))) {
		return errors.New("must be https://host[/path]")
	}
	return nil
}

func isRole(text string) error {
	at := strings.LastIndexByte(text, '=')
	if at > 0 && mayRead(text[at+1:]) {
		return nil
	}
	return errors.New("must be value=role, where the role is admin, editor, viewer or auditor")
}

// check finds what is wrong between the options.
func (c *AccessConfig) check() error {
	switch {
	case c.Store != "" && c.StoreSecret != "":
		return errors.New("store and store_secret are two ways of saying the same: leave one out")
	case c.Counters != "memory" && c.CountersSecret != "":
		return errors.New("counters and counters_secret are two ways of saying the same: leave one out")
	case c.OIDC.Issuer != "" && c.OIDC.Audience == "":
		return errors.New("oidc needs the audience: without it, tokens made for other services would be good here")
	case c.OIDC.Issuer != "" && len(c.OIDC.Roles) == 0:
		return errors.New("oidc needs roles: nobody has one")
	case c.OIDC.Issuer == "" && (c.OIDC.Audience != "" || len(c.OIDC.Roles) > 0):
		return errors.New("oidc needs the issuer")
	case c.Enabled == AccessOff && c.Given != "":
		return fmt.Errorf("enabled is off, and %s is given", c.Given)
	}
	return nil
}

// resolve makes paths independent of the working directory.
func (c *AccessConfig) resolve(dir string, abs func(*string)) {
	abs(&c.Folder)
	abs(&c.MasterKey.File)
	abs(&c.File)
	if path, ok := strings.CutPrefix(c.Store, "sqlite:"); ok && !strings.Contains(path, "${") {
		abs(&path)
		c.Store = "sqlite:" + path
	}
	for i, place := range c.OldMasterKeys {
		if path, ok := strings.CutPrefix(place, "file:"); ok && !filepath.IsAbs(path) {
			c.OldMasterKeys[i] = "file:" + filepath.Join(dir, path)
		}
	}
}

// StoreAddress is the address of the store with the secrets in it, "" where weir.yaml gives none.
func (c *AccessConfig) StoreAddress(secret func(name string) (string, error)) (string, error) {
	return addressOf(c.Store, c.StoreSecret, isStore, secret)
}

// CountersAddress is the address of the counters with the secrets in it, or memory.
func (c *AccessConfig) CountersAddress(secret func(name string) (string, error)) (string, error) {
	return addressOf(c.Counters, c.CountersSecret, isCounters, secret)
}

func addressOf(text, name string, check func(string) error, secret func(string) (string, error)) (string, error) {
	if name != "" {
		value, err := secret(name)
		if err != nil {
			return "", err
		}
		return value, check(value)
	}
	if !strings.Contains(text, "${") {
		return text, nil
	}
	value, err := fillSecrets(text, secret)
	if err != nil {
		return "", err
	}
	return value, check(value)
}

// MaskPassword is an address in a form that can be shown: without the password in it, and without what may be one in its
// query.
func MaskPassword(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		u.RawQuery = ""
		return u.Redacted()
	}
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "..." + rest[at:]
	}
	return scheme + "://" + rest
}

// RoleMap is from values of the claim to roles.
func (c *AccessOIDCConfig) RoleMap() map[string]string {
	out := make(map[string]string, len(c.Roles))
	for _, pair := range c.Roles {
		if at := strings.LastIndexByte(pair, '='); at >= 0 {
			out[pair[:at]] = pair[at+1:]
		}
	}
	return out
}
