package expr

import (
	"net/netip"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Names of functions that exist only in rewritten expressions: users cannot write an @.
const (
	fnFirst       = "@first"
	fnFirstCookie = "@first_cookie"
	fnValues      = "@values"
	fnGet         = "@get"
	fnHas         = "@has"
	fnPresent     = "@present"
	fnAt          = "@at"
	fnText        = "@text"
	fnSetCookies  = "@set_cookies"
	fnMillis      = "@milliseconds"
	fnLastIndex   = "@last_index"
)

func textFn(name string, f func(string) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.MemberOverload(name+"_string", []*cel.Type{cel.StringType}, result,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return f(textOf(v)) }))
}

func globalTextFn(name string, f func(string) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.Overload(name+"_string", []*cel.Type{cel.StringType}, result,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return f(textOf(v)) }))
}

func functionOptions(e *Env) []cel.EnvOption {
	opts := append(netOptions(), randOptions(e)...)
	opts = append(opts, jsonOptions()...)
	opts = append(opts, base64Options()...)
	opts = append(opts, urlOptions()...)
	opts = append(opts, hashOptions()...)
	opts = append(opts, setCookieOptions()...)
	opts = append(opts, boundedOptions()...)
	return append(opts, textOptions()...)
}

func netOptions() []cel.EnvOption {
	str := cel.StringType
	return []cel.EnvOption{
		cel.Function("inCidrRange", cel.Overload("in_cidr_range", []*cel.Type{str, str}, cel.BoolType,
			cel.BinaryBinding(func(ip, cidr ref.Val) ref.Val {
				return types.Bool(inRange(textOf(ip), textOf(cidr)))
			}))),
		cel.Function("inCidrRanges", cel.Overload("in_cidr_ranges", []*cel.Type{str, cel.ListType(str)}, cel.BoolType,
			cel.BinaryBinding(func(ip, cidrs ref.Val) ref.Val {
				for _, cidr := range stringsOf(cidrs) {
					if inRange(textOf(ip), cidr) {
						return types.True
					}
				}
				return types.False
			}))),
		cel.Function("isPrivateIp", textFn("is_private_ip", func(s string) ref.Val {
			return types.Bool(isPrivate(s))
		}, cel.BoolType)),
	}
}

// prefixOf reads a range; a bare address is a range of one.
func prefixOf(cidr string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(cidr); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(cidr)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func inRange(ip, cidr string) bool {
	p, ok := prefixOf(cidr)
	return ok && contains(p, ip)
}

func contains(p netip.Prefix, ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && p.Contains(a.Unmap())
}

// isPrivate says whether ip is in one of the ranges of RFC 1918.
func isPrivate(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap()
	return a.Is4() && a.IsPrivate()
}

func randOptions(e *Env) []cel.EnvOption {
	return []cel.EnvOption{
		cel.Function("rand.double", cel.Overload("rand_double", nil, cel.DoubleType,
			cel.FunctionBinding(func(...ref.Val) ref.Val {
				const steps = 1 << 53 // as many as a double between 0 and 1 can tell apart
				return types.Double(float64(e.int64n(steps)) / steps)
			}))),
		cel.Function("rand.int",
			cel.Overload("rand_int", nil, cel.IntType, cel.FunctionBinding(func(...ref.Val) ref.Val {
				return types.Int(e.int64n(2))
			})),
			cel.Overload("rand_int_range", []*cel.Type{cel.IntType, cel.IntType}, cel.IntType,
				cel.BinaryBinding(func(low, high ref.Val) ref.Val {
					from, ok1 := low.(types.Int)
					to, ok2 := high.(types.Int)
					if !ok1 || !ok2 || from < 0 || to < from || to-from == 1<<63-1 {
						return types.NewErr("rand.int needs 0 <= min <= max")
					}
					return from + types.Int(e.int64n(int64(to-from)+1))
				}))),
	}
}
