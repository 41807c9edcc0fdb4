#!/usr/bin/env bash
# Measures nginx, haproxy and Portkey beside the bare hop and Weir, with bench/hop. What is not installed is skipped.
#   apt-get install -y --no-install-recommends nginx-light haproxy
#   PORTKEY_DIR: a folder in which npm has installed @portkey-ai/gateway, with @hono/node-server 1.3.3 and hono 4.9.7 (a
#   newer node-server answers every stream with 500).
# Further arguments go to bench/hop, such as -rounds 3.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly provider=19100 nginx=19201 haproxy=19202 portkey=19203
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/hop" ./bench/hop

skip() { echo "SKIP $1: $2" >&2; }

peers=()
if command -v nginx >/dev/null; then
	cat >"$dir/nginx.conf" <<-CONF
		daemon off;
		worker_processes 1;
		pid $dir/nginx.pid;
		error_log stderr error;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			keepalive_requests 1000000;
			upstream provider { server 127.0.0.1:$provider; keepalive 64; keepalive_requests 1000000; }
			server {
				listen 127.0.0.1:$nginx;
				location / {
					proxy_pass http://provider;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
					proxy_buffering off;
				}
			}
		}
	CONF
	peers+=(-peer "nginx=127.0.0.1:$nginx=$(command -v nginx) -p $dir -c $dir/nginx.conf")
else
	skip nginx "it is not installed"
fi

if command -v haproxy >/dev/null; then
	cat >"$dir/haproxy.cfg" <<-CONF
		global
		    nbthread 1
		    maxconn 1024
		defaults
		    mode http
		    timeout connect 5s
		    timeout client 60s
		    timeout server 60s
		    http-reuse always
		    option http-no-delay
		frontend client
		    bind 127.0.0.1:$haproxy
		    default_backend provider
		backend provider
		    server one 127.0.0.1:$provider
	CONF
	peers+=(-peer "haproxy=127.0.0.1:$haproxy=$(command -v haproxy) -db -f $dir/haproxy.cfg")
else
	skip haproxy "it is not installed"
fi

"$dir/hop" -provider-port "$provider" "${peers[@]}" "$@"

# Portkey takes the provider from header fields, so that it has a run of its own in which the bare hop gets them too.
start=${PORTKEY_DIR:-}/node_modules/@portkey-ai/gateway/build/start-server.js
if [[ -z ${PORTKEY_DIR:-} ]]; then
	skip portkey "PORTKEY_DIR is not set"
elif [[ ! -f $start ]] || ! command -v node >/dev/null; then
	skip portkey "there is no node, or no $start"
else
	NODE_ENV=production TRUSTED_CUSTOM_HOSTS=127.0.0.1,localhost "$dir/hop" -provider-port "$provider" -only portkey \
		-header 'x-portkey-provider: openai' -header "x-portkey-custom-host: http://127.0.0.1:$provider/v1" \
		-peer "portkey=127.0.0.1:$portkey=$(command -v node) $start --port=$portkey --headless" "$@"
fi
