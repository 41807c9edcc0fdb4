package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestDecodeKey(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb, 0xff}, KeySize/2) // needs the characters that the alphabets differ in
	std := base64.StdEncoding.EncodeToString(key)
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"base64", std, true},
		{"base64 with a line break", std + "\r\n", true},
		{"unpadded", strings.TrimRight(std, "="), true},
		{"base64url", base64.URLEncoding.EncodeToString(key), true},
		{"hex", hex.EncodeToString(key), true},
		{"upper hex", strings.ToUpper(hex.EncodeToString(key)), true},
		{"empty", "", false},
		{"raw bytes", string(key), false},
		{"31 bytes", base64.StdEncoding.EncodeToString(key[:31]), false},
		{"33 bytes", base64.StdEncoding.EncodeToString(append(key[:32:32], 1)), false},
		{"half a key", std[:22], false},
		{"not hex", strings.Repeat("zz", KeySize), false},
		{"zeros", strings.Repeat("00", KeySize), false},
		{"two keys", std + "\n" + std, false},
	}
	for _, tt := range tests {
		got, err := decodeKey([]byte(tt.text))
		if tt.ok != (err == nil) || tt.ok && !bytes.Equal(got, key) {
			t.Errorf("%s: got %x, %v, want ok %v", tt.name, got, err, tt.ok)
		}
		if err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text[:10]) {
			t.Errorf("%s: the error shows the key: %v", tt.name, err)
		}
	}
}

func TestLoadKeys(t *testing.T) {
	dir := t.TempDir()
	key := newKey(t)
	text := base64.StdEncoding.EncodeToString(key)
	write := func(name string, mode os.FileMode, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name   string
		source KeySource
		want   string // in the error; "" = the key
	}{
		{"value", KeySource{Value: text}, ""},
		{"file", KeySource{File: write("own", 0o600, text)}, ""},
		{"file of a group", KeySource{File: write("group", 0o440, text)}, ""},
		{"file of everybody", KeySource{File: write("all", 0o644, text)}, "mode 0644"},
		{"file that a group writes", KeySource{File: write("groupw", 0o620, text)}, "mode 0620"},
		{"folder", KeySource{File: dir}, "not a file"},
		{"no file", KeySource{File: filepath.Join(dir, "none")}, "no such file"},
		{"half a file", KeySource{Generated: write("half", 0o600, text[:20])}, "not a key"},
		{"an empty file", KeySource{Generated: write("empty", 0o600, "")}, "not a key"},
		{"a generated file of a group", KeySource{Generated: write("gen", 0o640, text)}, "mode 0640"},
		{"command", KeySource{Command: []string{"printf", "%s\n", text}}, ""},
		{"command that fails", KeySource{Command: []string{"sh", "-c", "echo " + text + " >&2; echo " + text + "; exit 3"}}, "exit status 3"},
		{"command that is not there", KeySource{Command: []string{filepath.Join(dir, "none")}}, "no such file"},
		{"command that says much", KeySource{Command: []string{"head", "-c", "1000000", "/dev/zero"}}, "not a key"},
		{"nothing", KeySource{}, "exactly one"},
		{"two", KeySource{Value: text, File: "x"}, "exactly one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := LoadKeys(t.Context(), []KeySource{tt.source})
			switch {
			case tt.want == "" && (err != nil || len(got) != 1 || !bytes.Equal(got[0], key)):
				t.Errorf("got %x, %v, want the key", got, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), text[:12]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	if _, err := LoadKeys(t.Context(), nil); err == nil {
		t.Error("no source gives no error")
	}
}

func TestCommandIsEnded(t *testing.T) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := LoadKeys(ctx, []KeySource{{Command: []string{"sh", "-c", "sleep 60 & sleep 60"}}}); err == nil {
		t.Error("a command that never ends gave a key")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestGeneratedKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "master.key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			got, err := LoadKeys(t.Context(), []KeySource{{Generated: path}})
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = got[0]
		})
	}
	wg.Wait()
	for i := range keys {
		if !bytes.Equal(keys[i], keys[0]) || len(keys[i]) != KeySize {
			t.Fatalf("gateway %d has another key", i)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v, want the one file", left, err)
	}
}
