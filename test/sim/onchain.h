// The chain of a run, its nodes, and who pays on it. Every fifth run follows one, through one node that is
// honest, or through three of which two must agree and one may say what it likes.
#pragma once
#include "oracle.h"

struct sim;
struct node;
struct onchain;

struct onchain *onchain_new(struct sim *s); // NULL: this run has no chain
void onchain_free(struct onchain *l);
void onchain_attach(struct node *n); // its watcher, when the gateway has been put together
void onchain_detach(struct node *n, bool orderly);
void onchain_step(struct node *n); // something happens on the chain, or the node looks at it
void onchain_quiet(struct sim *s); // nothing goes wrong any more; blocks until all is final and in the book
