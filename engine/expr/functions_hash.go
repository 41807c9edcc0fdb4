package expr

import (
	"crypto/md5"  //nolint:gosec // policies compare with checksums that others made
	"crypto/sha1" //nolint:gosec // policies compare with checksums that others made
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"hash/crc64"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// sums are the hash functions by name.
func sums() map[string]func([]byte) []byte {
	table := crc64.MakeTable(crc64.ISO)
	return map[string]func([]byte) []byte{
		"md5":      func(b []byte) []byte { s := md5.Sum(b); return s[:] },  //nolint:gosec // see the import
		"sha1":     func(b []byte) []byte { s := sha1.Sum(b); return s[:] }, //nolint:gosec // see the import
		"sha256":   func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
		"sha512":   func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
		"crc32":    func(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) },
		"crc64":    func(b []byte) []byte { return binary.BigEndian.AppendUint64(nil, crc64.Checksum(b, table)) },
		"xxhash64": func(b []byte) []byte { return binary.BigEndian.AppendUint64(nil, xxhash64(b)) },
	}
}

func hashOptions() []cel.EnvOption {
	str := cel.StringType
	all := sums()
	out := make([]cel.EnvOption, 0, 2*len(all))
	for name, sum := range all {
		plain := cel.UnaryBinding(func(v ref.Val) ref.Val { return encodeSum(sum([]byte(textOf(v))), "hex") })
		formatted := cel.BinaryBinding(func(v, format ref.Val) ref.Val {
			return encodeSum(sum([]byte(textOf(v))), textOf(format))
		})
		out = append(
			out,
			cel.Function("hash."+name,
				cel.Overload("hash_"+name, []*cel.Type{str}, str, plain),
				cel.Overload("hash_"+name+"_format", []*cel.Type{str, str}, str, formatted)),
			cel.Function(name,
				cel.MemberOverload("string_"+name, []*cel.Type{str}, str, plain),
				cel.MemberOverload("string_"+name+"_format", []*cel.Type{str, str}, str, formatted)),
		)
	}
	return out
}

func encodeSum(sum []byte, format string) ref.Val {
	switch format {
	case "hex":
		return types.String(hex.EncodeToString(sum))
	case "base64":
		return types.String(base64.StdEncoding.EncodeToString(sum))
	default:
		return types.NewErr("the format of a hash is 'hex' or 'base64'")
	}
}
