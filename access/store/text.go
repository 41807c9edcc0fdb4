package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Texts in an index of PostgreSQL have to be shorter than 2704 bytes together, and at most three are in one.
const maxText = 512

// Texts come from clients too, and one that a database refuses would keep the whole batch of its row from being stored:
// every text is made acceptable first.

// clean returns a text without what PostgreSQL cannot store: bytes that are not UTF-8, and NUL.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// text returns a text that can be in an index: one that is clean and short stays as it is, others end in a hash, so that two
// never become one. The same is made of what is looked for.
func text(s string) string {
	kept := clean(s)
	if len(kept) <= maxText && kept == s {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	mark := "~" + hex.EncodeToString(sum[:16])
	if end := maxText - len(mark); len(kept) > end {
		for !utf8.RuneStart(kept[end]) {
			end--
		}
		kept = kept[:end]
	}
	return kept + mark
}
