package counter

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/live.lua
	liveSource string
	//go:embed scripts/reserve.lua
	reserveSource string
	//go:embed scripts/settle.lua
	settleSource string
	//go:embed scripts/init.lua
	initSource string
	//go:embed scripts/beat.lua
	beatSource string
	//go:embed scripts/join.lua
	joinSource string
	//go:embed scripts/clean.lua
	cleanSource string
)

// scripts are what the server runs as a whole.
type scripts struct{ reserve, settle, init, beat, join, clean *redis.Script }

func newScripts() scripts {
	return scripts{
		reserve: redis.NewScript(liveSource + reserveSource),
		settle:  redis.NewScript(liveSource + settleSource),
		init:    redis.NewScript(initSource),
		beat:    redis.NewScript(liveSource + beatSource),
		join:    redis.NewScript(liveSource + joinSource),
		clean:   redis.NewScript(liveSource + cleanSource),
	}
}

// run runs a script by its hash, and sends it where the server does not have it. It is over when the timeout is, whatever
// becomes of the caller: what is half done would have to be undone.
func (r *Redis) run(ctx context.Context, s *redis.Script, keys []string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Timeout)
	defer cancel()
	v, err := r.client.EvalSha(ctx, s.Hash(), keys, args...).Result()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		v, err = s.Eval(ctx, r.client, keys, args...).Result()
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // each caller says what it was doing
	}
	if list, ok := v.([]any); ok {
		return list, nil
	}
	return []any{v}, nil
}

// whole reads a number of an answer.
func whole(list []any, i int) (int64, error) {
	if i < len(list) {
		if n, ok := list[i].(int64); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the script answered %d values without a number at %d", len(list), i)
}

// out reports whether an error means that the server cannot count now, and not that it understood and refused this script.
func out(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	text := strings.TrimPrefix(reply.Error(), "ERR ")
	if strings.Contains(text, "killed by user") { // only what has not written anything can be
		return true
	}
	_, inside, _ := strings.Cut(text, ": -") // servers before 7 tell what a command in a script met behind where it stands
	for _, prefix := range []string{
		"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF", "OOM", "BUSY", "NOAUTH", "NOPERM",
		"WRONGPASS", "MOVED", "ASK", "max number of clients",
	} {
		if strings.HasPrefix(text, prefix) || strings.HasPrefix(inside, prefix) {
			return true
		}
	}
	return false
}
