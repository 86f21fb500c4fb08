// Package tests holds what concerns the tree as a whole.
package tests
