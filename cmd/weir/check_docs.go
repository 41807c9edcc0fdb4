package main

import (
	"fmt"
	"strconv"
	"strings"

	"weir/policies"
)

// diagnosticsPage is the reference of what weir check reports.
func diagnosticsPage() string {
	var b strings.Builder
	b.WriteString(diagnosticsIntro)
	b.WriteString("| Code | | Meaning | In ngrok's validation |\n|---|---|---|---|\n")
	for _, d := range policies.DiagnosticCodes() {
		numbers := make([]string, len(d.Ngrok))
		for i, n := range d.Ngrok {
			numbers[i] = strconv.Itoa(n)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Code, d.Severity, cell(d.Doc), strings.Join(numbers, ", "))
	}
	b.WriteString(diagnosticsOthers)
	return b.String()
}

const diagnosticsIntro = "# Diagnostics\n" + `
What ` + "`weir check`" + `, a reload and an editor report about a policy. All of it is told at once, sorted by file, line and column, in one
form for YAML, CEL and Weir's own checks:

` + "```text" + `
policy.yaml:3:20: unknown_variable: "req.methd" is not a variable
 3 |   - expressions: ["req.methd == 'GET'"]
   |                    ^^^^^^^^^  did you mean "req.method"?
` + "```" + `

Behind the file stand line and column, counted from 1 in characters, then the code, which never changes its meaning, the
message, the line, and under it what is meant and, where there is one, a hint of what to write instead. Values of secrets are
masked.

## Errors and warnings

An *error* is what cannot be run as it is written, or what would leave open what the author meant to close. A policy with
an error never loads: at the start Weir does not listen, and on a reload the plan before stays.

A *warning* is what runs, and most likely does not do what was meant: a rule that nothing gets to, a condition that is always
the same, a strategy that leaves nothing. The policy loads.

What a policy says is not enforced (shadow rules, ` + "`enforce: false`, `on_error: continue`" + `) is neither: it is listed as a note, so that
nobody forgets it.

` + "`weir check --strict`" + ` is for the gate of a repository: warnings are errors, and notes are refused.

## Forms

| Command | |
|---|---|
| ` + "`weir check FILE...`" + ` | Text, for people. A folder stands for every ` + "`policy.yaml`, `policy.yml` and `policy.json`" + ` in it and below it. |
| ` + "`weir check --format json`" + ` | One object for each file with ` + "`path`, `hash`, `exceptions` and `diagnostics`" + `; each diagnostic has ` + "`file`, `line`, `col`, `end_line`, `end_col`, `severity`, `code`, `message` and `hint`" + `. |
| ` + "`weir check --format sarif`" + ` | SARIF 2.1.0, which code review tools show beside the lines. Paths are relative to the working folder. |
| ` + "`weir check --watch`" + ` | Checks again whenever one of the files changed, those that are included and those with secrets too, until it is interrupted. |

The status is 1 where there is any error, else 0.

## In CI

` + "`make build`" + ` makes the binary. Three steps tell a reviewer what a change to a policy does; here they are as a workflow of GitHub, whose
code scanning shows SARIF beside the lines:

` + "```yaml" + `
name: policies
on: [pull_request]
permissions:
  contents: read
  security-events: write  # for the upload
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: check
        run: weir check --strict --format sarif policies > weir.sarif
      - name: show what was found
        if: always()  # the step before fails where there is an error
        uses: github/codeql-action/upload-sarif@v3
        with: {sarif_file: weir.sarif}
      - name: test
        if: always()
        run: weir test policies
` + "```" + `

Checking a policy needs the names of its secrets and not their values: give the job variables of the same names with anything in
them, or a ` + "`weir.yaml` with `secrets.files` and `--config`" + `. Paths in the report are relative to the folder in which the command runs, so
run it in that of the repository. Where there is no code scanning, the text form in the log of the job says the same.

## Codes

The last column has the numbers under which ngrok's validation of a traffic policy refuses the same (` + "`ERR_NGROK_2201`" + ` and so on).

`

const diagnosticsOthers = `
## Numbers of ngrok without a code here

| Number | Why |
|---|---|
| 2205, 2229, 2230 | An endpoint of Weir speaks HTTP; there is no other protocol that a phase or an action could be wrong for. |
| 2216 | IP policies are objects of an ngrok account; write the ranges themselves. |
| 2227 | The discovery document of an issuer is asked for when it is needed, not when the policy loads: a vendor that is down must not keep a policy from loading. |
| 2233, 2238, 2253, 2254, 2300 | Failures while a request runs. They end it with ` + "`policy_failed`" + `, see [errors.md](errors.md). |
| 2235 | Every request is handled: without a match the default route takes it, or, where a document routes by actions alone, it is refused with ` + "`no_route`" + `. |
| 2239 | Several actions that authenticate may stand in one policy. |
| 2241, 2242 | Domains of cookies are checked by the action that has them, as ` + "`bad_value`" + `. |
| 2248, 2262 | ` + "`on_tcp_connect`" + ` runs for every listener. |
| 2257, 2258 | Credentials of ` + "`basic-auth`" + ` are checked by the action, as ` + "`bad_value` or `out_of_range`" + `. |
| 2243 | Belongs to accounts and their domains. |
| 2264, 2265 | There is no limit on rules or actions beyond the size of a policy. |
| 2266 | Several ` + "`ai-gateway`" + ` actions are allowed: the first that is reached routes. |
| 2267 | Keys of providers stand in the policy, or in the secrets that it names. |
`
