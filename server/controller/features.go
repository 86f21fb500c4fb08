package controller

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// Kafka 3.1.0 defines no features of its own (KIP-584), so that no broker
// supports any and none can be finalized; brokers of other makes and nodes
// written by later versions may still name some.

// supportsFeatures reports whether a broker's ranges hold all finalized ones.
func supportsFeatures(supported map[string]zkdata.SupportedVersionRange, finalized map[string]zkdata.FinalizedVersionRange) bool {
	for name, levels := range finalized {
		versions, ok := supported[name]
		if !ok || levels.MinVersionLevel < versions.MinVersion || levels.MaxVersionLevel > versions.MaxVersion {
			return false
		}
	}
	return true
}

// sameListenersAndFeatures reports whether a registration says what is known.
func sameListenersAndFeatures(a, b zkdata.Broker) bool {
	return slices.Equal(a.Endpoints, b.Endpoints) && maps.Equal(a.Features, b.Features)
}

// setupFeatureVersioning enables the finalized features in /feature from
// protocol 2.7 on, and below disables and empties them.
func (c *KafkaController) setupFeatureVersioning() error {
	node, _, found, err := c.zkClient.GetFeatureZNode()
	if err != nil {
		return err
	}
	wanted := zkdata.FeatureNode{Status: zkdata.FeatureDisabled, Features: map[string]zkdata.FinalizedVersionRange{}}
	if c.versions >= config.IBP_2_7_IV0 {
		wanted.Status = zkdata.FeatureEnabled
		if found && node.Status == zkdata.FeatureEnabled {
			wanted.Features = node.Features
		}
	}
	c.finalizedFeatures = wanted.Features
	if found && node.Status == zkdata.FeatureDisabled && len(node.Features) > 0 {
		c.log.warnf("FeatureZNode at path: %s with disabled status contains non-empty features: %s", zkdata.FeaturePath, node.Features)
	}
	if found && node.Status == wanted.Status && maps.Equal(node.Features, wanted.Features) {
		return nil
	}
	timeout := config.ZookeeperConnectionTimeoutMs.Get(c.config.Load())
	if !config.ZookeeperConnectionTimeoutMs.IsSet(c.config.Load()) {
		timeout = config.ZookeeperSessionTimeoutMs.Get(c.config.Load())
	}
	return c.writeFeatures(wanted, found, time.Duration(timeout)*time.Millisecond)
}

// writeFeatures writes /feature and, where the node is in force, waits until
// this broker has seen it.
func (c *KafkaController) writeFeatures(node zkdata.FeatureNode, exists bool, timeout time.Duration) error {
	var version int32
	var err error
	if exists {
		c.log.infof("Updating FeatureZNode at path: %s with contents: %s", zkdata.FeaturePath, node)
		version, err = c.zkClient.UpdateFeatureZNode(node)
	} else {
		c.log.infof("Creating FeatureZNode at path: %s with contents: %s", zkdata.FeaturePath, node)
		err = c.zkClient.CreateFeatureZNode(node)
	}
	if err != nil || c.features == nil || node.Status == zkdata.FeatureDisabled {
		return err
	}
	return c.features.WaitUntilEpoch(version, timeout)
}

// UpdateFeatures changes finalized features (key 57). Each feature has its own
// answer.
func (c *KafkaController) UpdateFeatures(request *kmsg.UpdateFeaturesRequest, respond func(*kmsg.UpdateFeaturesResponse)) {
	response := request.ResponseKind().(*kmsg.UpdateFeaturesResponse)
	fail := func(err error) {
		response.ErrorCode, response.ErrorMessage = protocol.ErrorCode(err), protocol.ErrorMessage(err)
		respond(response)
	}
	c.putRequest("UpdateFeatures", stateUpdateFeatures, func() { fail(kerr.NotController) }, func() error {
		if c.versions < config.IBP_2_7_IV0 {
			fail(protocol.WithMessage(kerr.InvalidRequest, "Feature versioning system is disabled."))
			return nil
		}
		results := c.updateFeatures(request)
		for _, update := range request.FeatureUpdates {
			err := results[update.Feature]
			response.Results = append(response.Results, kmsg.UpdateFeaturesResponseResult{
				Feature: update.Feature, ErrorCode: protocol.ErrorCode(err), ErrorMessage: protocol.ErrorMessage(err),
			})
		}
		respond(response)
		return nil
	})
}

// updateFeatures writes the updates that are valid and gives each feature's result.
func (c *KafkaController) updateFeatures(request *kmsg.UpdateFeaturesRequest) map[string]error {
	results := map[string]error{}
	target := maps.Clone(c.finalizedFeatures)
	if target == nil {
		target = map[string]zkdata.FinalizedVersionRange{}
	}
	for _, update := range request.FeatureUpdates {
		existing, finalized := c.finalizedFeatures[update.Feature]
		err := validateFeatureUpdate(update, existing, finalized)
		results[update.Feature] = err
		if err == nil {
			delete(target, update.Feature)
		}
	}
	if maps.Equal(target, c.finalizedFeatures) {
		return results
	}
	err := c.writeFeatures(zkdata.FeatureNode{Status: zkdata.FeatureEnabled, Features: target}, true,
		time.Duration(request.TimeoutMillis)*time.Millisecond)
	if err == nil {
		c.finalizedFeatures = target
		return results
	}
	c.log.withError(err).warnf("Processing of feature updates failed")
	for name, failure := range results {
		if failure == nil {
			results[name] = kerr.FeatureUpdateFailed
		}
	}
	return results
}

// validateFeatureUpdate refuses updates. As no feature is supported, the only
// one that it lets through is the deletion of a feature that is finalized.
func validateFeatureUpdate(update kmsg.UpdateFeaturesRequestFeatureUpdate, existing zkdata.FinalizedVersionRange, finalized bool) error {
	refuse := func(format string, args ...any) error {
		return protocol.WithMessage(kerr.InvalidRequest, fmt.Sprintf(format, args...))
	}
	level := update.MaxVersionLevel
	switch {
	case update.Feature == "":
		return refuse("Feature name can not be empty.")
	case level < 1 && update.AllowDowngrade && finalized:
		return nil
	case level < 1 && update.AllowDowngrade:
		return refuse("Can not delete non-existing finalized feature.")
	case level < 1:
		return refuse("Can not provide maxVersionLevel: %d less than 1 without setting the allowDowngrade flag to true in the request.", level)
	case finalized && level == existing.MaxVersionLevel:
		direction := "upgrade"
		if update.AllowDowngrade {
			direction = "downgrade"
		}
		return refuse("Can not %s a finalized feature from existing maxVersionLevel:%d to the same value.", direction, existing.MaxVersionLevel)
	case finalized && level < existing.MaxVersionLevel && !update.AllowDowngrade:
		return refuse("Can not downgrade finalized feature from existing maxVersionLevel:%d to provided maxVersionLevel:%d without setting the allowDowngrade flag in the request.",
			existing.MaxVersionLevel, level)
	case finalized && update.AllowDowngrade && level > existing.MaxVersionLevel:
		return refuse("When the allowDowngrade flag set in the request, the provided maxVersionLevel:%d can not be greater than existing maxVersionLevel:%d.",
			level, existing.MaxVersionLevel)
	case finalized && level < existing.MinVersionLevel:
		return refuse("Can not downgrade finalized feature to maxVersionLevel:%d because it's lower than the existing minVersionLevel:%d.",
			level, existing.MinVersionLevel)
	default:
		return refuse("Could not apply finalized feature update because the provided feature is not supported.")
	}
}
