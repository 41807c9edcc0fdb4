package access

import (
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledAloneWithBudget kills a gateway that shares nothing with calls under way. Afterwards its budget, which was in
// memory, is what the record says, and nothing is reserved.
func TestKilledAloneWithBudget(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "folder: FOLDER")
	g := f.start("")
	_, token := g.key("me", "")
	budget := g.create("/budgets", `{"name": "all", "unit": "usd", "limit": "0.2", "window": "total"}`)
	limit := g.create("/limits", `{"name": "at once", "unit": "concurrent", "limit": "4"}`)
	var answered calls
	for range 2 { // the second time with what was rebuilt
		for range 3 {
			answered.ask(g, token, paidCall)
		}
		var tasks sync.WaitGroup
		for range 4 {
			tasks.Go(func() {
				if r := g.chat(t.Context(), token, paidStream, "pace=5s"); answered.note(r) {
					t.Errorf("a call of a killed gateway was answered: %s", r.body)
				}
			})
		}
		g.await("calls are under way", func() bool { return limitUsed(g, limit) == "4" && g.budget(budget).Reserved != "0" })
		g.kill() // what was settled may not even be in the store
		tasks.Wait()
		g = f.start(g.folder)
		if state := g.budget(budget); state.Reserved != "0" || limitUsed(g, limit) != "0" {
			t.Errorf("after a start the budget is %+v, want nothing reserved", state)
		}
		g.awaitRecord(&answered)
		g.awaitAgreement(budget)
		if state := g.budget(budget); !near(state.Used, 0.01*float64(len(answered.ids))) { // 4 tokens in, 6 out
			t.Errorf("after a start the budget is %+v, want what %d calls cost", state, len(answered.ids))
		}
	}
	for {
		r := g.chat(t.Context(), token, paidCall, "")
		if answered.note(r) {
			continue
		}
		if r.status != http.StatusPaymentRequired {
			t.Fatalf("got %d, %v: %s; want the end of the budget", r.status, r.err, r.body)
		}
		break
	}
	g.kill()
	g = f.start(g.folder)
	g.ask(token, "paid", http.StatusPaymentRequired)
	g.awaitRecord(&answered)
	g.awaitAgreement(budget)
	if usd, _ := g.spent(); usd > 0.2 {
		t.Errorf("got $%f spent of $0.20", usd)
	}
}

// TestFileOfKeysBreaks edits the file of static keys so that it cannot be read. What was loaded stays in force and the
// gateway says so; a file that is broken from the start lets no gateway begin.
func TestFileOfKeysBreaks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.yaml")
	f := newFleet(t, "folder: FOLDER\nfile: "+file)
	hash := func(token string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary(t), "keys", "hash")
		cmd.Env, cmd.Stdin = append(os.Environ(), f.env...), strings.NewReader(token+"\n")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("hashing a token: %v", err)
		}
		return strings.TrimSpace(string(out))
	}
	const one, two = "static-key-number-one-0001", "static-key-number-two-0002"
	good := "access_keys:\n  - {name: one, token_hash: '" + hash(one) + "'}\n"
	write(t, file, good)
	g := f.start("")
	g.ask(one, "free", http.StatusOK)
	g.gauges(map[string]int{"weir_access_file_ok": 1, "weir_access_keys": 1})
	other := hash(two)
	for _, broken := range []struct{ name, text string }{
		{"cut", good[:len(good)/2]},
		{"empty", ""},
		{"a plain token", "access_keys:\n  - {name: two, token: '" + two + "'}\n"},
		{"an unknown field", good + "  - {name: two, token_hash: '" + other + "', colour: red}\n"},
		{"an unknown team", good + "  - {name: two, token_hash: '" + other + "', team: nobodys}\n"},
	} {
		said := len(g.out.String())
		write(t, file, broken.text)
		g.await(broken.name+": the gateway says that it kept the earlier keys", func() bool {
			return strings.Contains(g.out.String()[said:], "static access keys not loaded, the earlier ones stay") && g.metric("weir_access_file_ok") == 0
		})
		if text := g.out.String()[said:]; !strings.Contains(text, file) || strings.Contains(text, two) {
			t.Errorf("%s: the log reads %s; want the file named and no token", broken.name, text)
		}
		g.ask(one, "free", http.StatusOK)
		g.ask(two, "free", http.StatusUnauthorized)
		g.gauges(map[string]int{"weir_access_keys": 1})
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // a look at the file and some
	g.ask(one, "free", http.StatusOK)
	g.gauges(map[string]int{"weir_access_file_ok": 0})
	write(t, file, good+"  - {name: two, token_hash: '"+other+"'}\n")
	g.gauges(map[string]int{"weir_access_file_ok": 1, "weir_access_keys": 2})
	g.ask(two, "free", http.StatusOK)
	g.stop()
	write(t, file, good[:len(good)/2])
	if text := f.ends(g.folder); !strings.Contains(text, file) {
		t.Errorf("got %s; want that the file cannot be read", text)
	}
}

// wrongKey is a master key that nothing was stored under.
var wrongKey = "WEIR_MASTER_KEY=" + base64.StdEncoding.EncodeToString([]byte("a wrong master key, 32 bytes ..."))

// TestWrongMasterKey starts gateways with another master key than the one of their store: none of them tells clients that
// their keys are wrong.
func TestWrongMasterKey(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	f := newFleet(t, config)
	g := f.start("")
	_, token := g.key("me", "")
	g.create("/provider-keys", `{"providerId": "vendor", "name": "own", "value": "sk-canary-own-key-123456789"}`)
	right := f.env
	f.env = append(append([]string{}, right...), wrongKey)
	text := f.ends("")
	for _, want := range []string{"access.master_key", "stored under another master key", "1 tokens and 1 provider keys"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s; want %q", text, want)
		}
	}
	g.ask(token, "free", http.StatusOK)

	// A store that is away cannot tell; it does when it is back.
	store.Stop()
	wrong := f.launch("")
	wrong.refused(t, token, freeCall, "could not be read since the gateway began", prompt)
	store.Start()
	wrong.gauges(map[string]int{"weir_store_up": 1})
	wrong.refused(t, token, freeCall, "access keys cannot be checked: they were stored under another master key", prompt)
	wrong.refused(t, "wr-unknown", freeCall, "they were stored under another master key", prompt)
	if status, text := wrong.readiness(); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d: %s; want 503", status, text)
	}
	if !strings.Contains(wrong.out.String(), "everybody is refused until the gateway has their master key") {
		t.Error("the log does not say that the master key is wrong")
	}
	wrong.kill()

	// With the right one beside it, as after a rotation, all is well.
	f.env = append(f.env, "OLD_KEY="+masterKey)
	f.config += "\nold_master_keys: env:OLD_KEY"
	f.start("").ask(token, "free", http.StatusOK)
}
