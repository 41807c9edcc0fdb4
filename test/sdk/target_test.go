package sdk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/providers/sim"
)

const (
	// startTime is what a gateway may take until it is ready, on a machine that is busy building.
	startTime = 30 * time.Second
	// stopTime is longer than the gateway's own drain of connections without a stream.
	stopTime = 20 * time.Second
)

// startTarget starts what the SDKs talk to and gives its URL: the gateway in front of its simulator, or with
// WEIR_SDK_TARGET=sim the simulator alone. The binary is the gateway's, "" where there is none.
func startTarget(t *testing.T) (url, binary string) {
	t.Helper()
	if os.Getenv("WEIR_SDK_TARGET") == "sim" {
		return startSim(t), ""
	}
	binary = filepath.Join(t.TempDir(), "weir")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/weir").CombinedOutput(); err != nil {
		t.Fatalf("building weir: %v\n%s", err, out)
	}
	return startGateway(t, binary), binary
}

func startSim(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := sim.New(sim.Options{HeaderFaults: sim.ObeyHeader})
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func startGateway(t *testing.T, binary string) string {
	t.Helper()
	listen, admin := freeAddress(t), freeAddress(t)
	// The context of the test ends before its cleanups do: the gateway is to be asked to stop, not killed.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", "policy.yaml", "--demo", "--listen", listen, "--admin", admin)
	// No key of a real provider may reach the gateway from whoever runs the tests.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	runGateway(t, cmd, admin)
	return "http://" + listen
}

// runGateway starts a gateway, waits until it is ready, and stops it when the test ends.
func runGateway(t *testing.T, cmd *exec.Cmd, admin string) {
	t.Helper()
	log := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting weir: %v", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { stopGateway(t, cmd, exited, log) })
	awaitReady(t, "http://"+admin+"/readyz", exited, log)
}

func stopGateway(t *testing.T, cmd *exec.Cmd, exited <-chan error, log *syncBuffer) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have exited by itself: Wait tells
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("weir ended with %v", err)
		}
	case <-time.After(stopTime):
		_ = cmd.Process.Kill()
		t.Errorf("weir did not stop within %v", stopTime)
	}
	if t.Failed() {
		t.Logf("log of weir:\n%s", log)
	}
}

func awaitReady(t *testing.T, url string, exited chan error, log *syncBuffer) {
	t.Helper()
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		select {
		case err := <-exited:
			exited <- err // for the cleanup
			t.Fatalf("weir ended at its start: %v\n%s", err, log)
		case <-time.After(50 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("weir was not ready within %v\n%s", startTime, log)
}

// freeAddress finds a port that nobody listens on; another process could take it before weir does, which the start tells.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// syncBuffer takes the log of a process while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to the log.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String is the log so far.
func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
