package zkdata

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FeaturePath holds the finalized features (KIP-584); its data version is their epoch.
const FeaturePath = "/feature"

// FeatureStatus tells whether finalized features are in force.
type FeatureStatus int32

// The two statuses: enabled from inter-broker protocol 2.7-IV0 on.
const (
	FeatureDisabled FeatureStatus = 0
	FeatureEnabled  FeatureStatus = 1
)

// FinalizedVersionRange is the range of a feature's levels in force.
type FinalizedVersionRange struct{ MinVersionLevel, MaxVersionLevel int16 }

// FinalizedFeatures are the ranges by the features' names.
type FinalizedFeatures map[string]FinalizedVersionRange

// String prints as org.apache.kafka.common.feature.Features.
func (f FinalizedFeatures) String() string {
	texts := make([]string, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		texts = append(texts, fmt.Sprintf("(%s -> FinalizedVersionRange[min_version_level:%d, max_version_level:%d])", name,
			f[name].MinVersionLevel, f[name].MaxVersionLevel))
	}
	return "Features{" + strings.Join(texts, ", ") + "}"
}

// FeatureNode is the content of /feature.
type FeatureNode struct {
	Status   FeatureStatus
	Features FinalizedFeatures
}

// String prints as Kafka's FeatureZNode.
func (n FeatureNode) String() string {
	status := "Disabled"
	if n.Status == FeatureEnabled {
		status = "Enabled"
	}
	return fmt.Sprintf("FeatureZNode(%s,%s)", status, n.Features)
}

// EncodeFeatures gives the value of /feature.
func EncodeFeatures(n FeatureNode) []byte {
	features := object{}
	for _, name := range hashMapOrder(n.Features) {
		features = append(features, member{name, object{
			{"min_version_level", n.Features[name].MinVersionLevel},
			{"max_version_level", n.Features[name].MaxVersionLevel},
		}})
	}
	return object{{"features", features}, {"version", 1}, {"status", int32(n.Status)}}.encode()
}

// DecodeFeatures reads /feature; all three keys are required.
func DecodeFeatures(data []byte) (FeatureNode, error) {
	f, err := parseObject(data)
	if err != nil {
		return FeatureNode{}, fmt.Errorf("Failed to parse feature information: %s: %w", clip(data), err) //nolint:staticcheck // Kafka's sentence
	}
	node, err := readFeatures(f)
	if err != nil {
		return FeatureNode{}, fmt.Errorf("%w in feature information: %s", err, clip(data))
	}
	return node, nil
}

func readFeatures(f fields) (FeatureNode, error) {
	version, err := f.int32("version")
	if err != nil {
		return FeatureNode{}, err
	}
	if version < 1 {
		return FeatureNode{}, fmt.Errorf("%w: Unsupported version: %d", ErrMalformed, version)
	}
	features, err := f.object("features")
	if err != nil {
		return FeatureNode{}, err
	}
	node := FeatureNode{Features: make(map[string]FinalizedVersionRange, len(features))}
	status, err := f.int32("status")
	if err != nil {
		return FeatureNode{}, err
	}
	if node.Status = FeatureStatus(status); node.Status != FeatureDisabled && node.Status != FeatureEnabled {
		return FeatureNode{}, fmt.Errorf("%w: Malformed status: %d found", ErrMalformed, status)
	}
	for name, raw := range features {
		low, high, err := versionRange(raw, "min_version_level", "max_version_level")
		if err != nil {
			return FeatureNode{}, fmt.Errorf("feature %s: %w", name, err)
		}
		node.Features[name] = FinalizedVersionRange{low, high}
	}
	return node, nil
}
