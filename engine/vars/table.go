package vars

// requestVars is what the client sent.
func requestVars() []Var {
	return []Var{
		{ID: ReqID, Path: "req.id", Type: TypeString, Phases: phasesHTTP, Doc: "The id of this exchange, also sent as x-request-id.", Example: "req.id != ''"},
		{ID: ReqMethod, Path: "req.method", Type: TypeString, Phases: phasesHTTP, Doc: "The request method, in upper case.", Example: "req.method == 'POST'"},
		{ID: ReqHost, Path: "req.host", Type: TypeString, Phases: phasesHTTP, Doc: "The host of the request, without the port.", Example: "req.host == 'api.example.com'"},
		{ID: ReqLocation, Path: "req.location", Type: TypeString, Phases: phasesHTTP, Doc: "The Location header of the request.", Example: "req.location == ''"},
		{ID: ReqVersion, Path: "req.version", Type: TypeString, Phases: phasesHTTP, Doc: "The protocol version.", Example: "req.version == 'HTTP/1.1'"},
		{ID: ReqHeaders, Path: "req.headers", Type: TypeMulti, Phases: phasesHTTP, Doc: `The request headers, less credentials once the caller is known. Names ignore case; a missing header is an empty list and [0] of it is "".`, Example: "req.headers['x-tier'][0] == 'gold'"},
		{ID: ReqTrailers, Path: "req.trailers", Type: TypeMulti, Phases: phasesHTTP, Doc: "The trailers of the request, read as req.headers; empty while the body is not read, and where the server takes none.", Example: "size(req.trailers) == 0"},
		{ID: ReqCookies, Path: "req.cookies", Type: TypeCookies, Phases: phasesHTTP, Doc: "The request cookies: lists of {name, value} by name, in the order sent.", Example: "req.cookies['session'][0].value != ''"},
		{ID: ReqContentLength, Path: "req.content_length", Type: TypeInt, Phases: phasesHTTP, Doc: "The declared body length in bytes, 0 where none was declared.", Example: "req.content_length < 1000000"},
		{ID: ReqContentEncoding, Path: "req.content_encoding", Type: TypeStrings, Phases: phasesHTTP, Doc: "The content encodings of the body.", Example: "'gzip' in req.content_encoding"},
		{ID: ReqContentType, Path: "req.content_type", Type: TypeString, Phases: phasesHTTP, Doc: "The media type of the body, without parameters.", Example: "req.content_type == 'application/json'"},
		{ID: ReqContentTypeParameters, Path: "req.content_type.parameters", Type: TypeStringMap, Phases: phasesHTTP, Doc: `The parameters of the media type; a missing one is "".`, Example: "req.content_type.parameters['charset'] == 'utf-8'"},
		{ID: ReqContentTypeRaw, Path: "req.content_type.raw", Type: TypeString, Phases: phasesHTTP, Doc: "The Content-Type header as sent.", Example: "req.content_type.raw.startsWith('multipart/')"},
		{ID: ReqURL, Path: "req.url", Type: TypeString, Phases: phasesHTTP, Doc: "The whole normalised URL.", Example: "req.url.startsWith('https://')"},
		{ID: ReqURLAuthority, Path: "req.url.authority", Type: TypeString, Phases: phasesHTTP, Doc: "Host and port of the URL.", Example: "req.url.authority == 'localhost:8080'"},
		{ID: ReqURLHost, Path: "req.url.host", Type: TypeString, Phases: phasesHTTP, Doc: "The host of the URL.", Example: "req.url.host == 'localhost'"},
		{ID: ReqURLPort, Path: "req.url.port", Type: TypeInt, Phases: phasesHTTP, Doc: "The port of the URL.", Example: "req.url.port == 8080"},
		{ID: ReqURLPath, Path: "req.url.path", Type: TypeString, Phases: phasesHTTP, Doc: "The decoded path.", Example: "req.url.path.startsWith('/v1/')"},
		{ID: ReqURLRawPath, Path: "req.url.raw_path", Type: TypeString, Phases: phasesHTTP, Doc: "The path as sent.", Example: "req.url.raw_path == '/v1/models'"},
		{ID: ReqURLQuery, Path: "req.url.query", Type: TypeString, Phases: phasesHTTP, Doc: "The query string without the question mark, as sent.", Example: "req.url.query == 'beta=true'"},
		{ID: ReqURLQueryParams, Path: "req.url.query_params", Type: TypeMulti, Phases: phasesHTTP, Doc: `The query parameters by name; a missing one is an empty list and [0] of it is "".`, Example: "req.url.query_params['beta'][0] == 'true'"},
		{ID: ReqURLRaw, Path: "req.url.raw", Type: TypeString, Phases: phasesHTTP, Doc: "The URL as sent.", Example: "req.url.raw.contains('%20')"},
		{ID: ReqURLScheme, Path: "req.url.scheme", Type: TypeString, Phases: phasesHTTP, Doc: "http or https.", Example: "req.url.scheme == 'https'"},
		{ID: ReqURLURI, Path: "req.url.uri", Type: TypeString, Phases: phasesHTTP, Doc: "Path and query as sent.", Example: "req.url.uri == '/v1/models?limit=1'"},
		{ID: ReqURLUserPassword, Path: "req.url.user_password", Type: TypeString, Phases: phasesHTTP, Doc: "User and password in front of the host: always empty, a request that has them is refused.", Example: "req.url.user_password == ''"},
		{ID: ReqUserAgent, Path: "req.user_agent", Type: TypeString, Phases: phasesHTTP, Doc: "The User-Agent header.", Example: "req.user_agent.startsWith('OpenAI/')"},
		{ID: ReqUserAgentName, Path: "req.user_agent.name", Type: TypeString, Phases: phasesHTTP, Doc: "The name of the program in the User-Agent header, such as Chrome or OpenAI/Python.", Example: "req.user_agent.name == 'Chrome'"},
		{ID: ReqUserAgentVersion, Path: "req.user_agent.version", Type: TypeString, Phases: phasesHTTP, Doc: "The version of the program.", Example: "req.user_agent.version.startsWith('1.')"},
		{ID: ReqUserAgentOS, Path: "req.user_agent.os", Type: TypeString, Phases: phasesHTTP, Doc: "The operating system.", Example: "req.user_agent.os == 'Windows'"},
		{ID: ReqUserAgentOSVersion, Path: "req.user_agent.os_version", Type: TypeString, Phases: phasesHTTP, Doc: "The version of the operating system.", Example: "req.user_agent.os_version != ''"},
		{ID: ReqUserAgentDevice, Path: "req.user_agent.device", Type: TypeString, Phases: phasesHTTP, Doc: "The device, where the header names one.", Example: "req.user_agent.device == 'iPhone'"},
		{ID: ReqUserAgentURL, Path: "req.user_agent.url", Type: TypeString, Phases: phasesHTTP, Doc: "The address that a bot names in the header.", Example: "req.user_agent.url != ''"},
		{ID: ReqUserAgentIsMobile, Path: "req.user_agent.is_mobile", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the header is that of a phone.", Example: "req.user_agent.is_mobile"},
		{ID: ReqUserAgentIsTablet, Path: "req.user_agent.is_tablet", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the header is that of a tablet.", Example: "req.user_agent.is_tablet"},
		{ID: ReqUserAgentIsDesktop, Path: "req.user_agent.is_desktop", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the header is that of a desktop computer.", Example: "req.user_agent.is_desktop"},
		{ID: ReqUserAgentIsBot, Path: "req.user_agent.is_bot", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the header is that of a crawler or bot.", Example: "!req.user_agent.is_bot"},
		{ID: ReqTSHeaderReceived, Path: "req.ts.header_received", Type: TypeTimestamp, Phases: phasesHTTP, Doc: "When the headers had arrived.", Example: "req.ts.header_received > timestamp('2026-01-01T00:00:00Z')"},
		{ID: ReqTSBodyReceived, Path: "req.ts.body_received", Type: TypeTimestamp, Phases: phasesHTTP, Doc: "When the body had arrived; 1970 while it has not.", Example: "req.ts.body_received >= req.ts.header_received || req.ts.body_received == timestamp(0)"},
		{ID: ReqBody, Path: "req.body", Type: TypeDyn, Phases: phasesHTTP, Doc: "The JSON body as the client wrote it: a missing member is null. null where the body is not JSON.", Example: "req.body.store != true"},
	}
}

// connVars is where it came in, when, and what earlier rules left.
func connVars() []Var {
	return []Var{
		{ID: ConnClientIP, Path: "conn.client_ip", Type: TypeString, Phases: phasesAll, Doc: "The address of the peer, or the one a trusted proxy forwarded.", Example: "inCidrRange(conn.client_ip, '10.0.0.0/8')"},
		{ID: ConnClientPort, Path: "conn.client_port", Type: TypeInt, Phases: phasesAll, Doc: "The port of the peer.", Example: "conn.client_port > 1023"},
		{ID: ConnServerIP, Path: "conn.server_ip", Type: TypeString, Phases: phasesAll, Doc: "The local address of the connection.", Example: "conn.server_ip == '127.0.0.1'"},
		{ID: ConnServerPort, Path: "conn.server_port", Type: TypeInt, Phases: phasesAll, Doc: "The local port of the connection.", Example: "conn.server_port == 8080"},
		{ID: ConnTSStart, Path: "conn.ts.start", Type: TypeTimestamp, Phases: phasesAll, Doc: "When the connection began.", Example: "conn.ts.start < timestamp('2100-01-01T00:00:00Z')"},
		{ID: ConnBytesIn, Path: "conn.bytes_in", Type: TypeInt, Phases: phasesHTTP, Doc: "Bytes read from the connection so far, over all its exchanges; 0 where they are not counted.", Example: "conn.bytes_in < 10000000"},
		{ID: ConnBytesOut, Path: "conn.bytes_out", Type: TypeInt, Phases: phasesHTTP, Doc: "Bytes written to the connection so far, over all its exchanges; 0 where they are not counted.", Example: "conn.bytes_out < 10000000"},
		{ID: ConnServerRegion, Path: "conn.server_region", Type: TypeString, Phases: phasesAll, Doc: "The region of this gateway as configured; empty where none is.", Example: "conn.server_region == 'eu'"},
		{ID: ConnTLSSNI, Path: "conn.tls.sni", Type: TypeString, Phases: phasesAll, Doc: `The server name the client asked for; "" without TLS.`, Example: "conn.tls.sni == 'api.example.com'"},
		{ID: ConnTLSVersion, Path: "conn.tls.version", Type: TypeString, Phases: phasesAll, Doc: `The TLS version such as 1.3; "" without TLS.`, Example: "conn.tls.version == '1.3'"},
		{ID: ConnTLSCipherSuite, Path: "conn.tls.cipher_suite", Type: TypeString, Phases: phasesAll, Doc: `The name of the cipher suite; "" without TLS.`, Example: "conn.tls.cipher_suite != ''"},
		{ID: ConnTLSNegotiatedALPN, Path: "conn.tls.negotiated_alpn", Type: TypeString, Phases: phasesAll, Doc: `The protocol agreed on by ALPN; "" where none.`, Example: "conn.tls.negotiated_alpn == 'http/1.1'"},
		{ID: ConnTLSJA4Fingerprint, Path: "conn.tls.ja4_fingerprint", Type: TypeString, Phases: phasesAll, Doc: "The JA4 fingerprint of the TLS client; empty without TLS and where the listener takes none.", Example: "conn.tls.ja4_fingerprint.startsWith('t13d')"},
		{ID: ConnTLSSessionResumed, Path: "conn.tls.session_resumed", Type: TypeBool, Phases: phasesAll, Doc: "Whether the TLS session goes on from an earlier connection.", Example: "!conn.tls.session_resumed"},
		{ID: EndpointAddr, Path: "endpoint.addr", Type: TypeString, Phases: phasesAll, Doc: "The listen address of the endpoint.", Example: "endpoint.addr == '127.0.0.1:8080'"},
		{ID: EndpointHost, Path: "endpoint.host", Type: TypeString, Phases: phasesAll, Doc: "The host of the endpoint.", Example: "endpoint.host == 'localhost'"},
		{ID: EndpointID, Path: "endpoint.id", Type: TypeString, Phases: phasesAll, Doc: "The name of the endpoint in weir.yaml.", Example: "endpoint.id == 'default'"},
		{ID: EndpointProtocol, Path: "endpoint.protocol", Type: TypeString, Phases: phasesAll, Doc: "http or https.", Example: "endpoint.protocol == 'http'"},
		{ID: EndpointURL, Path: "endpoint.url", Type: TypeString, Phases: phasesAll, Doc: "The base URL of the endpoint.", Example: "endpoint.url.startsWith('http://')"},
		{ID: EndpointPort, Path: "endpoint.port", Type: TypeInt, Phases: phasesAll, Doc: "The port of the endpoint.", Example: "endpoint.port == 8080"},
		{ID: TimeNow, Path: "time.now", Type: TypeString, Phases: phasesAll, Doc: "The time in UTC as RFC 3339.", Example: "timestamp(time.now) > timestamp('2026-01-01T00:00:00Z')"},
		{ID: TimeHour, Path: "time.hour", Type: TypeInt, Phases: phasesAll, Doc: "The hour from 0 to 23, in the time zone of the policy (default UTC).", Example: "time.hour >= 8 && time.hour < 18"},
		{ID: TimeWeekday, Path: "time.weekday", Type: TypeInt, Phases: phasesAll, Doc: "The day of the week from 0 (Sunday) to 6, in the time zone of the policy.", Example: "time.weekday in [1, 2, 3, 4, 5]"},
		{ID: TimeDate, Path: "time.date", Type: TypeString, Phases: phasesAll, Doc: "The date as YYYY-MM-DD, in the time zone of the policy.", Example: "time.date >= '2026-01-01'"},
		{ID: Vars, Path: "vars", Type: TypeMap, Phases: phasesAll, Doc: "What set-vars and rego set in earlier rules; a missing name is null.", Example: "vars.tier == 'gold'"},
		{ID: Actions, Path: "actions", Type: TypeMap, Phases: phasesAll, Doc: "Results of earlier actions by name with underscores; actions.ngrok.x reads the same as actions.x.", Example: "actions.rate_limit.limited == true"},
	}
}

// aiVars is what the model call is about.
func aiVars() []Var {
	return []Var{
		{ID: AIAPI, Path: "ai.api", Type: TypeString, Phases: phasesHTTP, Doc: "The API the client speaks, such as openai.chat or anthropic.messages.", Example: "ai.api == 'openai.chat'"},
		{ID: AIRequestModel, Path: "ai.request.model", Type: TypeString, Phases: phasesHTTP, Doc: `The model the client named; "" where it named none.`, Example: "ai.request.model == 'gpt-4o'"},
		{ID: AIRequestModels, Path: "ai.request.models", Type: TypeStrings, Phases: phasesHTTP, Doc: "All models the client named, in its order.", Example: "size(ai.request.models) == 0"},
		{ID: AIRequestStream, Path: "ai.request.stream", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the client asked for a stream.", Example: "ai.request.stream"},
		{ID: AIRequestInputTokens, Path: "ai.request.input_tokens", Type: TypeInt, Phases: phasesHTTP, Doc: "An estimate of the input tokens.", Example: "ai.request.input_tokens < 8000"},
		{ID: AIRequestMaxOutputTokens, Path: "ai.request.max_output_tokens", Type: TypeInt, Phases: phasesHTTP, Doc: "The output limit the client set; 0 where it set none.", Example: "ai.request.max_output_tokens <= 4096"},
		{ID: AIRequestUser, Path: "ai.request.user", Type: TypeString, Phases: phasesHTTP, Doc: `The end user the client named; "" where it named none.`, Example: "ai.request.user != ''"},
		{ID: AIRequestMessages, Path: "ai.request.messages", Type: TypeList, Phases: phasesHTTP, Doc: "The conversation in one form whatever API the client speaks: {role, text, name, tool_calls, images}. Roles are system (instructions too), user, assistant and tool. text is all a model reads of the message as text, blocks that Weir does not know as the JSON they are.", Example: "ai.request.messages.exists(m, m.role == 'user' && m.text.contains('refund'))"},
		{ID: AIRequestSystem, Path: "ai.request.system", Type: TypeString, Phases: phasesHTTP, Doc: "The text of all instructions.", Example: "ai.request.system.contains('You are')"},
		{ID: AIRequestTools, Path: "ai.request.tools", Type: TypeList, Phases: phasesHTTP, Doc: "The tools that the model may call, in the order sent: {name, description, kind}.", Example: "ai.request.tools.all(t, t.name != 'shell')"},
		{ID: AIRequestHasTools, Path: "ai.request.has_tools", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the model may call tools.", Example: "ai.request.has_tools"},
		{ID: AIRequestHasImages, Path: "ai.request.has_images", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether a message holds an image.", Example: "!ai.request.has_images"},
		{ID: AIRequestWantsJSON, Path: "ai.request.wants_json", Type: TypeBool, Phases: phasesHTTP, Doc: "Whether the answer must be JSON, by a schema or not.", Example: "ai.request.wants_json"},
		{ID: AIRequestTemperature, Path: "ai.request.temperature", Type: TypeDyn, Phases: phasesHTTP, Doc: "The temperature as a number; null where the client set none.", Example: "ai.request.temperature == null || ai.request.temperature <= 1.0"},
		{ID: AIRequestTopP, Path: "ai.request.top_p", Type: TypeDyn, Phases: phasesHTTP, Doc: "The nucleus sampling limit as a number; null where the client set none.", Example: "ai.request.top_p == null || ai.request.top_p > 0.1"},
		{ID: AIRequestChoices, Path: "ai.request.choices", Type: TypeInt, Phases: phasesHTTP, Doc: "How many answers the client asked for; 1 where it did not say.", Example: "ai.request.choices <= 1"},
		{ID: AIRequestReasoningEffort, Path: "ai.request.reasoning_effort", Type: TypeString, Phases: phasesHTTP, Doc: "The reasoning effort in the word of the API; empty where the client set none.", Example: "ai.request.reasoning_effort != 'high'"},
		{ID: AIModels, Path: "ai.models", Type: TypeModels, Phases: PhaseRoute, Doc: "The models that can be reached. In a strategy these are the ones left to choose among.", Example: "ai.models.filter(m, m.provider_id == 'openai')"},
		{ID: AIProviders, Path: "ai.providers", Type: TypeProviders, Phases: PhaseRoute, Doc: "The providers of ai.models.", Example: "ai.providers.get('openai').getModel('gpt-4o')"},
		{ID: AIAuthors, Path: "ai.authors", Type: TypeAuthors, Phases: PhaseRoute, Doc: "The authors of ai.models.", Example: "ai.authors.only(['openai'])"},
		{ID: AIKeys, Path: "ai.keys", Type: TypeKeys, Phases: PhaseKeys, Doc: "The provider's keys, in api_key_selection.", Example: "ai.keys.filter(k, k.error_rate.total < 0.5)"},
	}
}

// attemptVars is who asks and what targets have answered so far.
func attemptVars() []Var {
	return []Var{
		{ID: AttemptModel, Path: "attempt.model", Type: TypeString, Phases: PhaseFailover | PhaseResponse, Doc: "The model of the attempt.", Example: "attempt.model == 'gpt-4o'"},
		{ID: AttemptProvider, Path: "attempt.provider", Type: TypeString, Phases: PhaseFailover | PhaseResponse, Doc: "The provider of the attempt.", Example: "attempt.provider == 'openai'"},
		{ID: AttemptStatus, Path: "attempt.status", Type: TypeInt, Phases: PhaseFailover | PhaseResponse, Doc: "The upstream status; 0 where there was no answer.", Example: "attempt.status == 429"},
		{ID: AttemptError, Path: "attempt.error", Type: TypeString, Phases: PhaseFailover | PhaseResponse, Doc: `The code of what went wrong; "" where nothing did.`, Example: "attempt.error == 'timeout'"},
		{ID: AttemptRetryable, Path: "attempt.retryable", Type: TypeBool, Phases: PhaseFailover | PhaseResponse, Doc: "Whether another target may do better.", Example: "attempt.retryable"},
		{ID: AttemptNumber, Path: "attempt.number", Type: TypeInt, Phases: PhaseFailover | PhaseResponse, Doc: "The number of the attempt, from 1.", Example: "attempt.number < 3"},
		{ID: AttemptElapsedMS, Path: "attempt.elapsed_ms", Type: TypeInt, Phases: PhaseFailover | PhaseResponse, Doc: "How long the attempt took, in milliseconds.", Example: "attempt.elapsed_ms < 2000"},
		{ID: Attempts, Path: "attempts", Type: TypeList, Phases: PhaseFailover | PhaseResponse, Doc: "All attempts so far, the latest last, with the fields of attempt.", Example: "size(attempts) < 4"},
		{ID: CallerID, Path: "caller.id", Type: TypeString, Phases: phasesHTTP, Doc: `The id of the caller; "" where anonymous.`, Example: "caller.id == 'team-a'"},
		{ID: CallerName, Path: "caller.name", Type: TypeString, Phases: phasesHTTP, Doc: "The name of the caller.", Example: "caller.name != ''"},
		{ID: CallerKind, Path: "caller.kind", Type: TypeString, Phases: phasesHTTP, Doc: "access_key, jwt (also for callers who logged in by openid-connect or oauth), basic, mtls or anonymous.", Example: "caller.kind == 'anonymous'"},
		{ID: CallerGroups, Path: "caller.groups", Type: TypeStrings, Phases: phasesHTTP, Doc: "The groups of the caller.", Example: "'admins' in caller.groups"},
		{ID: CallerMetadata, Path: "caller.metadata", Type: TypeMap, Phases: phasesHTTP, Doc: "Metadata of the caller; a missing name is null.", Example: "caller.metadata.plan == 'trial'"},
	}
}

// responseVars is the answer.
func responseVars() []Var {
	return []Var{
		{ID: ResStatusCode, Path: "res.status_code", Type: TypeInt, Phases: PhaseResponse, Doc: "The status of the answer.", Example: "res.status_code >= 500"},
		{ID: ResHeaders, Path: "res.headers", Type: TypeMulti, Phases: PhaseResponse, Doc: "The headers of the answer, read as req.headers.", Example: "'retry-after' in res.headers"},
		{ID: ResTrailers, Path: "res.trailers", Type: TypeMulti, Phases: PhaseResponse, Doc: "The trailers of the answer, read as req.headers. Weir passes none on, so there are none.", Example: "size(res.trailers) == 0"},
		{ID: ResCookies, Path: "res.cookies", Type: TypeCookies, Phases: PhaseResponse, Doc: "The cookies that the answer sets: lists by name, the longest path first, of {name, value, domain, path, same_site, expires, max_age, http_only, secure, unparsed_attributes}.", Example: "res.cookies['session'][0].secure"},
		{ID: ResContentType, Path: "res.content_type", Type: TypeString, Phases: PhaseResponse, Doc: "The media type of the answer, without parameters.", Example: "res.content_type == 'text/event-stream'"},
		{ID: ResContentTypeParameters, Path: "res.content_type.parameters", Type: TypeStringMap, Phases: PhaseResponse, Doc: "The parameters of the media type.", Example: "res.content_type.parameters['charset'] == 'utf-8'"},
		{ID: ResContentTypeRaw, Path: "res.content_type.raw", Type: TypeString, Phases: PhaseResponse, Doc: "The Content-Type header of the answer.", Example: "res.content_type.raw != ''"},
		{ID: ResContentLength, Path: "res.content_length", Type: TypeInt, Phases: PhaseResponse, Doc: "The declared length of the answer, 0 where none was declared.", Example: "res.content_length < 1000000"},
		{ID: ResContentEncoding, Path: "res.content_encoding", Type: TypeStrings, Phases: PhaseResponse, Doc: "The content encodings of the answer.", Example: "size(res.content_encoding) == 0"},
		{ID: ResLocation, Path: "res.location", Type: TypeString, Phases: PhaseResponse, Doc: "The Location header of the answer.", Example: "res.location == ''"},
		{ID: ResTSHeaderReceived, Path: "res.ts.header_received", Type: TypeTimestamp, Phases: PhaseResponse, Doc: "When the headers of the provider's answer had arrived; 1970 where no provider answered.", Example: "res.ts.header_received >= timestamp(0)"},
		{ID: ResTSBodyReceived, Path: "res.ts.body_received", Type: TypeTimestamp, Phases: PhaseResponse, Doc: "When the whole answer of the provider had arrived; 1970 on streams and where no provider answered.", Example: "res.ts.body_received >= timestamp(0)"},
		{ID: ResBody, Path: "res.body", Type: TypeDyn, Phases: PhaseResponse, Doc: "The JSON body of a whole answer: a missing member is null. null on streams and where the answer is not JSON.", Example: "res.body.object == 'chat.completion'"},
		{ID: AIResponseModel, Path: "ai.response.model", Type: TypeString, Phases: PhaseResponse, Doc: "The model that answered.", Example: "ai.response.model == 'gpt-4o'"},
		{ID: AIResponseProvider, Path: "ai.response.provider", Type: TypeString, Phases: PhaseResponse, Doc: "The provider that answered.", Example: "ai.response.provider == 'openai'"},
		{ID: AIResponseFinishReason, Path: "ai.response.finish_reason", Type: TypeString, Phases: PhaseResponse, Doc: `Why the model stopped; "" while it is not known.`, Example: "ai.response.finish_reason == 'length'"},
		{ID: AIResponseText, Path: "ai.response.text", Type: TypeString, Phases: PhaseResponse, Doc: "The text of a whole answer, of several choices one after the other; empty on streams.", Example: "ai.response.text.contains('internal use only')"},
		{ID: AIResponseToolCalls, Path: "ai.response.tool_calls", Type: TypeList, Phases: PhaseResponse, Doc: "The calls of tools in a whole answer: {name, arguments}, the arguments as the text they are. Empty on streams.", Example: "ai.response.tool_calls.exists(c, c.name == 'shell')"},
		{ID: AIResponseCostUSD, Path: "ai.response.cost_usd", Type: TypeDyn, Phases: PhaseResponse, Doc: "What the answer costs by the prices of the catalog, in USD; null while the usage is not known and for models without a price.", Example: "ai.response.cost_usd == null || ai.response.cost_usd < 0.5"},
		{ID: AIResponseUsageInputTokens, Path: "ai.response.usage.input_tokens", Type: TypeInt, Phases: PhaseResponse, Doc: "Input tokens as the provider counted them.", Example: "ai.response.usage.input_tokens > 1000"},
		{ID: AIResponseUsageOutputTokens, Path: "ai.response.usage.output_tokens", Type: TypeInt, Phases: PhaseResponse, Doc: "Output tokens as the provider counted them.", Example: "ai.response.usage.output_tokens > 1000"},
		{ID: AIResponseUsageCacheReadTokens, Path: "ai.response.usage.cache_read_tokens", Type: TypeInt, Phases: PhaseResponse, Doc: "Input tokens read from the provider's cache.", Example: "ai.response.usage.cache_read_tokens > 0"},
		{ID: AIResponseUsageCacheWriteTokens, Path: "ai.response.usage.cache_write_tokens", Type: TypeInt, Phases: PhaseResponse, Doc: "Input tokens written to the provider's cache.", Example: "ai.response.usage.cache_write_tokens > 0"},
		{ID: AIResponseUsageReasoningTokens, Path: "ai.response.usage.reasoning_tokens", Type: TypeInt, Phases: PhaseResponse, Doc: "Output tokens spent on reasoning.", Example: "ai.response.usage.reasoning_tokens > 0"},
	}
}
