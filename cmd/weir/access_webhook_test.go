package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWebhookClient(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer s.Close()
	for _, tt := range []struct {
		own  []string
		want bool
	}{
		{nil, false}, {[]string{"other.example"}, false}, {[]string{"127.0.0.1"}, true},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := webhookClient(tt.own).Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if got := err == nil; got != tt.want {
			t.Errorf("own hosts %v: got %v, want reached %v", tt.own, err, tt.want)
		}
	}
}
