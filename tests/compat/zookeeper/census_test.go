//go:build peers

package zookeeper

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// census is what two clusters are compared by: each path with its data, versions,
// kind and ACL. Ids, clocks and ports stand as their names.
type census map[string]string

var (
	clock = regexp.MustCompile(`^1[0-9]{12}$`)
	uuid  = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
)

func takeCensus(tree map[string]node, port string) census {
	found := census{}
	for at, n := range tree {
		kind := "persistent"
		if n.Stat.EphemeralOwner != 0 {
			kind = "ephemeral"
		}
		found[at] = fmt.Sprintf("%s %s version %d, children %d, changes of children %d, ACL %d %v", kind, normalise(n.Data, port),
			n.Stat.Version, n.Stat.NumChildren, n.Stat.Cversion, n.Stat.Aversion, n.ACL)
	}
	return found
}

func normalise(data []byte, port string) string {
	if data == nil {
		return "null"
	}
	var decoded any
	if json.Unmarshal(data, &decoded) != nil {
		return fmt.Sprintf("%q", data)
	}
	text, err := json.Marshal(normaliseValue(decoded))
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), port, "<port>")
}

func normaliseValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = normaliseValue(value[key])
		}
	case []any:
		for i := range value {
			value[i] = normaliseValue(value[i])
		}
	case string:
		switch {
		case clock.MatchString(value):
			return "<clock>"
		case uuid.MatchString(value):
			return "<uuid>"
		}
	}
	return value
}

// differences are the lines in which two censuses differ.
func differences(want, got census) []string {
	all := maps.Clone(want)
	maps.Copy(all, got)
	var found []string
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if want[at] == got[at] || isAllowed(at, want[at], got[at]) {
			continue
		}
		found = append(found, fmt.Sprintf("%s\n    Kafka  %s\n    Gregor %s", at, want[at], got[at]))
	}
	return found
}

// settle reads the cluster's znodes until they are as wanted or have stayed the same
// for a while.
func (c *cluster) settle(t testing.TB, wanted census) census {
	t.Helper()
	var last census
	since, deadline := time.Now(), time.Now().Add(patience)
	for {
		now := takeCensus(readTree(t, c.zooKeeper.Conn), c.port)
		switch {
		case wanted != nil && len(differences(wanted, now)) == 0:
			return now
		case !maps.Equal(now, last):
			last, since = now, time.Now()
		case time.Since(since) > 500*time.Millisecond:
			return now
		case time.Now().After(deadline):
			t.Fatal("the znodes do not come to rest")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestCensus does the same on Kafka and on Gregor, each on both ZooKeepers, and
// compares all znodes after each stage.
func TestCensus(t *testing.T) {
	install(t, "install-zookeeper.sh")
	install(t, "install-kafka.sh")
	wanted := map[string]census{}
	for _, kind := range clusterKinds {
		t.Run(kind.name, func(t *testing.T) {
			c := startCluster(t, kind)
			for _, stage := range stages {
				stage.do(t, c)
				found := c.settle(t, wanted[stage.name])
				if wanted[stage.name] == nil {
					wanted[stage.name] = found
				}
				for _, difference := range differences(wanted[stage.name], found) {
					t.Errorf("after %q: %s", stage.name, difference)
				}
			}
		})
	}
}
