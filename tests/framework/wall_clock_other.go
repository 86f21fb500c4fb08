//go:build !amd64

package framework

import (
	"errors"
	"time"
)

// SetWallClock is known for amd64 only.
func (p *Process) SetWallClock(time.Duration) error { return errors.ErrUnsupported }
