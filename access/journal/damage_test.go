package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/access/store"
)

func TestDamage(t *testing.T) {
	tests := []struct {
		name   string
		damage func(data []byte) []byte
		want   []string
		log    string
	}{
		{"a torn tail", func(b []byte) []byte { return b[:len(b)-10] }, ids(0, 2), "is torn"},
		{"a torn tail of one byte", func(b []byte) []byte { return b[:len(b)-1] }, ids(0, 2), "is torn"},
		{"a bit in the middle", func(b []byte) []byte {
			b[bytes.IndexByte(b, '\n')+40] ^= 1
			return b
		}, []string{row(0).ID, row(2).ID}, "damaged"},
		{"a hole of zeros", func(b []byte) []byte { return append(b, make([]byte, 100)...) }, ids(0, 3), "is torn"},
		{"an empty line", func(b []byte) []byte { return append(b, '\n') }, ids(0, 3), "damaged"},
		{"nothing whole", func(b []byte) []byte { return b[:5] }, nil, "is torn"},
		{"nothing", func([]byte) []byte { return nil }, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			down := taker{err: errors.New("down")}
			j := open(t, dir, down.take, Options{})
			put(t, j, 0, 3)
			j.drop()
			name := segmentsIn(t, dir)[0]
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, tt.damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			var s taker
			var log bytes.Buffer
			j = open(t, dir, s.take, Options{Log: zerolog.New(&log)})
			if got := j.Pending(); got != int64(len(tt.want)) {
				t.Errorf("got %d rows pending, want %d", got, len(tt.want))
			}
			put(t, j, 7, 8)
			if err := j.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(tt.want, row(7).ID), s.taken()); diff != "" {
				t.Error(diff)
			}
			if got := j.Pending(); got != 0 {
				t.Errorf("got %d rows pending, want 0", got)
			}
			if !strings.Contains(log.String(), tt.log) {
				t.Errorf("got log %s, want %q in it", log.String(), tt.log)
			}
		})
	}
}

// TestCutWhileOpen: somebody empties the file of a running gateway.
func TestCutWhileOpen(t *testing.T) {
	dir := t.TempDir()
	var s taker
	j := open(t, dir, s.take, Options{})
	put(t, j, 0, 3)
	if err := os.Truncate(segmentsIn(t, dir)[0], 0); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := j.Pending(); got != 0 {
		t.Errorf("got %d rows pending, want 0", got)
	}
	put(t, j, 3, 5)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(3, 5), s.taken()); diff != "" {
		t.Error(diff)
	}
}

// appendForever is a process that is killed: it says which rows were acknowledged.
func appendForever(dir string) {
	down := func(context.Context, []store.Usage) error { return errors.New("down") }
	j, err := Open(dir, down, Options{Reserve: 64 << 10, Log: zerolog.Nop()})
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	out := bufio.NewWriterSize(os.Stdout, 0)
	var mu sync.Mutex
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker * 1_000_00; ; i++ {
				if err := j.Append(row(i)); err != nil {
					os.Exit(1)
				}
				mu.Lock()
				_, _ = out.WriteString(row(i).ID + "\n")
				_ = out.Flush()
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

func TestKilled(t *testing.T) {
	for round := range 5 {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "WEIR_TEST_JOURNAL="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			said = append(said, lines.Text())
			if len(said) == 500+100*round {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		if len(said) < 500 {
			t.Fatalf("got %d rows, want the process to live longer", len(said))
		}
		var s taker
		j := open(t, dir, s.take, Options{})
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, id := range said {
			if id != "" && !s.has[id] && strings.HasSuffix(id, "-1") {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("%d of %d acknowledged rows are lost", lost, len(said))
		}
		if extra := len(s.ids) - len(said); extra > 4 {
			t.Errorf("got %d rows that nobody appended", extra)
		}
	}
}

func TestRecordsAreLines(t *testing.T) {
	dir := t.TempDir()
	down := taker{err: errors.New("down")}
	j := open(t, dir, down.take, Options{})
	put(t, j, 0, 2)
	data, err := os.ReadFile(segmentsIn(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var got store.Usage
		if err := json.Unmarshal(line[frameHead:], &got); err != nil || got.Model != "gpt-4.1" {
			t.Errorf("got %s, %v", line, err)
		}
	}
}
