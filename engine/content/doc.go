// Package content changes and judges text: whole, and as it comes in pieces.
//
// Patterns are RE2. Over a stream they run on a window that holds back no more than could still become a match, so that
// a text gives the same result however it was cut. The package knows text and nothing of JSON, events or policies:
// engine/wire finds the text in bodies and events, and puts it back.
package content
