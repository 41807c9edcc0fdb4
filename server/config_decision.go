package server

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"weir/engine"
)

// DecisionLogConfig says where the decisions of policies are logged.
type DecisionLogConfig struct {
	Labels []string // name=value
	Buffer int64    // most bytes that wait for each of the destinations
	Stdout bool
	File   DecisionFileConfig
	HTTP   DecisionHTTPConfig
}

// DecisionFileConfig is a file that is rotated by its size.
type DecisionFileConfig struct {
	Path     string // empty = none
	MaxSize  int64
	MaxFiles int // old ones that are kept
}

// DecisionHTTPConfig is a service that takes batches of decisions.
type DecisionHTTPConfig struct {
	URL      string   // empty = none
	Token    string   // may name a secret
	Headers  []string // name: value, where the value may name a secret
	Plain    bool     // http is allowed to other machines
	Batch    int64    // bytes of a batch before it is compressed
	Interval time.Duration
	Timeout  time.Duration
}

func (c *DecisionLogConfig) on() bool { return c.Stdout || c.File.Path != "" || c.HTTP.URL != "" }

func decisionOptions() []option[Config] {
	return []option[Config]{
		{"decision_log.stdout", kindBool(), "false", "Write what policies decide to standard output, one line of JSON each.", func(c *Config) any { return &c.Decisions.Stdout }},
		{"decision_log.file.path", kindString(nil), "", "File that takes one line of JSON for each decision; only its owner may read it. Empty: none.", func(c *Config) any { return &c.Decisions.File.Path }},
		{"decision_log.file.max_size", kindSize(64<<10, maxSize), "100MiB", "Size at which the file is put aside as `path.1` and a new one begins.", func(c *Config) any { return &c.Decisions.File.MaxSize }},
		{"decision_log.file.max_files", kindInt(0, 1000), "10", "How many files are kept that were put aside; the oldest goes.", func(c *Config) any { return &c.Decisions.File.MaxFiles }},
		{"decision_log.http.url", kindString(isLogURL), "", "Service that takes batches of decisions as OPA sends them: a POST of a JSON array, compressed with gzip. Empty: none.", func(c *Config) any { return &c.Decisions.HTTP.URL }},
		{"decision_log.http.token", kindString(isSecretText), "", "Bearer token for it, such as `${secrets.get('LOG_TOKEN')}`.", func(c *Config) any { return &c.Decisions.HTTP.Token }},
		{"decision_log.http.headers", kindStrings(isHeaderLine), "", "Further fields to send, such as `x-scope: weir`; a value may hold `${secrets.get('NAME')}`.", func(c *Config) any { return &c.Decisions.HTTP.Headers }},
		{"decision_log.http.plain", kindBool(), "false", "Allow `http://` to other machines, which then carries decisions and token for everyone on the way to read.", func(c *Config) any { return &c.Decisions.HTTP.Plain }},
		{"decision_log.http.batch", kindSize(1<<10, 64<<20), "256KiB", "Largest batch before it is compressed. A single decision may be larger.", func(c *Config) any { return &c.Decisions.HTTP.Batch }},
		{"decision_log.http.interval", kindDuration(minTime, anHour), "5s", "Longest time that a decision waits for its batch to fill.", func(c *Config) any { return &c.Decisions.HTTP.Interval }},
		{"decision_log.http.timeout", kindDuration(minTime, anHour), "10s", "Time for one batch to be taken. One that is not is sent again, after pauses of up to half a minute.", func(c *Config) any { return &c.Decisions.HTTP.Timeout }},
		{"decision_log.buffer", kindSize(64<<10, 16<<30), "16MiB", "Bytes of decisions that wait for each destination. What does not fit is dropped and counted: exchanges never wait for the log.", func(c *Config) any { return &c.Decisions.Buffer }},
		{"decision_log.labels", kindStrings(isLabel), "", "Labels of every decision, such as `region=eu`, beside `id` and `version`.", func(c *Config) any { return &c.Decisions.Labels }},
	}
}

func isLabel(text string) error {
	name, _, ok := strings.Cut(text, "=")
	if !ok || !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`).MatchString(name) || name == "id" || name == "version" {
		return errors.New("must be name=value; id and version are set by Weir")
	}
	return nil
}

func isLogURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Fragment != "" || u.User != nil {
		return errors.New("must be https://host[:port]/path, without user and fragment")
	}
	return nil
}

func isHeaderLine(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok || !regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$").MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
		return errors.New("must be name: value")
	}
	switch strings.ToLower(name) {
	case "content-type", "content-encoding", "content-length", "host":
		return errors.New(strings.ToLower(name) + " is set by Weir")
	}
	return isSecretText(value)
}

// secretCall is the way in which policies name secrets, too.
func secretCall() *regexp.Regexp {
	return regexp.MustCompile(`\$\{\s*secrets\.get\(\s*['"]([^'"\\]+)['"]\s*\)\s*\}`)
}

func isSecretText(text string) error {
	if strings.Contains(secretCall().ReplaceAllString(text, ""), "${") {
		return errors.New("the only ${...} here is ${secrets.get('NAME')}")
	}
	return nil
}

// fillSecrets puts secrets into a text. An empty or missing one is an error: a service that takes anybody is not meant.
func fillSecrets(text string, secret func(name string) (string, error)) (string, error) {
	var failed error
	out := secretCall().ReplaceAllStringFunc(text, func(call string) string {
		name := secretCall().FindStringSubmatch(call)[1]
		value, err := secret(name)
		if err == nil && strings.ContainsAny(value, "\r\n\x00") {
			err = fmt.Errorf("secret %q has more than one line", name)
		}
		if err != nil {
			failed = errors.Join(failed, err)
		}
		return value
	})
	return out, failed
}

// check finds what is wrong between the options.
func (c *DecisionLogConfig) check() error {
	if c.HTTP.URL == "" {
		if c.HTTP.Token != "" || len(c.HTTP.Headers) > 0 {
			return errors.New("http.token and http.headers need http.url")
		}
		return nil
	}
	u, err := url.Parse(c.HTTP.URL)
	if err != nil {
		return errors.New("http.url is not a URL")
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) && !c.HTTP.Plain {
		return errors.New("http.url sends decisions in the clear: use https, or say plain: true")
	}
	return nil
}

var _ engine.DecisionLog = (*DecisionLog)(nil)
