package server

import (
	"unicode/utf8"

	"weir/engine/logline"
	"weir/engine/wire"
)

const (
	// maxLogBody bounds log.bodies: it is as far as credentials are looked for, and two of them fill no more than a
	// twentieth of what may wait for a slow log even where every byte is escaped.
	maxLogBody = 16 << 10
	// logBeyond is how much further than a cut is looked, so that it leaves no begin of a credential behind: more than
	// a name, what stands between it and its value, and the sixteen characters that make a value one.
	logBeyond = 256

	requestBody  = "request_body"
	responseBody = "response_body"
)

// note keeps the begin of a stream for the log, where it tells bodies.
func (v *visit) note(p []byte) {
	if v.g.access.bodies == 0 {
		return
	}
	if room := v.g.access.bodies + logBeyond - len(v.said); room > 0 {
		v.said = append(v.said, p[:min(len(p), room)]...)
	}
}

// writeBodies puts what the client sent, as far as it was read, and what it got into the line.
func (a *accessLog) writeBodies(l *logline.Line, v *visit) {
	answer := v.x.Reply.Body
	if v.x.Reply.Stream != nil {
		answer = v.said
	}
	if body := v.x.Request.Body; len(body) > 0 {
		l.Text(requestBody, loggedBody(body, a.bodies), a.bodies+len("..."))
	}
	if len(answer) > 0 {
		l.Text(responseBody, loggedBody(answer, a.bodies), a.bodies+len("..."))
	}
}

// loggedBody is the begin of a body without credentials.
func loggedBody(body []byte, most int) []byte {
	seen := wire.ScrubSecrets(nil, body[:min(len(body), most+logBeyond)])
	if len(body) <= most {
		return seen
	}
	// Where the two differ something at the cut turned out to be a credential behind it.
	shown := wire.ScrubSecrets(nil, body[:most])
	same := 0
	for same < len(shown) && same < len(seen) && shown[same] == seen[same] {
		same++
	}
	return append(wholeRunes(shown[:same]), "..."...)
}

// wholeRunes leaves out a character that is cut at the end of b.
func wholeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}
