// Projects in memory, for the pages and answers that show a payment with its project: the payment alone is
// read then. A part of the key cache, emptied together with it by each change of a project. Shared between
// threads.
#pragma once
#include "core/project.h"

enum { PROJECTS_MAX = 1024 }; // in memory; two with the same remainder drive each other out

struct projects;

struct projects *projects_new(void);
void projects_free(struct projects *ps);
void projects_clear(struct projects *ps);
int64_t projects_generation(struct projects *ps); // goes up with every clear

// A copy, its texts in the arena. false: it is not here.
bool projects_get(struct projects *ps, struct arena *a, int64_t id, struct project *out);
// Keeps a copy of what was read, unless something was changed since `generation`.
void projects_put(struct projects *ps, const struct project *p, int64_t generation);
