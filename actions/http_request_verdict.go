package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"weir/engine"
	"weir/engine/wire"
)

// maxGuardWords bounds what a guard may tell the client: a few sentences.
const maxGuardWords = 1024

// guardVerdict is what a guard said.
type guardVerdict struct {
	refusal    *engine.Error // nil = allowed, or not known
	categories []string      // that refused
}

func (v *guardVerdict) refused() bool { return v.refusal != nil }

// refuse makes the refusal, in the words of the policy.
func (q *guardQuestion) refuse() {
	q.verdict.refusal = &engine.Error{Code: engine.CodeContentBlocked, Status: q.g.status, Message: q.message, Refusal: q.g.refuses && q.stream != nil}
}

// read reads the verdict out of the service's answer. What it does not say clearly is an error.
func (q *guardQuestion) read(answer string) error {
	var doc wire.Doc
	if p := doc.Scan([]byte(answer)); p != nil {
		return errors.New("it is not a JSON object")
	}
	if q.g.shape == guardWebhook {
		return q.readWebhook(&doc)
	}
	return q.readModeration(answer)
}

// readWebhook reads {allow, status, code, message}.
func (q *guardQuestion) readWebhook(doc *wire.Doc) error {
	m, _ := doc.Lookup("allow")
	allow, ok := doc.Bool(m)
	switch {
	case !ok:
		return errors.New("allow is neither true nor false")
	case allow:
		return nil
	}
	q.refuse()
	refusal := q.verdict.refusal
	if m, ok := doc.Lookup("status"); ok && m.Kind != wire.KindNull {
		if status, ok := doc.Int(m); ok && status >= 400 && status <= 599 {
			refusal.Status = int(status)
		}
	}
	if m, ok := doc.Lookup("code"); ok {
		code, _ := doc.Str(m)
		if c := engine.Code(code); validRedactName(code) && c != engine.CodePolicyFailed && c != engine.CodeInternal {
			refusal.Code = c
		}
	}
	if m, ok := doc.Lookup("message"); ok {
		if message, _ := doc.Str(m); message != "" {
			refusal.Message = trimWords(message, maxGuardWords)
		}
	}
	return nil
}

// moderation is what a moderation service answers.
type moderation struct {
	Results []struct {
		Flagged        *bool               `json:"flagged"`
		Categories     map[string]*bool    `json:"categories"`
		CategoryScores map[string]*float64 `json:"category_scores"`
	} `json:"results"`
}

func (q *guardQuestion) readModeration(answer string) error {
	var m moderation
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		return errors.New("it does not have the form of a moderation")
	}
	if want := len(q.texts()); len(m.Results) != want {
		return fmt.Errorf("it has %d results for %d texts", len(m.Results), want)
	}
	for i := range m.Results {
		r := &m.Results[i]
		switch {
		case q.g.threshold > 0:
			if err := q.readScores(r.CategoryScores); err != nil {
				return err
			}
		case len(q.g.categories) > 0:
			if err := q.readCategories(r.Categories); err != nil {
				return err
			}
		case r.Flagged == nil:
			return errors.New("a result does not say whether it is flagged")
		case *r.Flagged:
			q.blame(true, trueOnes(r.Categories)...)
		}
	}
	return nil
}

// readScores compares the scores of the categories that count, or of all.
func (q *guardQuestion) readScores(scores map[string]*float64) error {
	names := q.g.categories
	if len(names) == 0 {
		for name := range scores {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return errors.New("a result has no scores")
	}
	for _, name := range names {
		score := scores[name]
		if score == nil {
			return fmt.Errorf("a result has no score of %q", trimWords(name, maxGuardWords))
		}
		q.blame(*score >= q.g.threshold, name)
	}
	return nil
}

func (q *guardQuestion) readCategories(found map[string]*bool) error {
	for _, name := range q.g.categories {
		yes := found[name]
		if yes == nil {
			return fmt.Errorf("a result does not say anything of %q", trimWords(name, maxGuardWords))
		}
		q.blame(*yes, name)
	}
	return nil
}

// blame refuses for the sake of some categories.
func (q *guardQuestion) blame(yes bool, categories ...string) {
	if !yes {
		return
	}
	if !q.verdict.refused() {
		q.refuse()
	}
	for _, c := range categories {
		if len(q.verdict.categories) < maxGuardCategories && !slices.Contains(q.verdict.categories, c) {
			q.verdict.categories = append(q.verdict.categories, trimWords(c, maxRedactName))
		}
	}
	slices.Sort(q.verdict.categories)
}

func trueOnes(found map[string]*bool) []string {
	var out []string
	for name, yes := range found {
		if yes != nil && *yes {
			out = append(out, name)
		}
	}
	return out
}
