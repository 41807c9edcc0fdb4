package counter

import (
	"errors"
	"fmt"
	"testing"

	"weir/test/services"
)

// A key that somebody else uses keeps no other counter from being counted or given back.
func TestRedisKeyOfSomebodyElse(t *testing.T) {
	addr, _ := services.Redis(t)
	var store ledger
	r := open(t, RedisOptions{URL: "redis://" + addr, Load: store.load}, quick())
	good, bad := Charge{Counter: "good", Limit: 100, Amount: 10}, Charge{Counter: "bad", Limit: 100, Amount: 10}
	durable := Charge{Counter: "durable", Limit: 100, Amount: 10, Durable: true}
	held := taken(t, r, bad, good, durable)
	if err := client(t, addr).Set(t.Context(), r.key("bad"), "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	settle(t, r, held, 7, 7, 7)
	for _, c := range []Charge{good, durable} {
		if got := state(t, r, c); got != (State{Used: 7}) {
			t.Errorf("%s: got %+v, want 7 used and nothing reserved", c.Counter, got)
		}
	}
	if err := r.Reserve(t.Context(), &Reservation{Charges: []Charge{bad}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want %v", err, ErrUnavailable)
	}
}

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// Answers that mean that the server cannot count now, as the versions word them.
func TestOut(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"READONLY You can't write against a read only replica. script: 4c, on @user_script:5.", true},
		{"ERR Error running script (call to f_4c): @user_script:5: @user_script: 5: -READONLY You can't write against a read only replica.", true},
		{"ERR Error running script (call to f_4c): @user_script:5: @user_script: 5: -OOM command not allowed when used memory > 'maxmemory'.", true},
		{"ERR Error running script (call to f_4c): @user_script:4: Script killed by user with SCRIPT KILL...", true},
		{"ERR Script killed by user with SCRIPT KILL. script: 4c, on @user_script:4.", true},
		{"BUSY Redis is busy running a script.", true},
		{"WRONGTYPE Operation against a key holding the wrong kind of value script: 4c, on @user_script:5.", false},
		{"ERR Error running script (call to f_4c): @user_script:5: -WRONGTYPE Operation against a key holding the wrong kind of value", false},
		{"ERR value is not an integer or out of range", false},
	}
	for _, tt := range tests {
		if got := out(fmt.Errorf("running: %w", reply(tt.text))); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.text, got, tt.want)
		}
	}
}
