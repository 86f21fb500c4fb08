package controller

import "github.com/gregor-broker/gregor/config"

// requestVersions are the versions a controller speaks, which follow from its
// own inter.broker.protocol.version alone: peers are never asked.
type requestVersions struct {
	leaderAndIsr   int16
	updateMetadata int16
	stopReplica    int16
}

// The protocol versions since which each request version counts, from 1 on.
var (
	leaderAndIsrVersions = []config.ApiVersion{
		config.IBP_1_0_IV0, config.IBP_2_2_IV0, config.IBP_2_4_IV0, config.IBP_2_4_IV1, config.IBP_2_8_IV1,
	}
	updateMetadataVersions = []config.ApiVersion{
		config.IBP_0_9_0, config.IBP_0_10_0_IV1, config.IBP_0_10_2_IV0, config.IBP_1_0_IV0, config.IBP_2_2_IV0,
		config.IBP_2_4_IV1, config.IBP_2_8_IV1,
	}
	stopReplicaVersions = []config.ApiVersion{config.IBP_2_2_IV0, config.IBP_2_4_IV1, config.IBP_2_6_IV0}
)

func requestVersionsOf(protocol config.ApiVersion) requestVersions {
	reached := func(since []config.ApiVersion) int16 {
		version := int16(0)
		for version < int16(len(since)) && protocol >= since[version] {
			version++
		}
		return version
	}
	return requestVersions{reached(leaderAndIsrVersions), reached(updateMetadataVersions), reached(stopReplicaVersions)}
}
