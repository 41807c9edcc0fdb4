package counter

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// poolSize is how many calls can wait for Redis at the same time, each on a connection of its own: a call takes less than a
// millisecond there, so that these serve tens of thousands in a second.
const poolSize = 64

// connect makes a client that fails at once instead of trying again by itself: it cannot know what may be done twice.
func connect(o *RedisOptions) (redis.UniversalClient, error) {
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, errors.New("the prefix of keys may not contain braces: they name the place of a key in a cluster")
	}
	u := &redis.UniversalOptions{
		Addrs: o.Addrs, MasterName: o.MasterName, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLS,
	}
	switch {
	case o.URL != "" && len(o.Addrs) > 0:
		return nil, errors.New("the shared counters have both a URL and addresses")
	case o.URL != "":
		if err := fromURL(u, o.URL); err != nil {
			return nil, err
		}
	case len(o.Addrs) == 0:
		return nil, errors.New("the shared counters have no address")
	}
	u.Protocol = 2 // nothing of version 3 is used, and proxies often know only this one
	u.MaxRetries, u.DialerRetries = -1, 1
	u.DialTimeout, u.ReadTimeout, u.WriteTimeout, u.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	u.ContextTimeoutEnabled = true
	u.PoolSize = poolSize
	u.DisableIdentity = true
	u.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	// The library prints to standard error what is also returned, and what is returned is logged here.
	logging.Disable()
	return redis.NewUniversalClient(u), nil
}

// fromURL reads a URL. What the library says about a wrong one is not passed on: it may repeat the password.
func fromURL(u *redis.UniversalOptions, text string) error {
	wrong := errors.New("the URL of the shared counters is not a valid redis://, rediss:// or unix:// URL")
	parsed, err := url.Parse(text)
	if err != nil {
		return wrong
	}
	switch query := parsed.Query(); {
	case query.Has("master_name"):
		f, err := redis.ParseFailoverURL(text)
		if err != nil {
			return wrong
		}
		u.MasterName, u.Addrs, u.DB = f.MasterName, f.SentinelAddrs, f.DB
		u.Username, u.Password, u.TLSConfig = f.Username, f.Password, f.TLSConfig
		u.SentinelUsername, u.SentinelPassword = f.SentinelUsername, f.SentinelPassword
	case query.Has("addr"):
		c, err := redis.ParseClusterURL(text)
		if err != nil {
			return wrong
		}
		u.Addrs, u.IsClusterMode = c.Addrs, true
		u.Username, u.Password, u.TLSConfig = c.Username, c.Password, c.TLSConfig
	default:
		s, err := redis.ParseURL(text)
		if err != nil {
			return wrong
		}
		u.Addrs, u.DB = []string{s.Addr}, s.DB
		u.Username, u.Password, u.TLSConfig = s.Username, s.Password, s.TLSConfig
		if s.Network == "unix" {
			u.Dialer = func(ctx context.Context, _, addr string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", addr)
			}
		}
	}
	return nil
}
