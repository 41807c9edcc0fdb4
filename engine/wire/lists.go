package wire

import (
	"strconv"
	"time"
)

// ModelEntry is one model of the list that a client may see. Created is in Unix seconds, 0 where it is not known;
// limits are in tokens, 0 where they are not known. Methods are Gemini's names for what the model can be asked.
type ModelEntry struct {
	ID, DisplayName, OwnedBy string
	Created                  int64
	InputLimit, OutputLimit  int64
	Methods                  []string
}

// Page is the part of the list that a client asked for: Anthropic's limit, after_id and before_id, Gemini's pageSize and
// pageToken (After). OpenAI's list has no pages. A Limit that is not positive is the vendor's default. A cursor that is
// in no list gives an empty page.
type Page struct {
	Limit         int
	After, Before string
}

// The page sizes of the two vendors that have pages, as their references state them. The largest is the same.
const (
	listLargest          = 1000
	listDefaultAnthropic = 20
	listDefaultGemini    = 50
)

// AppendModels appends the list of models in the dialect's shape.
func AppendModels(dst []byte, d Dialect, entries []ModelEntry, page Page) []byte {
	more := false
	switch d {
	case DialectAnthropic:
		entries, more = page.cut(entries, listDefaultAnthropic)
		dst = append(dst, `{"data":[`...)
	case DialectGemini:
		page.Before = ""
		entries, more = page.cut(entries, listDefaultGemini)
		dst = append(dst, `{"models":[`...)
	default:
		dst = append(dst, `{"object":"list","data":[`...)
	}
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendModel(dst, d, entries[i])
	}
	dst = append(dst, ']')
	switch d {
	case DialectAnthropic:
		dst = append(dst, `,"has_more":`...)
		dst = strconv.AppendBool(dst, more)
		first, last := "", ""
		if len(entries) > 0 {
			first, last = entries[0].ID, entries[len(entries)-1].ID
		}
		dst = appendOrNull(append(dst, `,"first_id":`...), first)
		dst = appendOrNull(append(dst, `,"last_id":`...), last)
	case DialectGemini:
		if more {
			dst = append(dst, `,"nextPageToken":`...)
			dst = AppendString(dst, entries[len(entries)-1].ID)
		}
	case DialectOpenAI:
	}
	return append(dst, '}')
}

// cut takes the page out of the entries; more says that there are others in the direction that was asked for.
func (p Page) cut(entries []ModelEntry, size int) (page []ModelEntry, more bool) {
	if p.Limit > 0 {
		size = min(p.Limit, listLargest)
	}
	if p.Before != "" {
		entries = entries[:max(0, listIndex(entries, p.Before))]
		from := max(0, len(entries)-size)
		return entries[from:], from > 0
	}
	if p.After != "" {
		i := listIndex(entries, p.After)
		if i < 0 {
			return nil, false
		}
		entries = entries[i+1:]
	}
	if len(entries) > size {
		return entries[:size], true
	}
	return entries, false
}

func listIndex(entries []ModelEntry, id string) int {
	for i := range entries {
		if entries[i].ID == id {
			return i
		}
	}
	return -1
}

// AppendModel appends one model in the dialect's shape.
func AppendModel(dst []byte, d Dialect, entry ModelEntry) []byte {
	name := entry.DisplayName
	if name == "" {
		name = entry.ID
	}
	switch d {
	case DialectAnthropic:
		dst = AppendString(append(dst, `{"type":"model","id":`...), entry.ID)
		dst = AppendString(append(dst, `,"display_name":`...), name)
		dst = append(dst, `,"created_at":"`...)
		dst = time.Unix(entry.Created, 0).UTC().AppendFormat(dst, time.RFC3339) // the epoch where it is not known, as there
		return append(dst, `"}`...)
	case DialectGemini:
		dst = AppendString(append(dst, `{"name":`...), "models/"+entry.ID)
		dst = AppendString(append(dst, `,"displayName":`...), name)
		dst = appendLimit(dst, `,"inputTokenLimit":`, entry.InputLimit)
		dst = appendLimit(dst, `,"outputTokenLimit":`, entry.OutputLimit)
		dst = append(dst, `,"supportedGenerationMethods":[`...)
		for i, method := range entry.Methods {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, method)
		}
		return append(dst, "]}"...)
	default:
		dst = AppendString(append(dst, `{"id":`...), entry.ID)
		dst = strconv.AppendInt(append(dst, `,"object":"model","created":`...), entry.Created, 10)
		dst = AppendString(append(dst, `,"owned_by":`...), entry.OwnedBy)
		return append(dst, '}')
	}
}

// appendLimit appends a limit that is known.
func appendLimit(dst []byte, member string, n int64) []byte {
	if n <= 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, member...), n, 10)
}
