package config

// Settings of transactions.
var (
	TransactionalIdExpirationMs = Key[int]{BrokerDef.add(Row{
		Name:       "transactional.id.expiration.ms",
		Type:       Int,
		Default:    "604800000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "How long a transactional id without any transaction is remembered; a transaction that runs keeps it. Producer ids expire by it too, after their last write.",
	})}
	TransactionMaxTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.max.timeout.ms",
		Type:       Int,
		Default:    "900000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Longest transaction timeout that a producer may ask for, which bounds how long consumers of committed records can be held up.",
	})}
	TransactionStateLogMinIsr = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.min.isr",
		Type:       Int,
		Default:    "2",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "min.insync.replicas of the transaction topic.",
	})}
	TransactionStateLogLoadBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.load.buffer.size",
		Type:       Int,
		Default:    "5242880",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Bytes read at once when transaction state is loaded. Not a hard limit: a batch that is larger is still read.",
	})}
	TransactionStateLogReplicationFactor = Key[int16]{BrokerDef.add(Row{
		Name:       "transaction.state.log.replication.factor",
		Type:       Short,
		Default:    "3",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Replicas of the transaction topic. It is not created before that many brokers are there.",
	})}
	TransactionStateLogNumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.num.partitions",
		Type:       Int,
		Default:    "50",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Partitions of the transaction topic. Must not change afterwards, since it decides which broker coordinates a transactional id.",
	})}
	TransactionStateLogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.segment.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Segment size of the transaction topic; a small one keeps compaction and loading quick.",
	})}
	TransactionAbortTimedOutTransactionCleanupIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.abort.timed.out.transaction.cleanup.interval.ms",
		Type:       Int,
		Default:    "10000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Time between two searches for transactions that have run out of time.",
	})}
	TransactionRemoveExpiredTransactionCleanupIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.remove.expired.transaction.cleanup.interval.ms",
		Type:       Int,
		Default:    "3600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Time between two searches for transactional ids to forget.",
	})}
)
