package placement

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func brokers(racks ...string) []Broker {
	list := make([]Broker, len(racks))
	for i, rack := range racks {
		list[i] = Broker{int32(i), rack}
	}
	return list
}

// The expectation is the table in the documentation of Kafka's AdminUtils.
func TestReplicasAreSpreadWithAGrowingShift(t *testing.T) {
	assignment, err := Assign(brokers("", "", "", "", ""), 10, 3, Start{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int32][]int32{
		0: {0, 1, 2}, 1: {1, 2, 3}, 2: {2, 3, 4}, 3: {3, 4, 0}, 4: {4, 0, 1},
		5: {0, 2, 3}, 6: {1, 3, 4}, 7: {2, 4, 0}, 8: {3, 0, 1}, 9: {4, 1, 2},
	}
	if diff := cmp.Diff(want, assignment); diff != "" {
		t.Error(diff)
	}
}

func TestEveryRackGetsAReplicaBeforeAnyGetsTwo(t *testing.T) {
	racks := []string{"a", "a", "b", "b", "c", "c"}
	assignment, err := Assign(brokers(racks...), 60, 3, Start{Index: -1})
	if err != nil {
		t.Fatal(err)
	}
	for partition, replicas := range assignment {
		seen := map[string]bool{}
		for _, replica := range replicas {
			seen[racks[replica]] = true
		}
		if len(seen) != 3 {
			t.Errorf("partition %d on %v has racks %v", partition, replicas, seen)
		}
	}
}
