// Package admin changes topics and settings on behalf of requests, by writing
// ZooKeeper, and hears of the changes that others made. It mirrors
// kafka.server.ZkAdminManager, kafka.zk.AdminZkClient, kafka.server.ConfigHelper
// and kafka.server.DynamicConfigManager.
package admin
