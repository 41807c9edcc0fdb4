// Package ipinfo tells what is known of an IP address: where it is, whose network it belongs to, and on which lists it
// stands. It reads files in MaxMind's format and plain lists of networks, and takes up new versions of them while it runs.
package ipinfo
