package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"weir/engine"
	"weir/engine/wire"
)

// maxJSONDepth is what the gateway takes in the APIs it speaks: deeper bodies are made to hurt.
const maxJSONDepth = 64

// maxJSONPath bounds the names that values get: the rules look at every name, and one long member around many values would
// be looked at with each of them.
const maxJSONPath = 128

// crsBody is how a body is taken apart for the rules.
type crsBody uint8

const (
	bodyText crsBody = iota // as a form, like anything that has no form
	bodyForm
	bodyXML
	bodyJSON
	bodyMultipart
)

// processor is the name that rules know the kind by.
func (k crsBody) processor() string {
	switch k {
	case bodyForm:
		return "URLENCODED"
	case bodyXML:
		return "XML"
	case bodyJSON:
		return "JSON"
	case bodyMultipart:
		return "MULTIPART"
	default:
		return ""
	}
}

// crsBodyKind is how whoever gets the body will read it: the APIs read JSON whatever the type says.
func crsBodyKind(x *engine.Exchange) crsBody {
	media, _, _ := strings.Cut(strings.ToLower(x.Request.Headers.First("content-type")), ";")
	media = strings.TrimSpace(media)
	switch {
	case media == "multipart/form-data":
		return bodyMultipart
	case x.Request.API != wire.APIUnknown, media == "application/json", strings.HasSuffix(media, "+json"):
		return bodyJSON
	case media == "application/xml", media == "text/xml", strings.HasSuffix(media, "+xml"):
		return bodyXML
	case media == "application/x-www-form-urlencoded":
		return bodyForm
	default:
		return bodyText
	}
}

var errNotJSON = errors.New("the body is not JSON")

// errCut ends the reading of a body at the limit.
var errCut = errors.New("the end of what is looked at")

// addJSON gives the rules every string of a JSON text, by a name such as json.messages.0.content, up to where the text was
// cut. Members that hold no string give their name alone, and numbers in lists give nothing: they cannot carry an attack,
// and lists of tokens have thousands. The firewall's own reader would take a text that was cut for a broken one.
func addJSON(tx types.Transaction, body []byte, cut bool) error {
	r := &jsonArgs{tx: tx, text: body, cut: cut, path: append(make([]byte, 0, 128), "json"...)}
	err := r.value(maxJSONDepth, false)
	r.space()
	if err == nil && r.at < len(r.text) {
		err = errNotJSON
	}
	if errors.Is(err, errCut) {
		return nil
	}
	return err
}

// jsonArgs reads a JSON text that may have been cut.
type jsonArgs struct {
	tx   types.Transaction
	text []byte
	at   int
	cut  bool
	path []byte
}

func (r *jsonArgs) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

// next is the next byte that is no space; an end is where the text was cut, or a mistake.
func (r *jsonArgs) next() (byte, error) {
	r.space()
	if r.at >= len(r.text) {
		return 0, r.end()
	}
	return r.text[r.at], nil
}

func (r *jsonArgs) end() error {
	if r.cut {
		return errCut
	}
	return errNotJSON
}

func (r *jsonArgs) value(depth int, member bool) error {
	c, err := r.next()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		s, err := r.str()
		r.tx.AddPostRequestArgument(string(r.path), s)
		return err
	case '{', '[':
		if depth == 0 {
			return errNotJSON
		}
		r.at++
		if c == '{' {
			return r.members(depth - 1)
		}
		return r.items(depth - 1)
	}
	if member {
		r.tx.AddPostRequestArgument(string(r.path), "")
	}
	from := r.at
	for r.at < len(r.text) && strings.IndexByte(",]} \t\r\n", r.text[r.at]) < 0 {
		r.at++
	}
	if r.at == len(r.text) && r.cut {
		return errCut
	}
	if !json.Valid(r.text[from:r.at]) {
		return errNotJSON
	}
	return nil
}

func (r *jsonArgs) members(depth int) error {
	if c, err := r.next(); err != nil || c == '}' {
		r.at++
		return err
	}
	base := len(r.path)
	for {
		if err := r.name(); err != nil {
			return err
		}
		if err := r.value(depth, true); err != nil {
			return err
		}
		r.path = r.path[:base]
		if done, err := r.more('}'); done || err != nil {
			return err
		}
	}
}

// name reads the name of a member and its colon. What makes the path too long is looked at by itself, once.
func (r *jsonArgs) name() error {
	c, err := r.next()
	if err == nil && c != '"' {
		err = errNotJSON
	}
	if err != nil {
		return err
	}
	name, err := r.str()
	if err != nil || len(r.path)+len(name) >= maxJSONPath {
		r.tx.AddPostRequestArgument(name, "")
	} else {
		r.path = append(append(r.path, '.'), name...)
	}
	if err != nil {
		return err
	}
	if c, err = r.next(); err == nil && c != ':' {
		err = errNotJSON
	}
	r.at++
	return err
}

func (r *jsonArgs) items(depth int) error {
	if c, err := r.next(); err != nil || c == ']' {
		r.at++
		return err
	}
	base := len(r.path)
	for n := int64(0); ; n++ {
		r.path = strconv.AppendInt(append(r.path, '.'), n, 10)
		if err := r.value(depth, false); err != nil {
			return err
		}
		r.path = r.path[:base]
		if done, err := r.more(']'); done || err != nil {
			return err
		}
	}
}

// more takes the comma before another entry, or the end of the entries.
func (r *jsonArgs) more(closing byte) (done bool, err error) {
	c, err := r.next()
	if err != nil {
		return false, err
	}
	r.at++
	switch c {
	case closing:
		return true, nil
	case ',':
		return false, nil
	default:
		return false, errNotJSON
	}
}

// str reads a string, decoded; of one that was cut it returns what there is, with the error.
func (r *jsonArgs) str() (string, error) {
	from := r.at
	escaped := 0 // where the last escape begins
	for r.at++; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = r.at
			r.at++
		}
	}
	if r.at < len(r.text) {
		r.at++
		var s string
		if err := json.Unmarshal(r.text[from:r.at], &s); err != nil {
			return "", errNotJSON
		}
		return s, nil
	}
	if !r.cut {
		return "", errNotJSON
	}
	whole := r.text[from:]
	if escaped > 0 && escaped+len(`\u0000`) > len(r.text) {
		whole = r.text[from:escaped] // it may have been cut itself
	}
	var s string
	if err := json.Unmarshal(append(bytes.Clone(whole), '"'), &s); err != nil {
		return "", errNotJSON
	}
	return s, errCut
}

// addMultipart gives the rules the names, file names and contents of the parts. The firewall's own reader would write files
// to the disk.
func addMultipart(tx types.Transaction, body []byte, contentType string, cut bool) error {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("the type of the body: %w", err)
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := reader.NextRawPart()
		switch {
		case errors.Is(err, io.EOF), err != nil && cut:
			return nil
		case err != nil:
			return fmt.Errorf("the parts of the body: %w", err)
		}
		// as it was sent: the reader of the standard library takes folders out of file names
		disposition := part.Header.Get("Content-Disposition")
		if _, fields, err := mime.ParseMediaType(disposition); err == nil {
			disposition = fields["filename"]
		}
		if disposition != "" {
			tx.AddPostRequestArgument(part.FormName()+".filename", disposition)
		}
		content, err := io.ReadAll(part)
		tx.AddPostRequestArgument(part.FormName(), string(content))
		if err != nil && !cut {
			return fmt.Errorf("the parts of the body: %w", err)
		}
	}
}
