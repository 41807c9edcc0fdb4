package content

import "strings"

const (
	// urlMost is the longest URL that is held to its end: longer ones are rare, and what cannot tell them from keys in a
	// query may not see more of them.
	urlMost = 2048
	// schemeMost is the longest scheme: chrome-extension has 16 characters.
	schemeMost = 20
)

// colon looks for a URL or an address of IPv6 around the colon here.
func (s *scan) colon(i int) verdict {
	if s.d.set.has(entityURL) {
		if v := s.url(i); v != verdictNone {
			return v
		}
	}
	if s.d.set.has(entityIP) {
		return s.ip6(i)
	}
	return verdictNone
}

// url looks for a URL whose scheme ends here.
func (s *scan) url(i int) verdict {
	t := s.text
	start := s.scheme(i)
	if start < 0 {
		return verdictNone
	}
	for p := i + 1; p < i+3; p++ {
		if s.short(p) {
			return s.more(start)
		}
		if p >= len(t) || t[p] != '/' {
			return verdictNone
		}
	}
	body := i + 3
	if s.short(body) {
		return s.more(start)
	}
	end := s.run(body, classURL, urlMost+1)
	if s.short(end) && end-body <= urlMost {
		return s.more(start)
	}
	if end-body > urlMost {
		for end < len(t) && s.inRun(end, classURL) {
			end++
		}
		return s.tooLong(entityURL, start, end)
	}
	end = trimURL(t, body, end)
	if end == body || !s.host(start, body) {
		return verdictNone
	}
	return s.is(entityURL, start, end)
}

// scheme gives where the scheme begins that ends before the colon, -1 where there is none.
func (s *scan) scheme(i int) int {
	p := s.back(i, classScheme, schemeMost)
	for p < i && classes[s.text[p]]&classLetter == 0 {
		p++
	}
	if p > 0 && i-p > 2 && s.text[p-1] == '\\' && strings.IndexByte("nrt", s.text[p]) >= 0 {
		p++
	}
	if i-p < 2 {
		return -1
	}
	return p
}

// host reports whether something that can be a host comes behind the slashes.
func (s *scan) host(start, body int) bool {
	b := s.text[body]
	if b == '/' {
		return strings.HasPrefix(s.text[start:], "file:")
	}
	return classes[b]&classAlnum != 0 || b >= 0x80 || strings.IndexByte("[_{%$", b) >= 0
}

// trimURL leaves out what ends a sentence rather than a URL, and closing brackets that were opened before it.
func trimURL(t string, body, end int) int {
	for end > body {
		switch b := t[end-1]; b {
		case '.', ',', ';', ':', '!', '?', '\'', '*', '&', '(', '[', '{':
		case ')':
			if strings.Count(t[body:end], "(") >= strings.Count(t[body:end], ")") {
				return end
			}
		case ']':
			if strings.Count(t[body:end], "[") >= strings.Count(t[body:end], "]") {
				return end
			}
		case '}':
			if strings.Count(t[body:end], "{") >= strings.Count(t[body:end], "}") {
				return end
			}
		default:
			return end
		}
		end--
	}
	return end
}
