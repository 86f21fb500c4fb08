package config

import (
	"fmt"
	"strings"
)

// ApiVersion is a version of the inter-broker protocol; a later one compares
// greater. It mirrors kafka.api.ApiVersion.
type ApiVersion int

// The inter-broker protocol versions up to Kafka 3.1.
const (
	IBP_0_8_0 ApiVersion = iota
	IBP_0_8_1
	IBP_0_8_2
	IBP_0_9_0
	IBP_0_10_0_IV0
	IBP_0_10_0_IV1
	IBP_0_10_1_IV0
	IBP_0_10_1_IV1
	IBP_0_10_1_IV2
	IBP_0_10_2_IV0
	IBP_0_11_0_IV0
	IBP_0_11_0_IV1
	IBP_0_11_0_IV2
	IBP_1_0_IV0
	IBP_1_1_IV0
	IBP_2_0_IV0
	IBP_2_0_IV1
	IBP_2_1_IV0
	IBP_2_1_IV1
	IBP_2_1_IV2
	IBP_2_2_IV0
	IBP_2_2_IV1
	IBP_2_3_IV0
	IBP_2_3_IV1
	IBP_2_4_IV0
	IBP_2_4_IV1
	IBP_2_5_IV0
	IBP_2_6_IV0
	IBP_2_7_IV0
	IBP_2_7_IV1
	IBP_2_7_IV2
	IBP_2_8_IV0
	IBP_2_8_IV1
	IBP_3_0_IV0
	IBP_3_0_IV1
	IBP_3_1_IV0
)

// LatestApiVersion is the default of inter.broker.protocol.version.
const LatestApiVersion = IBP_3_1_IV0

var apiVersionNames = []string{
	"0.8.0", "0.8.1", "0.8.2", "0.9.0",
	"0.10.0-IV0", "0.10.0-IV1", "0.10.1-IV0", "0.10.1-IV1", "0.10.1-IV2", "0.10.2-IV0",
	"0.11.0-IV0", "0.11.0-IV1", "0.11.0-IV2",
	"1.0-IV0", "1.1-IV0",
	"2.0-IV0", "2.0-IV1", "2.1-IV0", "2.1-IV1", "2.1-IV2", "2.2-IV0", "2.2-IV1",
	"2.3-IV0", "2.3-IV1", "2.4-IV0", "2.4-IV1", "2.5-IV0", "2.6-IV0",
	"2.7-IV0", "2.7-IV1", "2.7-IV2", "2.8-IV0", "2.8-IV1",
	"3.0-IV0", "3.0-IV1", "3.1-IV0",
}

// String gives the full version, such as 2.7-IV2.
func (v ApiVersion) String() string {
	if int(v) < 0 || int(v) >= len(apiVersionNames) {
		return fmt.Sprintf("ApiVersion(%d)", int(v))
	}
	return apiVersionNames[v]
}

// Short gives the version without its internal part, such as 2.7.
func (v ApiVersion) Short() string {
	short, _, _ := strings.Cut(v.String(), "-")
	return short
}

// RecordVersion is the highest message format (magic) that brokers of this
// version write.
func (v ApiVersion) RecordVersion() int8 {
	switch {
	case v >= IBP_0_11_0_IV0:
		return 2
	case v >= IBP_0_10_0_IV0:
		return 1
	default:
		return 0
	}
}

func minimumFor(recordVersion int8) ApiVersion {
	return []ApiVersion{IBP_0_8_0, IBP_0_10_0_IV0, IBP_0_11_0_IV0}[recordVersion]
}

// ParseApiVersion gives the version that a text such as 2.7, 2.7-IV1, 2.7.1 or
// 0.10.2.1 names; a release stands for its last internal version.
func ParseApiVersion(text string) (ApiVersion, error) {
	segments := 2
	if strings.HasPrefix(text, "0.") {
		segments = 3
	}
	parts := strings.Split(text, ".")
	key := strings.Join(parts[:min(segments, len(parts))], ".")
	for version := LatestApiVersion; version >= 0; version-- {
		if key == version.String() || key == version.Short() {
			return version, nil
		}
	}
	return 0, fmt.Errorf("Version `%s` is not a valid version", text) //nolint:staticcheck // Kafka's sentence
}
