package admin

import (
	"net/url"
)

// page makes one page of a list, which stands under the name of its collection. Next is where the page after it begins, in
// the parameter that says so; "" = there is none.
func (q *request) page(list string, items any, by, next string) (*reply, error) {
	here := url.Values{}
	for _, p := range q.route.params {
		if v, ok := q.query[p.name]; ok {
			here.Set(p.name, v)
		}
	}
	uri := q.uri(q.route.pattern)
	var nextPage *string
	if next != "" {
		there := url.Values{}
		for k := range here {
			there.Set(k, here.Get(k))
		}
		there.Set(by, next)
		text := uri + "?" + there.Encode()
		nextPage = &text
	}
	if len(here) > 0 {
		uri += "?" + here.Encode()
	}
	return value(map[string]any{list: items, "uri": uri, "nextPageUri": nextPage})
}
