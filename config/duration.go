package config

import (
	"math"
	"time"
)

// Milliseconds is the time that a setting gives in milliseconds. Settings of type
// long can be more than a time.Duration holds, and are so by default where they mean
// never; such a time is the longest there is.
func Milliseconds[N int | int32 | int64](n N) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(max(-most, min(int64(n), most))) * time.Millisecond
}
