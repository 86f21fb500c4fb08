package config

import (
	"math"
	"testing"
	"time"
)

func TestMilliseconds(t *testing.T) {
	for n, want := range map[int64]time.Duration{
		0: 0, 1: time.Millisecond, -1: -time.Millisecond, 604_800_000: 7 * 24 * time.Hour,
	} {
		if got := Milliseconds(n); got != want {
			t.Errorf("%d ms are %v", n, got)
		}
	}
	const century = 100 * 365 * 24 * time.Hour
	if most, least := Milliseconds(int64(math.MaxInt64)), Milliseconds(int64(math.MinInt64)); most < century || least > -century {
		t.Errorf("the most is %v and the least %v", most, least)
	}
}
