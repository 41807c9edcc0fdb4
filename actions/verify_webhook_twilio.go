package actions

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it, and HMAC holds with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// twilio signs the address and the fields of a form. Of other bodies the address has a hash.
func (w *webhook) twilio() error {
	value, err := w.header("x-twilio-signature", errNoSignature)
	if err != nil {
		return err
	}
	fields, err := w.twilioFields()
	if err != nil {
		return err
	}
	for _, address := range w.addresses() {
		if matches(value, base64.StdEncoding.DecodeString, sum(sha1.New, []byte(w.secret), address, fields)) {
			return nil
		}
	}
	return errBadSignature
}

// twilioFields is what is signed behind the address.
func (w *webhook) twilioFields() (string, error) {
	media, _, err := mime.ParseMediaType(w.x.Request.Headers.First("content-type"))
	if len(w.body) == 0 {
		return "", nil
	}
	if err == nil && media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(w.body))
		if err != nil {
			return "", webhookProblem("the form is malformed")
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(form)) {
			values := slices.Clone(form[name])
			slices.Sort(values)
			for _, value := range slices.Compact(values) {
				b.WriteString(name + value)
			}
		}
		return b.String(), nil
	}
	query, err := url.ParseQuery(w.x.Request.Query)
	if err != nil || len(query["bodySHA256"]) != 1 {
		return "", webhookProblem("the address has no hash of the body")
	}
	want := sha256.Sum256(w.body)
	got, err := hex.DecodeString(query.Get("bodySHA256"))
	if err != nil || !hmac.Equal(got, want[:]) {
		return "", errBadSignature
	}
	return "", nil
}

// addresses are the ways in which the sender may have written the address it called: with the port or without.
func (w *webhook) addresses() []string {
	r := &w.x.Request
	path := r.RawPath
	if path == "" {
		path = r.Path
	}
	if r.Query != "" {
		path += "?" + r.Query
	}
	hosts := []string{r.Host}
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		hosts = append(hosts, host)
	} else if r.Scheme == "https" {
		hosts = append(hosts, r.Host+":443")
	} else {
		hosts = append(hosts, r.Host+":80")
	}
	for i, host := range hosts {
		hosts[i] = r.Scheme + "://" + host + path
	}
	return hosts
}

// answerZoom answers the challenge with which Zoom asks whether somebody here knows the secret. It comes signed like every
// webhook, and only then is answered: whoever had any text signed here could sign webhooks.
func (w *webhook) answerZoom() (engine.Verdict, error) {
	var doc wire.Doc
	if doc.Scan(w.body) != nil {
		return engine.VerdictContinue, nil
	}
	event, ok := doc.Lookup("event")
	if name, isText := doc.Str(event); !ok || !isText || name != "endpoint.url_validation" {
		return engine.VerdictContinue, nil
	}
	var challenge struct {
		Payload struct {
			PlainToken string `json:"plainToken"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(w.body, &challenge); err != nil || !isPlainToken(challenge.Payload.PlainToken) {
		w.x.Deny(http.StatusBadRequest, engine.CodeBadRequest, "the challenge has no plainToken")
		return engine.VerdictDeny, nil
	}
	body, err := json.Marshal(map[string]string{
		"plainToken":     challenge.Payload.PlainToken,
		"encryptedToken": hex.EncodeToString(sum(sha256.New, []byte(w.secret), challenge.Payload.PlainToken)),
	})
	if err != nil {
		return engine.VerdictDeny, err //nolint:wrapcheck // two strings can be written
	}
	w.x.Respond(http.StatusOK, engine.Headers{{Name: "content-type", Value: "application/json"}}, body)
	return engine.VerdictRespond, nil
}

// isPlainToken keeps texts that look like what is signed of a webhook, which hold colons, from being signed here.
func isPlainToken(s string) bool {
	const longest = 128 // Zoom's have 22 characters
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_+/=", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= longest
}
