package apis

import (
	"maps"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/network"
)

var clientSoftware = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// apiVersions lists what is served. A name or version of the client's software
// that is not well formed is refused (KIP-511).
func (a *APIs) apiVersions(request *network.Request, body *kmsg.ApiVersionsRequest) {
	response := body.ResponseKind().(*kmsg.ApiVersionsResponse)
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{}
	if body.Version >= 3 && !(clientSoftware.MatchString(body.ClientSoftwareName) && clientSoftware.MatchString(body.ClientSoftwareVersion)) {
		response.ErrorCode = kerr.InvalidRequest.Code
		request.Respond(response)
		return
	}
	for _, api := range Table().Served() {
		row := kmsg.NewApiVersionsResponseApiKey()
		row.ApiKey, row.MinVersion, row.MaxVersion = api.Key, api.MinVersion, api.MaxVersion
		response.ApiKeys = append(response.ApiKeys, row)
	}
	features, epoch := a.Features.Latest()
	response.FinalizedFeaturesEpoch = epoch
	for _, name := range slices.Sorted(maps.Keys(features)) {
		row := kmsg.NewApiVersionsResponseFinalizedFeature()
		row.Name, row.MinVersionLevel, row.MaxVersionLevel = name, features[name].MinVersionLevel, features[name].MaxVersionLevel
		response.FinalizedFeatures = append(response.FinalizedFeatures, row)
	}
	request.Respond(response)
}
