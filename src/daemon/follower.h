// Follows what other nodes change of projects, keys and addresses: looks each second, on a thread of its own,
// since what a busy sweeper or writer waits for must not make this node's memory old.
#pragma once
#include "flow/env.h"

struct follower;

struct follower *follower_start(struct env *env); // NULL: no thread
void follower_stop(struct follower *f);           // before the store's writer is stopped
