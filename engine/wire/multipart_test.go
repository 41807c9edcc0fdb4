package wire

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
	"testing"
)

const multipartType = "multipart/form-data; boundary=XyZ-0123456789"

// multipartForm is a form of the given parts, each a header block and a content.
func multipartForm(parts ...string) string {
	return "--XyZ-0123456789\r\n" + strings.Join(parts, "\r\n--XyZ-0123456789\r\n") + "\r\n--XyZ-0123456789--\r\n"
}

func multipartField(name, value string) string {
	return `Content-Disposition: form-data; name="` + name + "\"\r\n\r\n" + value
}

const multipartFile = "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\a b.wav\"; filename*=utf-8''x.wav\r\n" +
	"Content-Type: audio/wav\r\nContent-Transfer-Encoding: binary\r\n\r\nRIFF\x00\xff\r\n--XyZ\n\n\"model\"\r\n\r\n"

func TestMultipart(t *testing.T) {
	model, file := multipartField("model", "whisper-1"), multipartFile
	body := multipartForm(file, model, multipartField("timestamp_granularities[]", "word"), multipartField("stream", "true"))
	for _, contentType := range []string{
		multipartType, `Multipart/Form-Data ; Boundary="XyZ-0123456789"`, `multipart/form-data; charset=utf-8; boundary=XyZ-0123456789`,
	} {
		m, p := ParseMultipart(contentType, []byte(body))
		if p != nil {
			t.Fatalf("%s: %v", contentType, p)
		}
		if m.Model != "whisper-1" || !m.Stream || len(m.Parts) != 4 {
			t.Errorf("got model %q, stream %v, %d parts", m.Model, m.Stream, len(m.Parts))
		}
		if f := m.Parts[0]; !f.File || f.Name != "file" || !strings.HasSuffix(file, body[f.Start:f.End]) || !strings.HasPrefix(body[f.Start:], "RIFF") {
			t.Errorf("got file part %+v with %q", f, body[f.Start:f.End])
		}
		got := string(m.Splice([]byte("before"), "other/model"))
		if want := "before" + strings.Replace(body, "whisper-1", "other/model", 1); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if _, p := ParseMultipart(multipartType, []byte(strings.TrimSuffix(body, "\r\n"))); p != nil {
		t.Errorf("without the last line end: %v", p)
	}
}

func TestMultipartRefuses(t *testing.T) {
	model, file := multipartField("model", "m"), multipartFile
	disposition := func(s string) string { return "Content-Disposition: " + s + "\r\n\r\nm" }
	good := multipartForm(model)
	tests := []struct {
		name, contentType, body, message string
	}{
		{"JSON", "application/json", good, "content type must be"},
		{"no boundary", "multipart/form-data", good, "needs a boundary"},
		{"empty boundary", "multipart/form-data; boundary=", good, "cannot be read"},
		{"empty quoted boundary", `multipart/form-data; boundary=""`, good, "needs a boundary"},
		{"two boundaries", multipartType + "; boundary=other", good, "two boundaries"},
		{"two boundaries by case", multipartType + "; BOUNDARY=other", good, "two boundaries"},
		{"extended boundary", multipartType + "; boundary*=utf-8''other", good, "cannot be read"},
		{"continued boundary", "multipart/form-data; boundary*0=XyZ-; boundary*1=0123456789", good, "cannot be read"},
		{"long boundary", "multipart/form-data; boundary=" + strings.Repeat("x", 71), good, "needs a boundary"},
		{"escaped boundary", `multipart/form-data; boundary="XyZ\""`, good, "cannot be read"},
		{"boundary with a space", `multipart/form-data; boundary="XyZ "`, good, "needs a boundary"},
		{"open quote", `multipart/form-data; boundary="XyZ`, good, "cannot be read"},
		{"empty", multipartType, "", "does not start"},
		{"other boundary", "multipart/form-data; boundary=other", good, "does not start"},
		{"preamble", multipartType, "x\r\n" + good, "does not start"},
		{"leading line end", multipartType, "\r\n" + good, "does not start"},
		{"bare line feeds", multipartType, strings.ReplaceAll(good, "\r\n", "\n"), "line end"},
		{"boundary and more", multipartType, strings.Replace(good, "6789\r\n", "6789x\r\n", 1), "line end"},
		{"boundary and a space", multipartType, strings.Replace(good, "6789\r\n", "6789 \r\n", 1), "line end"},
		{"no parts", multipartType, "--XyZ-0123456789--\r\n", "line end"},
		{"cut", multipartType, good[:len(good)-20], "closing boundary"},
		{"cut in the header", multipartType, good[:40], "inside the header"},
		{"cut after the boundary", multipartType, good[:len(good)-4], "line end"},
		{"epilogue", multipartType, good + "x", "goes on after"},
		{"boundary inside a line", multipartType, multipartForm(model, multipartField("prompt", "a --XyZ-0123456789 b")), "inside a line"},
		{"boundary after a line feed", multipartType, multipartForm(model, multipartField("prompt", "a\n--XyZ-0123456789\nb")), "inside a line"},
		{"no model", multipartType, multipartForm(file), "part named model"},
		{"two models", multipartType, multipartForm(model, file, model), "model must be sent once"},
		{"two streams", multipartType, multipartForm(model, multipartField("stream", "true"), multipartField("stream", "false")), "stream must be sent once"},
		{"model in another case", multipartType, multipartForm(model, multipartField("Model", "x")), "spelled model"},
		{"models", multipartType, multipartForm(model, multipartField("models", "x")), "must not be sent"},
		{"charset field", multipartType, multipartForm(multipartField("_charset_", "utf-16"), model), "must not be sent"},
		{"model is a file", multipartType, multipartForm(disposition(`form-data; name="model"; filename="x"`)), "not a file"},
		{"model is an extended file", multipartType, multipartForm(disposition(`form-data; name="model"; filename*=utf-8''x`)), "not a file"},
		{"model of two lines", multipartType, multipartForm(multipartField("model", "a\r\nb")), "one line"},
		{"model with NUL", multipartType, multipartForm(multipartField("model", "a\x00")), "one line"},
		{"model not UTF-8", multipartType, multipartForm(multipartField("model", "a\xff")), "one line"},
		{"stream is a word", multipartType, multipartForm(model, multipartField("stream", "yes")), "true or false"},
		{"two names", multipartType, multipartForm(disposition(`form-data; name="x"; name="model"`)), "exactly one name"},
		{"extended name", multipartType, multipartForm(disposition(`form-data; name="model"; name*=utf-8''x`)), "name*"},
		{"continued name", multipartType, multipartForm(disposition(`form-data; name*0="mo"; name*1="del"`)), "name*0"},
		{"encoded name", multipartType, multipartForm(disposition(`form-data; name="%6dodel"`)), "exactly one name"},
		{"escaped name", multipartType, multipartForm(disposition(`form-data; name="mo\del"`)), "exactly one name"},
		{"name with a space", multipartType, multipartForm(disposition(`form-data; name=" model"`)), "exactly one name"},
		{"empty name", multipartType, multipartForm(disposition(`form-data; name=""`)), "exactly one name"},
		{"no name", multipartType, multipartForm(disposition(`form-data`)), "exactly one name"},
		{"escaped quote", multipartType, multipartForm(model, disposition(`form-data; name="file"; filename="a\"; name=\"model"`)), "cannot be read"},
		{"two file names", multipartType, multipartForm(model, disposition(`form-data; name="file"; filename=a; filename=b`)), "exactly one name"},
		{"text after a quote", multipartType, multipartForm(disposition(`form-data; name="model"x`)), "cannot be read"},
		{"attachment", multipartType, multipartForm(disposition(`attachment; name="model"`)), "not form-data"},
		{"two dispositions", multipartType, multipartForm("Content-Disposition: form-data; name=x\r\n" + model), "two content-dispositions"},
		{"no disposition", multipartType, multipartForm("X-A: b\r\n\r\nm"), "no content-disposition"},
		{"no header", multipartType, multipartForm("\r\nm"), "no content-disposition"},
		{"folded header", multipartType, multipartForm("Content-Disposition: form-data; name=x;\r\n name=\"model\"\r\n\r\nm"), "cannot be read"},
		{"space before the colon", multipartType, multipartForm("Content-Disposition : form-data; name=\"model\"\r\n\r\nm"), "cannot be read"},
		{"bare line feed in a header", multipartType, multipartForm("X: y\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm"), "cannot be read"},
		{"quoted-printable", multipartType, multipartForm("Content-Transfer-Encoding: quoted-printable\r\n" + multipartField("model", "a=62")), "encoding"},
		{"base64", multipartType, multipartForm("Content-Transfer-Encoding: base64\r\n" + multipartField("model", "YQ==")), "encoding"},
		{"compressed", multipartType, multipartForm("Content-Encoding: gzip\r\n" + multipartField("model", "a")), "encoding"},
		{"UTF-16", multipartType, multipartForm("Content-Type: text/plain; charset=utf-16\r\n" + multipartField("model", "a")), "charset"},
		{"nested form", multipartType, multipartForm(model, "Content-Type: multipart/mixed; boundary=b\r\n"+multipartField("file", "a")), "type"},
		{"many headers", multipartType, multipartForm(strings.Repeat("X: y\r\n", 9) + model), "too many header"},
		{"many parts", multipartType, multipartForm(strings.Split(strings.Repeat(multipartField("x", "y")+"|", 64)+model, "|")...), "more than 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, p := ParseMultipart(tt.contentType, []byte(tt.body))
			if p == nil {
				t.Fatalf("got %+v, want a problem", m)
			}
			if !strings.Contains(p.Message, tt.message) || p.Offset > len(tt.body) {
				t.Errorf("got %+v, want %q", p, tt.message)
			}
		})
	}
}

// FuzzMultipart holds what is accepted against the standard library's reader: it must see the same parts, and after
// a splice the new model.
func FuzzMultipart(f *testing.F) {
	f.Add([]byte(multipartForm(multipartField("model", "whisper-1"))))
	f.Add([]byte(multipartForm(multipartFile, multipartField("model", "m"), multipartField("stream", "false"))))
	f.Add([]byte(multipartForm("Content-Type: text/plain; charset=utf-8\r\n" + multipartField("model", ""))))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, p := ParseMultipart(multipartType, body)
		if p != nil {
			if p.Offset < 0 || p.Offset > len(body) {
				t.Fatalf("problem %+v in a form of %d bytes", p, len(body))
			}
			return
		}
		for _, spliced := range []bool{false, true} {
			form := body
			if spliced {
				form = m.Splice(nil, "another/model")
			}
			r := multipart.NewReader(bytes.NewReader(form), "XyZ-0123456789")
			for i, want := range m.Parts {
				part, err := r.NextRawPart()
				if err != nil {
					t.Fatalf("part %d of %q: %v", i, form, err)
				}
				got, err := io.ReadAll(part)
				if err != nil {
					t.Fatal(err)
				}
				text := body[want.Start:want.End]
				if spliced && i == m.model {
					text = []byte("another/model")
				}
				if part.FormName() != want.Name || !bytes.Equal(got, text) {
					t.Fatalf("part %d of %q: got %q %q, want %q %q", i, form, part.FormName(), got, want.Name, text)
				}
			}
			if _, err := r.NextRawPart(); err == nil {
				t.Fatalf("%q has more parts than %d", form, len(m.Parts))
			}
		}
	})
}
