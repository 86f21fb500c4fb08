//go:build peers

package system

import "time"

// faultBudget is how long the random faults take at most in a full run of the tests;
// all rounds are done within it unless the machine is very slow.
const faultBudget = 5 * time.Minute
