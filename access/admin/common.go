package admin

import (
	"context"
	"time"

	"weir/access"
)

// commonIn is what every resource of the reference takes.
type commonIn struct {
	Name        opt[string] `json:"name" api:"max=255" doc:"Name for people."`
	Description opt[string] `json:"description" api:"max=255" doc:"What it is for."`
	Metadata    opt[string] `json:"metadata" api:"max=4096" doc:"Anything else, at most 4096 bytes. Policies read it where it is a JSON object."`
}

// namedIn is commonIn where the name is needed.
type namedIn struct {
	Name        opt[string] `json:"name" api:"required,min=1,max=255" doc:"Name for people."`
	Description opt[string] `json:"description" api:"max=255" doc:"What it is for."`
	Metadata    opt[string] `json:"metadata" api:"max=4096" doc:"Anything else, at most 4096 bytes. Policies read it where it is a JSON object."`
}

func (in *commonIn) into(m *access.Meta) {
	in.Name.into(&m.Name)
	in.Description.into(&m.Description)
	in.Metadata.into(&m.Metadata)
}

func (in *namedIn) into(m *access.Meta) { (*commonIn)(in).into(m) }

// refOut names another resource.
type refOut struct {
	ID  string  `json:"id"`
	URI *string `json:"uri" doc:"Where it can be read, null where it cannot."`
}

// commonOut is what every resource of the reference shows.
type commonOut struct {
	ID            string    `json:"id"`
	URI           string    `json:"uri" doc:"Address of the resource."`
	Name          string    `json:"name"`
	Description   string    `json:"description"`
	Metadata      string    `json:"metadata"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	CreatedBy     *refOut   `json:"createdBy" doc:"Who made it."`
	LastUpdatedBy *refOut   `json:"lastUpdatedBy" doc:"Who changed it last."`
	Static        bool      `json:"static" doc:"It comes from a file, and this API cannot change it."`
}

func (q *request) common(path string, m *access.Meta) commonOut {
	return commonOut{
		ID: m.ID, URI: q.uri(path + "/" + m.ID), Name: m.Name, Description: m.Description, Metadata: m.Metadata,
		CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(), Static: m.Static,
		CreatedBy: q.whoRef(m.CreatedBy), LastUpdatedBy: q.whoRef(m.UpdatedBy),
	}
}

// whoRef names who acted; API keys are resources that can be read.
func (q *request) whoRef(name string) *refOut {
	if name == "" {
		return nil
	}
	out := &refOut{ID: name}
	if _, ok := q.snapshot.APIKeys[name]; ok {
		uri := q.uri(pathAPIKeys + "/" + name)
		out.URI = &uri
	}
	return out
}

// plainOut is what every resource of Weir's own shows.
type plainOut struct {
	ID          string    `json:"id"`
	URI         string    `json:"uri" doc:"Address of the resource."`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Metadata    string    `json:"metadata"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	CreatedBy   string    `json:"created_by" doc:"Who made it."`
	UpdatedBy   string    `json:"updated_by" doc:"Who changed it last."`
	Revision    int64     `json:"revision" doc:"Number of its last change, as in its ETag."`
	Static      bool      `json:"static" doc:"It comes from a file, and this API cannot change it."`
}

func (q *request) plain(path string, m *access.Meta) plainOut {
	return plainOut{
		ID: m.ID, URI: q.uri(path + "/" + m.ID), Name: m.Name, Description: m.Description, Metadata: m.Metadata,
		CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(), CreatedBy: m.CreatedBy, UpdatedBy: m.UpdatedBy,
		Revision: m.Revision, Static: m.Static,
	}
}

// list makes lists that are never null.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}

// used are times of last use.
type used struct {
	at    map[string]time.Time
	known bool // false where the store cannot tell now, which is not the same as never
}

// of is nil where nothing is known, and points to nil where it was never.
func (u used) of(id string) **time.Time {
	if !u.known {
		return nil
	}
	at := new(*time.Time)
	if t, ok := u.at[id]; ok {
		t = t.UTC()
		*at = &t
	}
	return at
}

// lookUp asks when keys were used last.
func lookUp[R access.Resource](q *request, all []R) {
	if q.Store == nil || len(all) == 0 {
		return
	}
	ids := make([]string, 0, len(all))
	for _, r := range all {
		ids = append(ids, r.Common().ID)
	}
	limit, cancel := context.WithTimeout(q.ctx, lastUsedTimeout)
	defer cancel()
	at, err := q.Store.LastUsed(limit, ids)
	if err != nil {
		q.Log.Warn().Err(err).Msg("the store cannot tell when keys were used last")
		return
	}
	q.used = used{at: at, known: true}
}
