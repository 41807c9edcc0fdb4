//go:build ignore

// Generate writes models.json from public files and from additions.json:
//
//	go run engine/catalog/generate.go MODELS_DEV.json LITELLM.json LITELLM_VERSION
//
// The first file gives the models of the built-in providers. The second gives prices of batches, service tiers,
// pictures and tools, where its other prices agree with the first, and the models that additions.json names without saying more. additions.json is kept by hand.
// It stands above both.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strings"

	"weir/engine/catalog"
	"weir/providers"
)

const dir = "engine/catalog/"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: generate.go MODELS_DEV.json LITELLM.json LITELLM_VERSION")
	}
	facts, err := load(args[0])
	if err != nil {
		return err
	}
	prices, err := load(args[1])
	if err != nil {
		return err
	}
	named := prices.Sources()
	named[0].Date = args[2] // the price map has no date of its own
	prices = prices.WithSources(named)
	data, err := os.ReadFile(dir + "additions.json")
	if err != nil {
		return err
	}
	additions, err := catalog.Read(bytes.NewReader(data))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := build(facts, prices, additions).Write(&b); err != nil {
		return err
	}
	return os.WriteFile(dir+"models.json", b.Bytes(), 0o644)
}

func load(name string) (*catalog.Catalog, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, diags, err := catalog.Import(f, catalog.FormatAuto)
	for _, d := range diags {
		fmt.Fprintln(os.Stderr, name, d)
	}
	return c, err
}

// build keeps the models of built-in providers, in the order of the registry.
func build(facts, prices, additions *catalog.Catalog) *catalog.Catalog {
	var models []*catalog.Model
	for _, spec := range providers.Registry() {
		known := map[string]*catalog.Model{}
		for _, m := range prices.Models(spec.ID) {
			known[m.ID] = m
		}
		have := map[string]bool{}
		for _, m := range facts.Models(spec.ID) {
			if useless(m) {
				continue
			}
			have[m.ID] = true
			models = append(models, withPrices(m, known[m.ID]))
		}
		for _, m := range additions.Models(spec.ID) {
			if known[m.ID] != nil && !have[m.ID] {
				models = append(models, known[m.ID])
			}
		}
	}
	sources := facts.Merge(prices) // for its list of sources only
	return catalog.New(models).Merge(additions).WithSources(sources.Sources())
}

// useless tells entries of the facts that no API of the provider reaches: Claude on Azure has a host of its own, and a
// few of NVIDIA's are programs for proteins, driving and video.
func useless(m *catalog.Model) bool {
	return m.ProviderID == "azure-openai" && strings.HasPrefix(m.ID, "claude") ||
		m.ProviderID == "nvidia" && m.MaxContextWindow == 0
}

// withPrices adds what only the second file tells. Where the first file's price of output is that of pictures, the second
// one tells what text costs.
func withPrices(m, prices *catalog.Model) *catalog.Model {
	if prices == nil {
		return m
	}
	out := *m
	out.Pricing.InputPerSecond = prices.Pricing.InputPerSecond
	if !same(m.Pricing.Input, prices.Pricing.Input) {
		return &out
	}
	to, from := &out.Pricing, &prices.Pricing
	pictures := same(to.Output, from.OutputImage)
	if !pictures && !same(to.Output, from.Output) {
		return &out
	}
	if pictures {
		to.Output = cmp.Or(from.Output, to.Output)
	}
	to.InputBatch, to.OutputBatch, to.WebSearchPerCall = from.InputBatch, from.OutputBatch, from.WebSearchPerCall
	to.InputImage, to.OutputImage = from.InputImage, from.OutputImage
	if same(to.CacheWrite, from.CacheWrite) {
		to.CacheWriteHour = from.CacheWriteHour
	}
	to.Flex, to.Priority, to.LongContext = from.Flex, from.Priority, cmp.Or(to.LongContext, from.LongContext)
	return &out
}

func same(a, b *float64) bool { return a != nil && b != nil && *a == *b }
