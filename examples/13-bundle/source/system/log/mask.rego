# What the decision log does not get: the words of people.
package system.log

mask contains "/input/ai/request/messages"

mask contains "/input/req/body"
