//go:build peers

package protocol

// scenarios are all of them, by file.
var scenarios = [][]scenario{
	apiVersionsScenarios, metadataScenarios, produceScenarios, fetchScenarios, listOffsetsScenarios, groupScenarios,
	topicScenarios, configScenarios, logScenarios, controllerScenarios,
}
