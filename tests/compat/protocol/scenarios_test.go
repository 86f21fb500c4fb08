//go:build peers

package protocol

import "slices"

// aloneScenarios are run one by one before the others, since what they do is seen by
// all: when a topic is deleted, groups that are empty and have no offsets go away.
var aloneScenarios = slices.Concat(ofNoGroup, waitingScenarios, deletionScenarios)

// scenarios are all others, by file.
var scenarios = [][]scenario{
	apiVersionsScenarios, metadataScenarios, produceScenarios, fetchScenarios, listOffsetsScenarios, groupScenarios,
	topicScenarios, configScenarios, logScenarios, controllerScenarios,
}
