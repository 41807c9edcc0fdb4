package vars

// The ids of the variables, named from their paths. They are indexes into the table and may change between versions.
const (
	ReqID                           ID = iota // req.id
	ReqMethod                                 // req.method
	ReqHost                                   // req.host
	ReqLocation                               // req.location
	ReqVersion                                // req.version
	ReqHeaders                                // req.headers
	ReqCookies                                // req.cookies
	ReqContentLength                          // req.content_length
	ReqContentEncoding                        // req.content_encoding
	ReqContentType                            // req.content_type
	ReqContentTypeParameters                  // req.content_type.parameters
	ReqContentTypeRaw                         // req.content_type.raw
	ReqURL                                    // req.url
	ReqURLAuthority                           // req.url.authority
	ReqURLHost                                // req.url.host
	ReqURLPort                                // req.url.port
	ReqURLPath                                // req.url.path
	ReqURLRawPath                             // req.url.raw_path
	ReqURLQuery                               // req.url.query
	ReqURLQueryParams                         // req.url.query_params
	ReqURLRaw                                 // req.url.raw
	ReqURLScheme                              // req.url.scheme
	ReqURLURI                                 // req.url.uri
	ReqUserAgent                              // req.user_agent
	ReqTSHeaderReceived                       // req.ts.header_received
	ConnClientIP                              // conn.client_ip
	ConnClientPort                            // conn.client_port
	ConnServerIP                              // conn.server_ip
	ConnServerPort                            // conn.server_port
	ConnTSStart                               // conn.ts.start
	ConnTLSSNI                                // conn.tls.sni
	ConnTLSVersion                            // conn.tls.version
	ConnTLSCipherSuite                        // conn.tls.cipher_suite
	ConnTLSNegotiatedALPN                     // conn.tls.negotiated_alpn
	EndpointAddr                              // endpoint.addr
	EndpointHost                              // endpoint.host
	EndpointID                                // endpoint.id
	EndpointProtocol                          // endpoint.protocol
	EndpointURL                               // endpoint.url
	EndpointPort                              // endpoint.port
	TimeNow                                   // time.now
	TimeHour                                  // time.hour
	TimeWeekday                               // time.weekday
	TimeDate                                  // time.date
	Vars                                      // vars
	Actions                                   // actions
	AIAPI                                     // ai.api
	AIRequestModel                            // ai.request.model
	AIRequestModels                           // ai.request.models
	AIRequestStream                           // ai.request.stream
	AIRequestInputTokens                      // ai.request.input_tokens
	AIRequestMaxOutputTokens                  // ai.request.max_output_tokens
	AIRequestUser                             // ai.request.user
	AIModels                                  // ai.models
	AIProviders                               // ai.providers
	AIAuthors                                 // ai.authors
	AIKeys                                    // ai.keys
	AttemptModel                              // attempt.model
	AttemptProvider                           // attempt.provider
	AttemptStatus                             // attempt.status
	AttemptError                              // attempt.error
	AttemptRetryable                          // attempt.retryable
	AttemptNumber                             // attempt.number
	AttemptElapsedMS                          // attempt.elapsed_ms
	Attempts                                  // attempts
	CallerID                                  // caller.id
	CallerName                                // caller.name
	CallerKind                                // caller.kind
	CallerGroups                              // caller.groups
	CallerMetadata                            // caller.metadata
	ResStatusCode                             // res.status_code
	ResHeaders                                // res.headers
	ResContentType                            // res.content_type
	ResContentTypeParameters                  // res.content_type.parameters
	ResContentTypeRaw                         // res.content_type.raw
	ResContentLength                          // res.content_length
	ResContentEncoding                        // res.content_encoding
	ResLocation                               // res.location
	AIResponseModel                           // ai.response.model
	AIResponseProvider                        // ai.response.provider
	AIResponseFinishReason                    // ai.response.finish_reason
	AIResponseUsageInputTokens                // ai.response.usage.input_tokens
	AIResponseUsageOutputTokens               // ai.response.usage.output_tokens
	AIResponseUsageCacheReadTokens            // ai.response.usage.cache_read_tokens
	AIResponseUsageCacheWriteTokens           // ai.response.usage.cache_write_tokens
	AIResponseUsageReasoningTokens            // ai.response.usage.reasoning_tokens
	count

	// Count is the number of variables; ids are below it.
	Count = int(count)
)
