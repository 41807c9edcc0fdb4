package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"strconv"
)

const (
	// maxImages is OpenAI's own limit of n.
	maxImages = 10
	// imageSide makes a picture of some 80 bytes, which any viewer opens.
	imageSide = 8
	// sampleRate and samples make a tenth of a second of silence.
	sampleRate = 8000
	samples    = sampleRate / 10
)

// picture is a small PNG in a colour that the prompt decides.
func picture(prompt string) []byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(prompt)) // a hash takes everything
	var rgb [4]byte
	binary.BigEndian.PutUint32(rgb[:], h.Sum32())
	img := image.NewRGBA(image.Rect(0, 0, imageSide, imageSide))
	for x := range imageSide {
		for y := range imageSide {
			img.Set(x, y, color.RGBA{R: rgb[0], G: rgb[1], B: rgb[2], A: 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // into a buffer, of a picture that has pixels
	return b.Bytes()
}

func (j *job) images() (*reply, *failure) {
	var req struct {
		Model  string `json:"model"`
		Prompt string `json:"prompt"`
		N      int    `json:"n"`
		Format string `json:"response_format"`
		Stream bool   `json:"stream"`
	}
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.Prompt == "" || req.N > maxImages {
		return nil, wrong("prompt", "a prompt is needed, and at most 10 images")
	}
	created, b64 := j.s.opts.Now().Unix(), base64.StdEncoding.EncodeToString(picture(req.Prompt))
	in := tokens(countWords(req.Prompt))
	usage := obj{
		"input_tokens": in, "output_tokens": imageTokens, "total_tokens": in + imageTokens,
		"input_tokens_details": obj{"text_tokens": in, "image_tokens": 0},
	}
	if req.Stream && !j.fault.notSSE {
		made := func(kind string, more obj) event {
			more["type"], more["b64_json"], more["created_at"] = kind, b64, created
			more["size"], more["quality"], more["background"], more["output_format"] = "1024x1024", "low", "opaque", "png"
			return event{name: kind, data: encode(more), content: true}
		}
		return streamed(&ask{model: req.Model}, []event{
			made("image_generation.partial_image", obj{"partial_image_index": 0}),
			made("image_generation.completed", obj{"usage": usage}),
		}, j.failed()), nil
	}
	data := make([]any, 0, max(1, req.N))
	for i := range max(1, req.N) {
		d := obj{"b64_json": b64, "revised_prompt": "sim: " + clip(req.Prompt) + j.fault.canary}
		if req.Format == "url" {
			delete(d, "b64_json")
			d["url"] = "https://sim.example/images/" + strconv.FormatUint(j.call.Number, 10) + "-" + strconv.Itoa(i) + ".png"
		}
		data = append(data, d)
	}
	return whole(obj{
		"created": created, "data": data, "usage": usage, "size": "1024x1024", "quality": "low",
		"background": "opaque", "output_format": "png",
	}), nil
}

// silence is a WAV file of a tenth of a second.
func silence() []byte {
	b := []byte("RIFF")
	le := binary.LittleEndian
	b = le.AppendUint32(b, 36+2*samples)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)           // length of this block
	b = le.AppendUint16(b, 1)            // PCM
	b = le.AppendUint16(b, 1)            // one channel
	b = le.AppendUint32(b, sampleRate)   // samples a second
	b = le.AppendUint32(b, 2*sampleRate) // bytes a second
	b = le.AppendUint16(b, 2)            // bytes a sample
	b = le.AppendUint16(b, 16)           // bits a sample
	b = append(b, "data"...)
	b = le.AppendUint32(b, 2*samples)
	return append(b, make([]byte, 2*samples)...)
}

func (j *job) speech() (*reply, *failure) {
	var req struct {
		Model        string `json:"model"`
		Input        string `json:"input"`
		StreamFormat string `json:"stream_format"`
	}
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.Input == "" {
		return nil, wrong("input", "Missing required parameter: 'input'.")
	}
	audio := silence()
	if req.StreamFormat != "sse" || j.fault.notSSE {
		// Always WAV, whatever response_format says: the bytes and their type then agree.
		return &reply{kind: "audio/wav", body: audio}, nil
	}
	n := tokens(countWords(req.Input))
	half := len(audio) / 2
	events := make([]event, 0, 3)
	for _, piece := range [][]byte{audio[:half], audio[half:]} {
		events = append(events, event{content: true, data: encode(obj{"type": "speech.audio.delta", "audio": base64.StdEncoding.EncodeToString(piece)})})
	}
	done := obj{"type": "speech.audio.done", "usage": obj{"input_tokens": n, "output_tokens": n, "total_tokens": 2 * n}}
	return streamed(&ask{model: req.Model}, append(events, event{data: encode(done)}), j.failed()), nil
}

func (j *job) transcriptions() (*reply, *failure) {
	form, err := j.ctx.MultipartForm()
	if err != nil {
		return nil, wrong("", "the body must be multipart/form-data: "+err.Error())
	}
	files := form.File["file"]
	if len(files) != 1 {
		return nil, wrong("file", "exactly one file is needed")
	}
	text := "sim: heard " + files[0].Filename + ", " + strconv.FormatInt(files[0].Size, 10) + " bytes"
	if j.fault.canary != "" {
		text += " " + j.fault.canary
	}
	n := tokens(countWords(text))
	usage := obj{"type": "tokens", "input_tokens": n, "output_tokens": n, "total_tokens": 2 * n, "input_token_details": obj{"text_tokens": 0, "audio_tokens": n}}
	if string(j.ctx.FormValue("stream")) == "true" && !j.fault.notSSE {
		var events []event
		for _, piece := range split(text, 0) {
			events = append(events, event{content: true, data: encode(obj{"type": "transcript.text.delta", "delta": piece})})
		}
		done := obj{"type": "transcript.text.done", "text": text, "usage": usage}
		return streamed(&ask{model: j.call.Model}, append(events, event{data: encode(done)}), j.failed()), nil
	}
	switch string(j.ctx.FormValue("response_format")) {
	case "text":
		return &reply{kind: "text/plain; charset=utf-8", body: []byte(text + "\n")}, nil
	case "srt":
		return &reply{kind: "text/plain; charset=utf-8", body: []byte("1\n00:00:00,000 --> 00:00:00,100\n" + text + "\n\n")}, nil
	case "vtt":
		return &reply{kind: "text/vtt; charset=utf-8", body: []byte("WEBVTT\n\n00:00:00.000 --> 00:00:00.100\n" + text + "\n\n")}, nil
	case "verbose_json":
		segment := obj{
			"id": 0, "seek": 0, "start": 0.0, "end": 0.1, "text": text, "tokens": []int{}, "temperature": 0.0,
			"avg_logprob": 0.0, "compression_ratio": 1.0, "no_speech_prob": 0.0,
		}
		return whole(obj{"task": "transcribe", "language": "english", "duration": 0.1, "text": text, "segments": []any{segment}, "usage": obj{"type": "duration", "seconds": 1}}), nil
	default:
		return whole(obj{"text": text, "usage": usage}), nil
	}
}
