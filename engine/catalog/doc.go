// Package catalog knows models: what they are called, who made them, what they take, what they cost and where they are
// served. It carries a data file of the built-in providers' models, reads and writes that file's shape, and imports the
// public files of models.dev and of LiteLLM's price map. It imports nothing of ours.
package catalog
