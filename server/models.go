package server

import (
	"net/http"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// listModels answers for the list of models, or for one of it, in the asking API's shape.
func (v *visit) listModels() error {
	r := &v.x.Reply
	if v.place.op == engine.OpList {
		entries, err := v.plan.Models(v.x, v.dialect)
		if err != nil {
			return err //nolint:wrapcheck // an *engine.Error goes to the client as it is
		}
		v.out = wire.AppendModels(v.out[:0], v.dialect, entries, pageOf(v.x.Request.Query))
	} else {
		entry, err := v.plan.Model(v.x, v.dialect, v.place.id)
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		v.out = wire.AppendModel(v.out[:0], v.dialect, entry)
	}
	r.Status, r.Body, r.Synthetic = http.StatusOK, v.out, true
	r.Headers.Set("content-type", "application/json")
	return nil
}

// pageOf reads the part of the list that is asked for, in the words of Anthropic and Gemini.
func pageOf(query string) (p wire.Page) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "limit", "pageSize":
			if n, err := strconv.Atoi(value); err == nil {
				p.Limit = n
			}
		case "after_id", "pageToken":
			p.After = value
		case "before_id":
			p.Before = value
		}
	}
	return p
}
