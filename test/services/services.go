// Package services starts real servers for tests: in a temporary folder, on a free port of 127.0.0.1, as a user without
// rights where the tests run as root. None outlives the test that started it.
package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// A server on a busy machine of two cores is ready within seconds; this is for the worst of them.
	startLimit = 60 * time.Second
	// What a server gets to end by itself before it is killed.
	stopLimit = 20 * time.Second
	// How often a server that is starting is asked whether it is ready.
	readyPoll = 20 * time.Millisecond
	// Somebody else may take a free port before the server does.
	portTries = 3
	// Enough of a log to show why a server did not start.
	logTail = 4 << 10
)

// Server is a server that a test started. Its methods are for the goroutine of that test: they end it where they fail.
type Server struct {
	tb      testing.TB
	program program
	log     string // file that the server writes to
	port    int

	mu   sync.Mutex
	cmd  *exec.Cmd     // nil = not running
	done chan struct{} // closed when cmd has ended
}

// program is what a kind of server differs in.
type program struct {
	name string
	dir  string                                    // belongs to the user that the server runs as
	args func(port int) []string                   // the command line, with the path of the program in front
	stop syscall.Signal                            // ends it in an orderly way
	ok   func(ctx context.Context, port int) error // nil once it answers
}

// start runs a server for the first time and has it ended with the test.
func start(tb testing.TB, p program) *Server {
	tb.Helper()
	s := &Server{tb: tb, program: p, log: filepath.Join(p.dir, "server.log")}
	tb.Cleanup(s.end)
	var err error
	for range portTries {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.run(); err == nil {
			return s
		}
		s.end()
	}
	tb.Fatalf("starting %s: %v\n%s", p.name, err, s.tail())
	return nil
}

// Addr is the host and port that the server listens on; it stays the same over Stop and Start.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Start starts the server again with the data that it had, and waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	if err := s.run(); err != nil {
		s.tb.Fatalf("starting %s: %v\n%s", s.program.name, err, s.tail())
	}
}

// Stop ends the server in an orderly way, which closes its connections.
func (s *Server) Stop() {
	s.tb.Helper()
	s.signal(syscall.SIGCONT)
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		s.tb.Fatalf("stopping %s: it does not run", s.program.name)
	}
	if err := cmd.Process.Signal(s.program.stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatalf("stopping %s: %v", s.program.name, err)
	}
	select {
	case <-done:
	case <-time.After(stopLimit):
		s.end()
		s.tb.Fatalf("stopping %s: it did not end within %v\n%s", s.program.name, stopLimit, s.tail())
	}
	s.mu.Lock()
	s.cmd = nil
	s.mu.Unlock()
}

// Kill ends the server and its processes at once, as a machine that loses its power does.
func (s *Server) Kill() {
	s.tb.Helper()
	s.end()
}

// Pause stops the server and its processes without ending them: connections stay open and nothing answers.
func (s *Server) Pause() {
	s.tb.Helper()
	if !s.signal(syscall.SIGSTOP) {
		s.tb.Fatalf("pausing %s: it does not run", s.program.name)
	}
}

// Resume lets a paused server go on.
func (s *Server) Resume() {
	s.tb.Helper()
	if !s.signal(syscall.SIGCONT) {
		s.tb.Fatalf("resuming %s: it does not run", s.program.name)
	}
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening its log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the server has its own copy of the file
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	args := s.program.args(s.port)
	cmd := command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.program.dir, log, log
	started, done := make(chan error), make(chan struct{})
	go func() {
		// The process is to end with this one; what the kernel looks at is the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("running %s: %w", args[0], err)
	}
	s.cmd, s.done = cmd, done
	for {
		err := s.program.ok(ctx, s.port)
		select {
		case <-done:
			s.cmd = nil
			return errors.New("it ended at once")
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not answer within %v: %w", startLimit, err)
		case <-time.After(readyPoll):
		}
	}
}

// signal tells the server and all its processes something, and reports whether there is one.
func (s *Server) signal(sig syscall.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return false
	}
	// The first one goes first: it starts no others then. Any of them may have ended by itself.
	_ = s.cmd.Process.Signal(sig)
	for _, pid := range descendants(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, sig)
	}
	return true
}

// end kills what still runs, and waits until all of it is gone: what remains would keep the server from starting again.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	// Whose children they are is known only as long as it lives. Any of them may have ended by itself.
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	children := descendants(s.cmd.Process.Pid)
	_ = s.cmd.Process.Kill()
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.done
	s.cmd = nil
	for limit := time.Now().Add(stopLimit); slices.ContainsFunc(children, alive) && time.Now().Before(limit); {
		time.Sleep(readyPoll)
	}
}

// tail is the end of the server's log.
func (s *Server) tail() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-logTail):])
}

// find returns the path of a program in PATH or in one of the folders, newest first. Without it the test is skipped, but
// not in CI, which has to install it.
func find(tb testing.TB, name string, folders ...string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, folder := range folders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is not installed, and CI skips no test", name)
	}
	tb.Skipf("SKIP: %s is not installed, so nothing of this test was run", name)
	return ""
}

// folder makes a temporary folder that the user of the server owns. The one of testing.TB cannot be entered by others.
func folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "weir-test-") //nolint:usetesting // other users cannot enter the folders of a test
	if err != nil {
		tb.Fatalf("making a folder: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("removing %s: %v", dir, err)
		}
	})
	if c := credential(); c != nil {
		if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
			tb.Fatalf("giving %s away: %v", dir, err)
		}
	}
	return dir
}

// command is a process that ends with this one and has no rights of root.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = attributes(credential())
	return cmd
}

// credential is the user that servers run as, nil for the one of the test.
func credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534} // nobody, on every system we know
}

// freePort is a port of 127.0.0.1 that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only the number is wanted
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("looking for a free port: %v is none", l.Addr())
	}
	return addr.Port, nil
}
