// Package providers holds the vendors that Weir knows: one vendor in three files of one name, its spec, its test and its
// page. A vendor of a known API is a spec of a few lines.
package providers
