package policytest

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// lines keeps the access log of a script's gateway.
type lines struct {
	mu  sync.Mutex
	all []string
}

func newLines() *lines { return &lines{} }

// Write takes whole lines.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		l.all = append(l.all, strings.TrimSpace(line))
	}
	return len(p), nil
}

// find is the line of a request, "" where it is not written yet.
func (l *lines) find(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Backward(l.all) {
		var head struct {
			ID string `json:"request_id"`
		}
		if json.Unmarshal([]byte(line), &head) == nil && head.ID == id {
			return line
		}
	}
	return ""
}
