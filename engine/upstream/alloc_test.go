//go:build !race

package upstream

import "testing"

func TestCallAllocatesNothing(t *testing.T) {
	c := newClient(t, Options{})
	req := &Request{
		Endpoint: endpoint(t, c, echoServer(t)), Method: "POST", Target: "/v1/chat/completions", Headers: benchHeaders,
		Body: make([]byte, 1024),
	}
	var call Call
	buf := make([]byte, 0, 4096)
	got := testing.AllocsPerRun(200, func() {
		buf = callOnce(t, c, &call, req, buf)
		if call.resp.Header("content-type") != "application/json" {
			t.Fatal("got no content type")
		}
		call.Reset()
	})
	if got >= 1 { // the server is in the same process; its rare allocations average out below one
		t.Errorf("got %v allocations a call, want 0", got)
	}
}
