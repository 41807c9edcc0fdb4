package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
)

// What our functions cost, in CEL's units, both for the estimate at load and for the limit as an expression runs. CEL
// takes a function that it knows nothing of for as cheap as a comparison.
const (
	// addressCost is what it takes to read an address and a range, some 100 ns.
	addressCost = 5
	// randomCost is a number from the generator.
	randomCost = 2
	// digestCost is the setup and padding of a cryptographic hash, some 300 ns.
	digestCost = 15
	// maxDigest is the hexadecimal text of the longest hash.
	maxDigest = 128
	// jsonFactor is how much longer reading or writing JSON takes than looking at its characters: values are allocated.
	jsonFactor = 3
	// sortFactor stands for the comparisons of each element: the logarithm of some thousand.
	sortFactor = 10
)

// costOptions gives every function of ours its cost and, where it is known, how large its result can get.
func costOptions() cel.EnvOption {
	models := textCosts()
	models = append(models, hashCosts()...)
	models = append(models, lookupCosts()...)
	return cel.CostModel(append(models, collectionCosts()...)...)
}

// plus adds the call itself to what it costs.
func plus(terms ...cost.QuantityExpr) cost.OverloadModelOption {
	return cost.EvalCost(cost.Sum(append([]cost.QuantityExpr{cost.Const(cost.CallCost)}, terms...)...))
}

// grown is the size of a text of which every character becomes up to factor characters.
func grown(of cost.QuantityExpr, factor float64) cost.OverloadModelOption {
	const padding = 8 // prefixes, quotes and what base64 fills up with
	return cost.ResultSize(cost.AtMost(cost.Sum(cost.Scale(of, factor), cost.Const(padding))))
}

func textCosts() []cost.OverloadModel {
	target, arg := cost.Target(), cost.Arg(0)
	scan := func(of cost.QuantityExpr, factor float64) cost.OverloadModelOption {
		return plus(cost.Scale(cost.StringScan(cost.Length(of)), factor))
	}
	out := make([]cost.OverloadModel, 0, 24)
	const (
		escaped = 9.0      // %F0%9F%99%82 for each character, at worst three bytes' worth of them
		base64  = 16.0 / 3 // four characters for three bytes, of which a character has up to four
		cased   = 3.0      // what one letter in another case is in bytes, at most
	)
	for id, factor := range map[string]float64{
		"lower_string": cased, "upper_string": cased, "encode_base64_string": base64, "decode_base64_string": 1,
		"escape_url_string": escaped, "unescape_url_string": 1,
	} {
		out = append(out, cost.MemberOverload(id, scan(target, 2), grown(target, factor)))
	}
	for id, factor := range map[string]float64{"url_escape_string": escaped, "url_unescape_string": 1} {
		out = append(out, cost.Overload(id, scan(arg, 2), grown(arg, factor)))
	}
	for _, id := range []string{"decode_json_string", "decode_query_string", "parse_url_string", "split_space_string"} {
		out = append(out, cost.MemberOverload(id, scan(target, jsonFactor), cost.ResultSize(cost.AtMost(target))))
	}
	for _, id := range []string{"json_decode_string", "query_decode_string", "url_parse_string"} {
		out = append(out, cost.Overload(id, scan(arg, jsonFactor), cost.ResultSize(cost.AtMost(arg))))
	}
	for _, id := range []string{"is_json_string", "is_query_string", "is_url_string"} {
		out = append(out, cost.MemberOverload(id, scan(target, jsonFactor)))
	}
	for _, id := range []string{"replace_bounded", "replace_bounded_limit"} {
		longest := cost.Mul(cost.Sum(arg, cost.Const(1)), cost.Sum(cost.Arg(2), cost.Const(1)))
		out = append(out, cost.Overload(id, plus(cost.StringScan(cost.Length(arg)), cost.Scale(cost.StringScan(cost.Length(cost.Result())), 2)),
			cost.ResultSize(cost.AtMost(longest))))
	}
	out = append(out, cost.Overload("last_index", plus(cost.StringScan(cost.Mul(cost.Length(arg), cost.Length(cost.Arg(1)))))))
	// What these write depends on values of any depth, so that it is known only when they have run.
	written := plus(cost.Scale(cost.StringScan(cost.Length(cost.Result())), jsonFactor))
	return append(out,
		cost.Overload("json_encode", written), cost.MemberOverload("encode_json", written),
		cost.Overload("query_encode", written), cost.MemberOverload("encode_query", written),
		cost.Overload("basic_auth_encode", plus(cost.StringScan(cost.Sum(cost.Length(arg), cost.Length(cost.Arg(1))))),
			grown(cost.Sum(arg, cost.Arg(1)), base64)),
		cost.MemberOverload("is_private_ip_string", plus(cost.Const(addressCost))),
		cost.Overload("in_cidr_range", plus(cost.Const(addressCost))),
		cost.Overload("in_cidr_ranges", plus(cost.Scale(cost.Length(cost.Arg(1)), addressCost))),
		cost.Overload("rand_double", plus(cost.Const(randomCost))),
		cost.Overload("rand_int", plus(cost.Const(randomCost))),
		cost.Overload("rand_int_range", plus(cost.Const(randomCost))),
	)
}

func hashCosts() []cost.OverloadModel {
	all := sums()
	out := make([]cost.OverloadModel, 0, 4*len(all))
	size := cost.ResultSize(cost.AtMost(cost.Const(maxDigest)))
	for name := range all {
		of := func(text cost.QuantityExpr) cost.OverloadModelOption {
			return plus(cost.Const(digestCost), cost.StringScan(cost.Length(text)))
		}
		out = append(out,
			cost.Overload("hash_"+name, of(cost.Arg(0)), size), cost.Overload("hash_"+name+"_format", of(cost.Arg(0)), size),
			cost.MemberOverload("string_"+name, of(cost.Target()), size),
			cost.MemberOverload("string_"+name+"_format", of(cost.Target()), size))
	}
	return out
}

// lookupCosts are those of rewritten lookups that do more than look up.
func lookupCosts() []cost.OverloadModel {
	const cookieCost = 25 // reading one Set-Cookie field, some 500 ns
	return []cost.OverloadModel{
		cost.Overload("set_cookies", plus(cost.Scale(cost.Length(cost.Arg(0)), cookieCost))),
	}
}

func collectionCosts() []cost.OverloadModel {
	target := cost.Target()
	each := func(factor float64) cost.OverloadModelOption { return plus(cost.Scale(cost.Length(target), factor)) }
	some := cost.ResultSize(cost.AtMost(target))
	const compared = 2 // an id and its aliases, or a price
	out := make([]cost.OverloadModel, 0, 32)
	out = append(out,
		cost.MemberOverload("models_sortBy", each(sortFactor), cost.ResultSize(target)),
		cost.MemberOverload("sort_by_keys", each(sortFactor), cost.ResultSize(target)),
		cost.MemberOverload("models_get", each(compared)),
		cost.MemberOverload("models_underCost_double", each(compared), some),
		cost.MemberOverload("models_underCost_int", each(compared), some),
		cost.MemberOverload("list_random", each(1), cost.ResultSize(cost.TargetElem())),
		cost.MemberOverload("list_randomize", each(compared), cost.ResultSize(target)),
	)
	pairs := plus(cost.Mul(cost.Length(cost.Arg(0)), cost.Length(cost.Arg(1))))
	for _, name := range []string{"hasAll", "hasAny", "hasOnly", "hasExactly"} {
		out = append(out, cost.Overload(name+"_bounded", pairs))
	}
	out = append(out, cost.Overload("distinct_bounded", plus(cost.Scale(cost.Length(cost.Arg(0)), sortFactor)),
		cost.ResultSize(cost.AtMost(cost.Arg(0)))))
	for name := range modelFilters() {
		out = append(out, cost.MemberOverload("models_"+name, plus(cost.Mul(cost.Length(target), cost.Length(cost.Arg(0)))), some))
	}
	for name := range placeFilters() {
		out = append(out, cost.MemberOverload("models_"+name, each(compared), some))
	}
	for _, id := range []string{"provider", "author"} {
		out = append(out, cost.MemberOverload(id+"_get", each(compared)))
		for _, name := range []string{"_only", "_ignore"} {
			out = append(out, cost.MemberOverload(id+name, plus(cost.Mul(cost.Length(target), cost.Length(cost.Arg(0)))), some))
		}
	}
	return out
}
