package expr

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// activation hands variables to a CEL program as it asks for them.
type activation struct {
	bindings

	env *Env
}

// bindings is what one evaluation is about.
type bindings struct {
	src      Source
	itemName string         // the name of item in the expression
	item     *catalog.Model // the model that require or a filter asks about
	models   []*catalog.Model
	keys     []Key
	selects  bool // models is what ai.models reads as
}

func (e *Env) activate(b bindings) *activation {
	a, ok := e.activations.Get().(*activation)
	if !ok {
		a = &activation{env: e}
	}
	a.bindings = b
	return a
}

func (e *Env) release(a *activation) {
	*a = activation{env: e}
	e.activations.Put(a)
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	if a.item != nil && name == a.itemName {
		return wrapModel(a.item), true
	}
	id, ok := a.env.byPath[name]
	if !ok {
		return nil, false
	}
	if a.selects {
		switch id {
		case vars.AIModels:
			return wrapModels(a.models), true
		case vars.AIProviders:
			return adapter{}.NativeToValue(providersOf(a.models)), true
		case vars.AIAuthors:
			return adapter{}.NativeToValue(authorsOf(a.models)), true
		default:
		}
	}
	if id == vars.AIKeys && a.keys != nil {
		return adapter{}.NativeToValue(a.keys), true
	}
	if a.src == nil {
		return types.NewErr("%s has no value here", name), true
	}
	if name == setCookiesPath {
		return setCookiesOf(valueOf(vars.TypeMulti, a.src.Var(vars.ResHeaders))), true
	}
	return valueOf(vars.All()[id].Type, a.env.read(a.src, id)), true
}

// read asks the source; where it gives a time for one of the variables below time, that is put into the policy's time zone.
func (e *Env) read(src Source, id vars.ID) vars.Value {
	v := src.Var(id)
	if v.Kind != vars.KindTime {
		return v
	}
	at, ok := v.Obj.(time.Time)
	if !ok {
		return v
	}
	switch id {
	case vars.TimeNow:
		return vars.String(at.UTC().Format(time.RFC3339))
	case vars.TimeHour:
		return vars.Int(int64(at.In(e.opts.Location).Hour()))
	case vars.TimeWeekday:
		return vars.Int(int64(at.In(e.opts.Location).Weekday()))
	case vars.TimeDate:
		return vars.String(at.In(e.opts.Location).Format(time.DateOnly))
	default:
		return v
	}
}
