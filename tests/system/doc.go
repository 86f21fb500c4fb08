// Package system holds clusters of several brokers to what replication promises:
// under random faults, in scenarios of failover and administration, and together
// with brokers of Apache Kafka. It has tests only.
//
// Faults of brokers of Kafka 3.1's time that lie in replication or in the controller,
// and the tests that keep them out:
//
//	KAFKA-14704  uncommitted records shown before a truncation    server/replica TestNoHighWatermarkBeforeTruncation
//	KAFKA-15583  records committed by fewer than min ISR          server/cluster TestHighWatermarkStaysUnderMinIsr
//	KAFKA-14140  a replica that goes joins the ISR                server/cluster TestADeadBrokerDoesNotRejoinTheIsr
//	                                                              server/controller TestAlterIsr TestControlledShutdown
//	KAFKA-15221  a fetch of before a restart counts after it      server/controller TestAReplicaThatDiedBehindIsNotTakenIntoTheIsrByWhatItSentBefore
//	KAFKA-16452  no checkpoint, and a leader that cannot be read  tests/system TestTheWholeClusterComesBack
//	KAFKA-15510  the last fetched epoch is forgotten              server/replica TestAnEmptyResponseKeepsTheLastFetchedEpoch
//	KAFKA-13837, KAFKA-14078  fetches of who is no replica        server/cluster TestAFetchFromNoReplicaIsRefused
//	                                                              server/replica TestAFetchByNoReplicaIsRefused
//	KAFKA-9087   a moving log's high watermark                    server/replica TestMovesUnderSteadyLoad
//	KAFKA-13972  strays of a cancelled reassignment               server/controller TestReassignmentCancelled
//	                                                              tests/system TestACancelledReassignmentLeavesNothingBehind
//	KAFKA-14144  a lost answer fences a leader for good           tests/system TestALostAnswerOfTheControllerDoesNotFenceALeader
//	                                                              server/controller TestAnIsrThatShrankInAWriteWhoseAnswerWasLostIsTold
//	KAFKA-13254  ISR changes through ZooKeeper block              server/replica TestIsrChangesThroughZooKeeper
//	                                                              tests/system TestTheIsrFollowsWhoKeepsUp
//	KAFKA-14372  consumers are sent to replicas that lag          server/replica TestPreferredReadReplica
//	KAFKA-14334  consumers of followers wake late                 server/replica TestConsumersOfAFollowerWakeWithItsHighWatermark
//	KAFKA-15080  idle partitions count as lagging                 server/replica TestAnIdlePartitionIsInSync
//	KAFKA-13572  an imbalance below zero                          server/controller TestContextKeepsItsIndexes
//	KAFKA-14887  a lost session ends a broker                     tests/framework TestABrokerWithoutItsLinkToZooKeeperIsGivenUp
//	                                                              server/controller TestSessionExpiryResignsAndComesBack
//	KIP-101, KIP-279  truncation by high watermark                server/replica TestTruncationByLeaderEpoch TestTruncationOverSeveralEpochs
//	                                                              server/cluster TestDivergenceIsToldInTheFetch
//	KAFKA-7128   the ISR is joined below the epoch's start        server/cluster TestIsrExpandsOnlyFromHighWatermarkAndEpochStart
//	KAFKA-9835   reads above the high watermark                   server/cluster TestNothingAboveTheHighWatermarkIsReadWhileRecordsAreAppended
//	KIP-320      replicas of an old leader epoch                  server/cluster TestLeaderEpochFencing
//	                                                              server/replica TestAFencedFetcherWaitsForTheController
//	KIP-380      orders for an earlier life of a broker           tests/system TestOrdersForAnEarlierLifeOfABrokerAreRefused
//	                                                              server/controller TestAlterIsrIsFencedByTheBrokerEpoch TestBounceBetweenTwoLooksIsSeenByTheEpoch
//	KIP-516      old tools take a topic's id away                 server/controller TestTopicIDsStayWithTheirTopics
package system
