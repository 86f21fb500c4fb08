package controller

import (
	"testing"

	"github.com/gregor-broker/gregor/config"
)

func TestRequestVersionsFollowTheProtocol(t *testing.T) {
	for text, want := range map[string]requestVersions{
		"0.8.2": {0, 0, 0}, "0.9.0": {0, 1, 0}, "0.10.0-IV0": {0, 1, 0}, "0.10.0": {0, 2, 0}, "0.10.2": {0, 3, 0}, "0.11.0": {0, 3, 0},
		"1.0": {1, 4, 0}, "2.1": {1, 4, 0}, "2.2": {2, 5, 1}, "2.4-IV0": {3, 5, 1}, "2.4": {4, 6, 2}, "2.6": {4, 6, 3},
		"2.7": {4, 6, 3}, "2.8-IV0": {4, 6, 3}, "2.8": {5, 7, 3}, "3.0": {5, 7, 3}, "3.1": {5, 7, 3},
	} {
		protocol, err := config.ParseApiVersion(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := requestVersionsOf(protocol); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}
