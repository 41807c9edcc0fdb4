package server

import (
	"slices"
	"time"
)

// Bounds that several options share.
const (
	anHour  = time.Hour
	minTime = 10 * time.Millisecond
	maxSize = 64 << 30
)

// options are the keys of weir.yaml: what is decoded, defaulted and documented.
func options() []option[Config] {
	return slices.Concat(mainOptions(), limitOptions(), timeOptions(), decisionOptions(), accessOptions())
}

func mainOptions() []option[Config] {
	return []option[Config]{
		{"admin.address", kindString(isAddress), "127.0.0.1:9080", "Address of the admin listener: health, readiness, policy status, reload, rollback, metrics. `unix:/path` is a socket only its owner may use. Empty: none.", func(c *Config) any { return &c.Admin.Address }},
		{"admin.hosts", kindStrings(isHost), "", "Host names that the admin listener answers to on loopback, beside localhost.", func(c *Config) any { return &c.Admin.Hosts }},
		{"open", kindBool(), "false", "Serve callers that no policy authenticates. Takes effect on loopback only; elsewhere Weir refuses to start.", func(c *Config) any { return &c.OpenMode }},
		{"hosts", kindStrings(isHost), "", "Host names that loopback listeners answer to, beside localhost and the hosts of endpoints. Others are refused, since a page in a browser can make a name of its own resolve to this machine.", func(c *Config) any { return &c.Hosts }},
		{"origins", kindStrings(isOrigin), "", "Origins of web pages that may call the gateway from a browser. Pages of other sites are refused.", func(c *Config) any { return &c.Origins }},
		{"trusted_proxies", kindPrefixes(), "", "Address ranges of proxies whose `x-forwarded-for` and `x-forwarded-proto` are believed.", func(c *Config) any { return &c.TrustedProxies }},
		{"routing_headers", kindBool(), "true", "Tell clients who answered, in `x-weir-provider`, `x-weir-model` and `x-weir-attempts`, and which decision of a policy was the last word, in `x-weir-decision-id`.", func(c *Config) any { return &c.RoutingHeaders }},
		{"catalog", kindStrings(nil), "", "Files of model facts over the built-in catalog, as `weir catalog import` writes them; later ones over earlier ones.", func(c *Config) any { return &c.Catalog }},
		{"secrets.env", kindBool(), "true", "Look for secrets in the environment.", func(c *Config) any { return &c.Secrets.Env }},
		{"secrets.dirs", kindStrings(nil), "", "Folders that hold one secret a file.", func(c *Config) any { return &c.Secrets.Dirs }},
		{"secrets.files", kindStrings(nil), "", "Files of NAME=value lines.", func(c *Config) any { return &c.Secrets.Files }},
		{"region", kindString(nil), "", "Where this gateway runs, for `conn.server_region`.", func(c *Config) any { return &c.Region }},
		{"bundle_folder", kindString(nil), "", "Folder that the last good OPA bundles are kept in, for a start while their server is down, where the policy does not name one (`persist`).", func(c *Config) any { return &c.BundleFolder }},
		{"ip.databases", kindStrings(nil), "", "Files in MaxMind's format (City, Country, ASN, Anonymous-IP) for `conn.geo.*` and what else expressions know of addresses. Reloaded when they change.", func(c *Config) any { return &c.IP.Databases }},
		{"ip.lists", kindStrings(isIPList), "", "Files of addresses and networks, one a line, each with its category: `blocklist=/etc/weir/blocked.txt`, `tor=...`, or a name of your own. Reloaded when they change.", func(c *Config) any { return &c.IP.Lists }},
		{"log.format", kindEnum("json", "console"), "json", "Form of the log.", func(c *Config) any { return &c.Log.Format }},
		{"log.level", kindEnum("debug", "info", "warn", "error"), "info", "Least level of the log. The access log has none.", func(c *Config) any { return &c.Log.Level }},
		{"log.access", kindBool(), "true", "Write one line for each exchange.", func(c *Config) any { return &c.Log.Access }},
		{"log.route", kindBool(), "false", "Put the whole story of each route into its line: strategies and what they returned, keys, attempts.", func(c *Config) any { return &c.Log.Route }},
		{"log.bodies", kindSize(0, maxLogBody), "0", "Put the bodies of request and answer into its line as `request_body` and `response_body`, each cut at this size; of streams what was sent to the client. What looks like a credential is masked, what people and models say is not. 0: no bodies.", func(c *Config) any { return &c.Log.Bodies }},
	}
}

func limitOptions() []option[Config] {
	return []option[Config]{
		{"limits.body", kindSize(1<<10, 1<<30), "50MiB", "Largest body of a request, as sent and decompressed: vendors take 20 to 50 MiB of images and audio.", func(c *Config) any { return &c.Limits.Body }},
		{"limits.headers", kindSize(4<<10, 1<<20), "16KiB", "Largest head of a request. Every open connection holds a buffer of this size.", func(c *Config) any { return &c.Limits.Headers }},
		{"limits.ratio", kindSize(2, 1000), "100", "How far a compressed body may expand, looked at from 1 MiB on: JSON of conversations stays below 20.", func(c *Config) any { return &c.Limits.Ratio }},
		{"limits.memory", kindSize(0, maxSize), "0", "Bytes that the bodies of all requests, and what is held of their answers, may take together. Once they are spent, requests get 503 with `retry-after`. 0: a quarter of GOMEMLIMIT, or 512 MiB where that is not set.", func(c *Config) any { return &c.Limits.Memory }},
		{"limits.connections", kindInt(1, 1_000_000), "16384", "Open client connections. One more is refused with 503.", func(c *Config) any { return &c.Limits.Connections }},
		{"limits.exchanges", kindInt(1, 1_000_000), "8192", "Requests in flight: at about 100 KiB each they hold less than 1 GiB.", func(c *Config) any { return &c.Limits.Exchanges }},
		{"limits.queue", kindInt(0, 100_000), "256", "Requests that wait for one of those to end. One more is refused with 503 and `retry-after`.", func(c *Config) any { return &c.Limits.Queue }},
	}
}

func timeOptions() []option[Config] {
	return []option[Config]{
		{"limits.queue_wait", kindDuration(0, time.Minute), "1s", "How long they wait.", func(c *Config) any { return &c.Limits.QueueWait }},
		{"limits.header_timeout", kindDuration(minTime, anHour), "10s", "Time for the head of a request.", func(c *Config) any { return &c.Limits.HeaderTimeout }},
		{"limits.body_timeout", kindDuration(minTime, anHour), "60s", "Time for the body of a request.", func(c *Config) any { return &c.Limits.BodyTimeout }},
		{"limits.idle_timeout", kindDuration(minTime, anHour), "120s", "How long an idle connection is kept; longer than the 90 s for which most clients keep theirs.", func(c *Config) any { return &c.Limits.IdleTimeout }},
		{"limits.write_timeout", kindDuration(minTime, anHour), "30s", "Time for each write to a client. A client that reads more slowly is closed and counted.", func(c *Config) any { return &c.Limits.WriteTimeout }},
		{"drain.wait", kindDuration(0, anHour), "5s", "At the end, the time between becoming not ready and no longer listening, for balancers to notice.", func(c *Config) any { return &c.Drain.Wait }},
		{"drain.timeout", kindDuration(0, anHour), "30s", "At the end, the time for requests and streams to end by themselves. Those left end with an error in their API's shape.", func(c *Config) any { return &c.Drain.Timeout }},
	}
}

func listenerOptions() []option[ListenerConfig] {
	return []option[ListenerConfig]{
		{"address", kindString(isAddress), "127.0.0.1:8080", "Address to listen on.", func(l *ListenerConfig) any { return &l.Address }},
		{"tls.cert_file", kindString(nil), "", "Certificate chain in PEM. Reloaded when it changes.", func(l *ListenerConfig) any { return &l.TLS.CertFile }},
		{"tls.key_file", kindString(nil), "", "Its key in PEM.", func(l *ListenerConfig) any { return &l.TLS.KeyFile }},
		{"tls.client_ca_file", kindString(nil), "", "Authorities in PEM, one of which must have signed the client's certificate. Empty: clients need none.", func(l *ListenerConfig) any { return &l.TLS.ClientCAFile }},
		{"tls.min_version", kindEnum("1.2", "1.3"), "1.2", "Least version of TLS.", func(l *ListenerConfig) any { return &l.TLS.MinVersion }},
	}
}

func endpointOptions() []option[EndpointConfig] {
	return []option[EndpointConfig]{
		{"id", kindString(isID), "", "Name in logs, metrics and on the admin listener. Required.", func(e *EndpointConfig) any { return &e.ID }},
		{"host", kindString(isHost), "", "Host that the endpoint answers for; `*.example.com` takes every name below. Empty: any.", func(e *EndpointConfig) any { return &e.Host }},
		{"path_prefix", kindString(isPrefix), "", "Path in front of the API's own, such as `/team-a`. Empty: none.", func(e *EndpointConfig) any { return &e.PathPrefix }},
		{"policy", kindString(nil), "", "Policy file. Empty: the built-in policy, which routes by the model's name and refuses nothing.", func(e *EndpointConfig) any { return &e.Policy }},
	}
}
