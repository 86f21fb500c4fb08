package controller

import (
	"testing"

	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

func TestBrokersMustSupportTheFinalizedFeatures(t *testing.T) {
	finalized := map[string]zkdata.FinalizedVersionRange{"x": {MinVersionLevel: 2, MaxVersionLevel: 4}}
	for name, test := range map[string]struct {
		supported map[string]zkdata.SupportedVersionRange
		want      bool
	}{
		"not at all":  {nil, false},
		"too old":     {map[string]zkdata.SupportedVersionRange{"x": {MinVersion: 1, MaxVersion: 3}}, false},
		"too new":     {map[string]zkdata.SupportedVersionRange{"x": {MinVersion: 3, MaxVersion: 9}}, false},
		"just so":     {map[string]zkdata.SupportedVersionRange{"x": {MinVersion: 2, MaxVersion: 4}}, true},
		"and another": {map[string]zkdata.SupportedVersionRange{"x": {MinVersion: 1, MaxVersion: 5}, "y": {MinVersion: 1, MaxVersion: 1}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := supportsFeatures(test.supported, finalized); got != test.want {
				t.Fatal(got)
			}
		})
	}
	if !supportsFeatures(nil, nil) {
		t.Fatal("nothing is finalized")
	}
}
