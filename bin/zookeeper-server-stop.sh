#!/bin/bash
# Signals every zookeeper server of this machine, and does not wait for its end.

SIGNAL=${SIGNAL:-TERM}
PIDS=$(ps ax | grep -i ' org\.apache\.zookeeper\.server\.quorum\.QuorumPeerMain ' | grep -v grep | awk '{print $1}')

if [ -z "$PIDS" ]; then
  echo "No zookeeper server to stop"
  exit 1
else
  kill -s $SIGNAL $PIDS
fi
