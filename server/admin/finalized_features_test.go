package admin

import (
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

func TestFinalizedFeaturesFollowTheirNode(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": zktest.Start(t).Addr()})
	if err != nil {
		t.Fatal(err)
	}
	client, err := zkutil.Connect(t.Context(), zkutil.NewConfig(cfg, "test", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	features := NewFinalizedFeatures(client)
	if err := features.Start(); err != nil {
		t.Fatal(err)
	}
	defer features.Close()
	if _, epoch := features.Latest(); epoch != -1 {
		t.Errorf("epoch %d without a node", epoch)
	}
	node := zkdata.FeatureNode{Status: zkdata.FeatureEnabled, Features: map[string]zkdata.FinalizedVersionRange{"f": {MinVersionLevel: 1, MaxVersionLevel: 2}}}
	if err := client.CreateFeatureZNode(node); err != nil {
		t.Fatal(err)
	}
	version, err := client.UpdateFeatureZNode(node)
	if err != nil {
		t.Fatal(err)
	}
	if err := features.WaitUntilEpoch(version, time.Minute); err != nil {
		t.Fatal(err)
	}
	if found, epoch := features.Latest(); epoch != 1 || found["f"].MaxVersionLevel != 2 {
		t.Errorf("%v of epoch %d", found, epoch)
	}
	if err := features.WaitUntilEpoch(version+1, time.Millisecond); err == nil {
		t.Error("an epoch that never was has come")
	}
}
