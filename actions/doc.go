// Package actions holds what rules can do to an exchange: one action in three files of one name, its code, its test and
// its page.
package actions
