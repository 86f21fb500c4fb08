//go:build peers

package system

import "time"

// faultBudget is how long the random faults take in a full run of the tests.
const faultBudget = 150 * time.Second
