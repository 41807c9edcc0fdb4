package admin

import (
	"encoding/json"
	"reflect"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// auditOut is one change.
type auditOut struct {
	ID       int64           `json:"id"`
	Time     time.Time       `json:"time"`
	Actor    string          `json:"actor" doc:"Who made the change: admin token, the id of an API key, or oidc: and a subject."`
	Role     string          `json:"role"`
	Action   string          `json:"action" doc:"create, update, delete or rotate."`
	Kind     string          `json:"kind" doc:"Kind of the resource."`
	ObjectID string          `json:"object_id"`
	Remote   string          `json:"remote" doc:"Address that it came from."`
	Detail   json.RawMessage `json:"detail" api:"nullable" doc:"The fields that changed, without secrets."`
}

func auditRoute() *route {
	return &route{
		method: methodGet, pattern: pathAudit, right: rightAudit, name: "listAudit", list: "audit", out: reflect.TypeFor[auditOut](),
		status: fasthttp.StatusOK, store: true, serve: listAudit, doc: "Lists every change that was made, newest first.",
		params: []param{
			{name: "beforeId", doc: "Only entries older than this one.", format: "integer", most: 1<<63 - 1},
			paramLimit(pageLimit),
		},
	}
}

func listAudit(q *request) (*reply, error) {
	before, _ := strconv.ParseInt(q.query["beforeId"], 10, 64) // it was checked; 0 where it is left out
	limit := q.limit()
	entries, err := q.Store.Audit(q.ctx, before, limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(entries) > limit {
		entries = entries[:limit]
		next = strconv.FormatInt(entries[limit-1].ID, 10)
	}
	out := make([]auditOut, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		entry := auditOut{
			ID: e.ID, Time: e.Time.UTC(), Actor: e.Actor, Role: e.Role, Action: e.Action, Kind: e.Kind, ObjectID: e.ObjectID,
			Remote: e.Remote, Detail: json.RawMessage("null"),
		}
		if json.Valid(e.Detail) {
			entry.Detail = e.Detail
		}
		out = append(out, entry)
	}
	return q.page("audit", out, "beforeId", next)
}
