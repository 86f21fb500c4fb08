package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

// metadata is what kcat -L -J prints.
type metadata struct {
	ControllerID int
	Brokers      []struct{ ID int }
	Topics       []struct {
		Topic, Error string
		Partitions   []struct {
			Partition, Leader int
			Replicas, ISRs    []struct{ ID int }
		}
	}
}

func (c *client) metadata(args ...string) (found metadata) {
	Check(json.Unmarshal([]byte(run(c.kcat(append([]string{"-L", "-J"}, args...)...))), &found))
	return found
}

// Admin are kcat's lists and queries; the nil ones keep what needs a topic's creation
// from being kcat's own.
func (c *client) Admin(s *Suite) map[string]func() string {
	return map[string]func() string{
		"create-topic":        nil,
		"create-topic-exists": nil,
		"nulls":               func() string { return s.Nulls() }, // it skips empty lines
		"list-topics": func() string {
			topic := s.Topic("listed", 1)
			for _, t := range c.metadata().Topics {
				if t.Topic == topic {
					return ""
				}
			}
			Fail("not listed")
			return ""
		},
		"describe-topic": func() string {
			return fmt.Sprintf("%+v", c.metadata("-t", s.Topic("described", 2)).Topics[0].Partitions)
		},
		"describe-cluster": func() string {
			found := c.metadata()
			return fmt.Sprintf("%d broker, controller %d", len(found.Brokers), found.ControllerID)
		},
		"unknown-topic-describe": func() string { return c.metadata("-t", s.Prefix+"-missing").Topics[0].Error },
		"admin-list-offsets": func() string {
			topic, text := s.Filled("offsets"), ""
			for _, at := range []int{-2, -1, First + 5000} {
				text += run(c.kcat("-Q", "-t", fmt.Sprintf("%s:0:%d", topic, at)))
			}
			lines := slices.Collect(strings.Lines(text))
			Require(len(lines) == 3, "%s", text)
			return text
		},
	}
}
