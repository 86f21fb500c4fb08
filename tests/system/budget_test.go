//go:build !peers

package system

import "time"

// faultBudget is short where only what needs Go alone is run.
const faultBudget = 30 * time.Second
