package examples_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/test/services"
)

// sessionTime bounds all commands of one README, a build of nothing included.
const sessionTime = 3 * time.Minute

// TestReadmes types the commands of a README into a shell, in order, and looks for the answers that it shows. The gateways
// are processes that listen on other ports than the README says.
func TestReadmes(t *testing.T) {
	tests := []struct {
		folder string
		ports  []string                    // that the README and its files use
		shared func(t *testing.T) []string // what else is to be exchanged: old, new, ...
	}{
		{folder: "15-teams-and-budgets", ports: []string{"8080", "9080", "9100"}},
		{folder: "16-byok", ports: []string{"8080", "9080", "9100"}},
		{folder: "17-two-replicas", ports: []string{"8081", "8082", "9081", "9082", "9100"}, shared: func(t *testing.T) []string {
			t.Helper()
			dsn, _ := services.Postgres(t)
			addr, _ := services.Redis(t)
			return []string{"postgres://weir:change-me@127.0.0.1:5432/weir", dsn, "redis://127.0.0.1:6379", "redis://" + addr}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.folder, func(t *testing.T) {
			t.Parallel()
			var exchange []string
			if tt.shared != nil {
				exchange = tt.shared(t)
			}
			text, err := os.ReadFile(filepath.Join(tt.folder, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			_, below, _ := strings.Cut(string(text), "\n## Run it\n")
			below, _, _ = strings.Cut(below, "\n## ")
			s := newSession(t, below, tt.ports, exchange)
			files, err := filepath.Glob(filepath.Join(tt.folder, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				s.write(filepath.Join("examples", file), string(text))
			}
			s.check(s.run())
		})
	}
}

// needs skips a test where a program is missing, and fails it where nothing may be missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("SKIP: %s is not installed", name)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// step is one block of commands with what they show.
type step struct{ commands, want string }

// steps reads the commands of a text, and what it says that they show.
func steps(text string) (out []step) {
	for _, m := range regexp.MustCompile("(?s)```(sh|text)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		if m[1] == "sh" {
			out = append(out, step{commands: m[2]})
		} else {
			out[len(out)-1].want = m[2]
		}
	}
	return out
}

// session is a shell in a folder of its own.
type session struct {
	t        *testing.T
	dir      string
	ports    map[string]string // of the text to those of the test
	exchange *strings.Replacer
	steps    []step
}

// newSession prepares the commands of a text, with ports that are free and whatever else is to be exchanged: old, new, ...
// The weir that they call uses these ports where the text names none; what gateways write goes into a file.
func newSession(t *testing.T, text string, ports, exchange []string) *session {
	t.Helper()
	needs(t, "bash", "curl", "openssl")
	s := &session{t: t, dir: t.TempDir(), ports: map[string]string{}, steps: steps(text)}
	if len(s.steps) == 0 {
		t.Fatal("got a text without commands")
	}
	for _, port := range ports {
		s.ports[port] = freePort(t)
		exchange = append(exchange, "127.0.0.1:"+port, "127.0.0.1:"+s.ports[port])
	}
	s.exchange = strings.NewReplacer(exchange...)
	wrapper := fmt.Sprintf(`#!/bin/sh
case "$1" in
serve|sim) exec >>'%s' 2>&1 ;;
esac
case "$1 $*" in
*--admin*|sim*) exec '%[2]s' "$@" ;;
serve*) exec '%[2]s' "$@" --listen 127.0.0.1:%[3]s --admin 127.0.0.1:%[4]s ;;
*) exec '%[2]s' "$@" --admin 127.0.0.1:%[4]s ;;
esac
`, filepath.Join(s.dir, "log"), weir(t), s.ports["8080"], s.ports["9080"])
	if err := os.WriteFile(filepath.Join(s.dir, "weir"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// write puts a file where the commands find it.
func (s *session) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	writeFile(s.t, path, []byte(s.exchange.Replace(text)))
}

// mark is in front of what each step shows.
const mark = "@@@ step"

// script is all commands as one program, which is as slow as a reader: it waits until what was started answers, and a
// moment after each question, as what a call spent is told to other gateways behind its answer.
func (s *session) script() string {
	var b strings.Builder
	b.WriteString("set -eu\nexec 2>&1\nawait() { for i in $(seq 300); do curl -fso /dev/null \"$1\" && return; sleep 0.1; done; echo \"$1 does not answer\"; exit 1; }\n")
	for _, one := range s.steps {
		fmt.Fprintf(&b, "echo '%s'\n", mark)
		for line := range strings.Lines(one.commands) {
			b.WriteString(line)
			switch {
			case strings.HasPrefix(line, "ask "):
				b.WriteString("sleep 0.2\n")
			case strings.Contains(line, "weir s") && strings.Contains(line, " &"):
				fmt.Fprintf(&b, "await http://127.0.0.1:%s\n", s.health(line))
			}
		}
	}
	return s.exchange.Replace(b.String())
}

// health is where the gateway or simulator that a line starts tells that it is there.
func (s *session) health(line string) string {
	flag, port, path := "--admin", "9080", "/readyz"
	if strings.Contains(line, "weir sim") {
		flag, path = "--listen", "/"
	}
	if m := regexp.MustCompile(flag + ` 127\.0\.0\.1:(\d+)`).FindStringSubmatch(line); m != nil {
		port = m[1]
	}
	return s.ports[port] + path
}

// run runs the commands and ends what they started.
func (s *session) run() []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), sessionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", s.script())
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "TMPDIR="+s.t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := os.Create(filepath.Join(s.dir, "out")) // a pipe would stay open as long as what was started runs
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if cmd.Process != nil {
		for syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) == nil { // until none is left that writes into the folder
			time.Sleep(10 * time.Millisecond)
		}
	}
	text, _ := os.ReadFile(out.Name())
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		s.t.Fatalf("got %v after\n%s\nlog of what it started:\n%s", err, text, log[max(0, len(log)-8000):])
	}
	return strings.Split(string(text), mark+"\n")[1:]
}

// check looks for what the README shows in what came: its lines in their order, where "..." stands for any.
func (s *session) check(got []string) {
	s.t.Helper()
	if len(got) != len(s.steps) {
		s.t.Fatalf("got the output of %d steps, want %d", len(got), len(s.steps))
	}
	for i, one := range s.steps {
		if one.want == "" {
			continue
		}
		rest := slices.Collect(strings.Lines(same(got[i])))
		for line := range strings.Lines(same(s.exchange.Replace(one.want))) {
			if line == "...\n" {
				continue
			}
			at := slices.Index(rest, line)
			if at < 0 {
				s.t.Errorf("got no line\n%sin the output of\n%s\nwhich is\n%s", line, one.commands, got[i])
				break
			}
			rest = rest[at+1:]
		}
	}
}

// same leaves out of a text what differs from run to run: ids, times, and the width of columns.
func same(text string) string {
	for _, r := range [][2]string{
		{`\r`, ""},
		{`\b(aigk|aigac|aigpk|team|bud|lim)_[0-9a-z]{26}\b`, "ID"},
		{`\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\dZ)?`, "TIME"},
		{`\bin (\d+h)?(\d+m)?\d+s\b`, "in SPAN"},
		{`\b([rt]=|retry-after: |x-ratelimit-\w+-\w+: )\d+`, "${1}N"},
		{`\d+ +(user|gateway)\n`, "N $1\n"}, // milliseconds, and whose keys
		{`wr-\w{4}…\*\*\*\w{4}`, "TOKEN"},
		{`[ \t]+`, " "},
		{` ?\n`, "\n"},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

var built struct {
	sync.Once

	path string
	err  error
}

// weir builds the gateway once for all tests.
func weir(t *testing.T) string {
	t.Helper()
	built.Do(func() { built.path, built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// build is for all tests of the package, so its folder cannot be that of one.
func build() (path string, err error) {
	dir, err := os.MkdirTemp("", "weir-examples-")
	if err != nil {
		return "", fmt.Errorf("building: %w", err)
	}
	path = filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-o", path, "weir/cmd/weir").CombinedOutput(); err != nil {
		return path, fmt.Errorf("building: %w: %s", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// TestMain removes the gateway that was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path)) // the system clears its folder of temporary files
	}
	os.Exit(code)
}
