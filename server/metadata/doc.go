// Package metadata holds what a broker knows of its cluster: which brokers
// live and where they listen, which topics exist, who leads and replicates
// their partitions ([Cache], fed by UpdateMetadata requests), and the
// configuration overrides of topics ([ConfigRepository]).
//
// It mirrors kafka.server.metadata.ZkMetadataCache and ConfigRepository.
package metadata
