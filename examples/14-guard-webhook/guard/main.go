// Command guard is a small guard: it refuses texts in which words stand that must not leave the house.
//
//	GUARD_KEY=change-me go run ./examples/14-guard-webhook/guard -words umbra,helios
package main

import (
	"crypto/subtle"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8701", "where to listen")
	words := flag.String("words", "umbra,helios", "words that nobody may say, with commas between them")
	flag.Parse()
	key := os.Getenv("GUARD_KEY")
	if key == "" {
		slog.Error("set GUARD_KEY: who knows it may ask")
		os.Exit(1)
	}
	s := &http.Server{Addr: *addr, Handler: newGuard(key, strings.Split(*words, ",")), ReadTimeout: 5 * time.Second}
	slog.Info("the guard listens", "addr", *addr)
	if err := s.ListenAndServe(); err != nil {
		slog.Error("the guard ends", "error", err)
		os.Exit(1)
	}
}

// text is one text of a conversation.
type text struct {
	Kind string `json:"kind"` // system, user, assistant, ...
	Text string `json:"text"`
}

// question is what the gateway asks.
type question struct {
	RequestID string `json:"request_id"`
	Phase     string `json:"phase"` // on_request or on_response
	Texts     []text `json:"texts"`
	Response  struct {
		Texts []text `json:"texts"`
	} `json:"response"`
}

// verdict is what it is told.
type verdict struct {
	Allow   bool   `json:"allow"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// maxQuestion bounds what the guard reads: a megabyte of text, written as JSON.
const maxQuestion = 8 << 20

// newGuard makes the handler of the guard.
func newGuard(key string, words []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /check", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+key)) != 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var q question
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&q); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v := judge(&q, words)
		slog.Info("asked", "request_id", q.RequestID, "phase", q.Phase, "allow", v.Allow)
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			slog.Error("nobody waits for the verdict", "error", err)
		}
	})
	return mux
}

// judge looks at the request, or at the answer where there is one.
func judge(q *question, words []string) verdict {
	texts := q.Texts
	if q.Phase == "on_response" {
		texts = q.Response.Texts
	}
	for _, t := range texts {
		said := strings.ToLower(t.Text)
		for _, word := range words {
			if word != "" && strings.Contains(said, strings.ToLower(word)) {
				return verdict{Code: "house_rules", Message: "this is about something that stays in the house"}
			}
		}
	}
	return verdict{Allow: true}
}
