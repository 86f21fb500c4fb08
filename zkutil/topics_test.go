package zkutil

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

func TestTopics(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	changed := make(chan struct{}, 1)
	k.RegisterZNodeChildChangeHandler(zkclient.ChildChangeHandler{Path: zkdata.TopicsPath, HandleChildChange: func() { changed <- struct{}{} }})
	if topics := ok(k.GetAllTopicsInCluster(true))(t); len(topics) != 0 {
		t.Errorf("topics %v", topics)
	}
	id := topic.NewID()
	check(t, k.CreateTopicAssignment("a", id, map[topic.Partition][]int32{tp("a", 0): {1, 2}, tp("a", 1): {2, 1}}))
	receive(t, changed, "change of topics")
	check(t, k.CreateTopicAssignment("b", topic.ID{}, map[topic.Partition][]int32{tp("b", 0): {3}}))
	expect(t, k.CreateTopicAssignment("b", topic.ID{}, nil), ErrNodeExists)
	topics := ok(k.GetAllTopicsInCluster(false))(t)
	slices.Sort(topics)
	if !slices.Equal(topics, []string{"a", "b"}) {
		t.Errorf("topics %v", topics)
	}
	if ids := ok(k.GetTopicIdsForTopics([]string{"a", "b", "c"}))(t); len(ids) != 1 || ids["a"] != id {
		t.Errorf("ids %v", ids)
	}
	assignments := ok(k.GetReplicaAssignmentAndTopicIdForTopics([]string{"b", "c", "a"}))(t)
	if assignments[0].Topic != "b" || len(assignments[1].Assignment) != 0 || assignments[2].TopicID != id {
		t.Errorf("%+v", assignments)
	}
	withID := ok(k.SetTopicIds(assignments[:1], version))(t)
	if _, err := k.SetTopicIds(withID, version); err == nil {
		t.Error("a topic got a second id")
	}
	if ids := ok(k.GetTopicIdsForTopics([]string{"b"}))(t); ids["b"] != withID[0].TopicID || ids["b"].IsZero() || !assignments[0].TopicID.IsZero() {
		t.Errorf("ids %v, given %v", ids, withID)
	}

	moving := zkdata.ReplicaAssignment{Replicas: []int32{1, 2}}.ReassignTo([]int32{3})
	reassigned := map[topic.Partition]zkdata.ReplicaAssignment{tp("a", 0): moving}
	check(t, k.SetTopicAssignment("a", id, reassigned, version))
	expect(t, k.SetTopicAssignment("none", id, reassigned, version), ErrNoNode)
	full := ok(k.GetFullReplicaAssignmentForTopics([]string{"a", "none"}))(t)
	if !full[tp("a", 0)].Equal(moving) || len(full) != 1 {
		t.Errorf("%+v", full)
	}
	if replicas := ok(k.GetReplicasForPartition(tp("a", 0)))(t); !slices.Equal(replicas, []int32{3, 1, 2}) {
		t.Errorf("replicas %v", replicas)
	}
	if partitions := ok(k.GetPartitionAssignmentForTopics([]string{"a", "none"}))(t); len(partitions) != 1 || len(partitions["a"]) != 1 {
		t.Errorf("%v", partitions)
	}
	for name, want := range map[string]int{"a": 1, "none": 0} {
		if count, found, err := k.GetTopicPartitionCount(name); count != want || found != (want > 0) || err != nil {
			t.Errorf("%s: %d, %t, %v", name, count, found, err)
		}
	}
	check(t, k.DeleteTopicZNode("a", version))
	check(t, k.DeleteTopicZNode("a", version))
	if ok(k.TopicExists("a"))(t) {
		t.Error("a still exists")
	}
}

func TestTopicDeletions(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	check(t, k.CreateDeleteTopicPath("a"))
	expect(t, k.CreateDeleteTopicPath("a"), ErrNodeExists)
	if !ok(k.IsTopicMarkedForDeletion("a"))(t) || ok(k.IsTopicMarkedForDeletion("b"))(t) {
		t.Error("marks are wrong")
	}
	if names := ok(k.GetTopicDeletions())(t); !slices.Equal(names, []string{"a"}) {
		t.Errorf("%v", names)
	}
	check(t, k.DeleteTopicDeletions([]string{"a", "never"}, version))
	if names := ok(k.GetTopicDeletions())(t); len(names) != 0 {
		t.Errorf("%v", names)
	}
}

func TestAdminRequests(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	reassignment := map[topic.Partition][]int32{tp("t", 0): {1, 2}}
	if got := ok(k.GetPartitionReassignment())(t); len(got) != 0 || ok(k.ReassignPartitionsInProgress())(t) {
		t.Errorf("%v", got)
	}
	check(t, k.SetOrCreatePartitionReassignment(reassignment, version))
	check(t, k.SetOrCreatePartitionReassignment(reassignment, version))
	expect(t, k.CreatePartitionReassignment(reassignment), ErrNodeExists)
	if got := ok(k.GetPartitionReassignment())(t); !cmp.Equal(got, reassignment) || !ok(k.ReassignPartitionsInProgress())(t) {
		t.Errorf("%v", got)
	}
	check(t, k.set(zkdata.ReassignPartitionsPath, []byte("no JSON")))
	if got := ok(k.GetPartitionReassignment())(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
	check(t, k.DeletePartitionReassignment(version))

	partitions := []topic.Partition{tp("t", 0), tp("t", 1)}
	check(t, k.CreatePreferredReplicaElection(partitions))
	if got := ok(k.GetPreferredReplicaElection())(t); !slices.Equal(got, partitions) {
		t.Errorf("%v", got)
	}
	check(t, k.DeletePreferredReplicaElection(version))
	if got := ok(k.GetPreferredReplicaElection())(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestNotifications(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	check(t, k.PropagateIsrChanges([]topic.Partition{tp("t", 0)}))
	check(t, k.PropagateIsrChanges([]topic.Partition{tp("t", 1)}))
	numbers := ok(k.GetAllIsrChangeNotifications())(t)
	slices.Sort(numbers)
	if !slices.Equal(numbers, []string{"0000000000", "0000000001"}) {
		t.Errorf("%v", numbers)
	}
	if got := ok(k.GetPartitionsFromIsrChangeNotifications(append(numbers, "0000000009")))(t); !slices.Equal(got, []topic.Partition{tp("t", 0), tp("t", 1)}) {
		t.Errorf("%v", got)
	}
	check(t, k.DeleteIsrChangeNotifications(numbers[:1], version))
	if left := ok(k.GetAllIsrChangeNotifications())(t); !slices.Equal(left, numbers[1:]) {
		t.Errorf("%v", left)
	}
	check(t, k.DeleteAllIsrChangeNotifications(version))
	if left := ok(k.GetAllIsrChangeNotifications())(t); len(left) != 0 {
		t.Errorf("%v", left)
	}

	check(t, k.PropagateLogDirEvent(7))
	events := ok(k.GetAllLogDirEventNotifications())(t)
	if got := ok(k.GetBrokerIdsFromLogDirEvents(events))(t); !slices.Equal(got, []int32{7}) {
		t.Errorf("%v", got)
	}
	check(t, k.DeleteAllLogDirEventNotifications(version))
	if left := ok(k.GetAllLogDirEventNotifications())(t); len(left) != 0 {
		t.Errorf("%v", left)
	}
}

func TestEntityConfigs(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	want := map[string]string{"retention.ms": "5"}
	if got := ok(k.GetEntityConfigs(zkdata.ConfigTypeTopic, "t"))(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
	check(t, k.SetOrCreateEntityConfigs(zkdata.ConfigTypeTopic, "t", nil))
	check(t, k.SetOrCreateEntityConfigs(zkdata.ConfigTypeTopic, "t", want))
	if got := ok(k.GetEntityConfigs(zkdata.ConfigTypeTopic, "t"))(t); !cmp.Equal(got, want) {
		t.Errorf("%v", got)
	}
	check(t, k.SetOrCreateEntityConfigs("users/alice/clients", zkdata.DefaultEntity, want))
	if got := ok(k.GetEntityConfigs(zkdata.ConfigTypeUser, "alice"))(t); len(got) != 0 {
		t.Errorf("a parent with null data: %v", got)
	}
	if names := ok(k.GetAllEntitiesWithConfig("users/alice/clients"))(t); !slices.Equal(names, []string{zkdata.DefaultEntity}) {
		t.Errorf("%v", names)
	}
	check(t, k.SetOrCreateEntityConfigs(zkdata.ConfigTypeTopic, "bad", nil))
	check(t, k.set("/config/topics/bad", []byte(`{"config":{"a":1}}`)))
	overrides, failed := k.GetLogConfigs([]string{"t", "none", "bad"})
	if !cmp.Equal(overrides, map[string]map[string]string{"t": want, "none": {}}) || len(failed) != 1 {
		t.Errorf("%v, %v", overrides, failed)
	}
	expect(t, failed["bad"], zkdata.ErrMalformed)
	check(t, k.DeleteTopicConfigs([]string{"t"}, version))
	if got := ok(k.GetEntityConfigs(zkdata.ConfigTypeTopic, "t"))(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
	check(t, k.CreateConfigChangeNotification("topics/t"))
	data, _, err := k.GetDataAndVersion("/config/changes/config_change_0000000000")
	if err != nil || string(data) != `{"version":2,"entity_path":"topics/t"}` {
		t.Errorf("%s, %v", data, err)
	}
}

func TestFeatureZNode(t *testing.T) {
	k := start(t)
	if _, version, found, err := k.GetFeatureZNode(); version != zkdata.UnknownVersion || found || err != nil {
		t.Error(version, found, err)
	}
	node := zkdata.FeatureNode{Status: zkdata.FeatureEnabled, Features: map[string]zkdata.FinalizedVersionRange{}}
	check(t, k.CreateFeatureZNode(node))
	expect(t, k.CreateFeatureZNode(node), ErrNodeExists)
	if version := ok(k.UpdateFeatureZNode(node))(t); version != 1 {
		t.Errorf("version %d", version)
	}
	if got, version, found, err := k.GetFeatureZNode(); version != 1 || !found || err != nil || !cmp.Equal(got, node) {
		t.Error(got, version, found, err)
	}
	check(t, k.DeleteFeatureZNode())
	check(t, k.DeleteFeatureZNode())
}

func TestConsumerOffsets(t *testing.T) {
	k := start(t)
	if _, found, err := k.GetConsumerOffset("g", tp("t", 0)); found || err != nil {
		t.Error(found, err)
	}
	for _, offset := range []int64{1, 42} {
		check(t, k.SetOrCreateConsumerOffset("g", tp("t", 0), offset))
		if got, found, err := k.GetConsumerOffset("g", tp("t", 0)); got != offset || !found || err != nil {
			t.Error(got, found, err)
		}
	}
}

func TestAcls(t *testing.T) {
	k := start(t)
	check(t, k.CreateAclPaths())
	for _, pattern := range []string{zkdata.PatternLiteral, zkdata.PatternPrefixed} {
		resource := zkdata.ResourcePattern{ResourceType: "TOPIC", Name: "t", PatternType: pattern}
		acls := []zkdata.AclEntry{{Principal: "User:a", PermissionType: "Allow", Operation: "Read", Host: "*"}}
		if got, version, err := k.GetVersionedAclsForResource(resource); len(got) != 0 || version != zkdata.UnknownVersion || err != nil {
			t.Error(got, version, err)
		}
		for _, want := range []bool{true, false} {
			if created, _, err := k.CreateAclsForResourceIfNotExists(resource, acls); created != want || err != nil {
				t.Error(created, err)
			}
		}
		for _, want := range []bool{true, false} {
			if updated, _, err := k.ConditionalSetAclsForResource(resource, acls, 0); updated != want || err != nil {
				t.Error(updated, err)
			}
		}
		if got, version, err := k.GetVersionedAclsForResource(resource); !cmp.Equal(got, acls) || version != 1 || err != nil {
			t.Error(got, version, err)
		}
		if names := ok(k.GetResourceNames(pattern, "TOPIC"))(t); !slices.Equal(names, []string{"t"}) {
			t.Errorf("%v", names)
		}
		check(t, k.CreateAclChangeNotification(resource))
		if ok(k.ConditionalDelete(resource, 0))(t) || !ok(k.ConditionalDelete(resource, 1))(t) || !ok(k.ConditionalDelete(resource, 1))(t) {
			t.Error("conditional delete")
		}
	}
	if _, _, err := k.GetVersionedAclsForResource(zkdata.ResourcePattern{}); err == nil {
		t.Error("a resource without type")
	}
}

func TestDelegationTokens(t *testing.T) {
	k := start(t)
	check(t, k.CreateDelegationTokenPaths())
	want := zkdata.DelegationToken{TokenID: "id", Owner: "User:a", Renewers: []string{"User:b"}, IssueTimestampMs: 1, ExpiryTimestampMs: 2, MaxTimestampMs: 3}
	for range 2 {
		check(t, k.SetOrCreateDelegationToken(want))
	}
	if got, found, err := k.GetDelegationTokenInfo("id"); !cmp.Equal(got, want) || !found || err != nil {
		t.Error(got, found, err)
	}
	check(t, k.CreateTokenChangeNotification("id"))
	if !ok(k.DeleteDelegationToken("id"))(t) || ok(k.DeleteDelegationToken("id"))(t) {
		t.Error("delete")
	}
	if _, found, err := k.GetDelegationTokenInfo("id"); found || err != nil {
		t.Error(found, err)
	}
}
