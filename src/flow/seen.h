// Sightings that came to nothing. Internal to flow/.
#pragma once
#include "flow/env.h"

// Blocks up to this one are in the book: what is still shown as seen there was not credited.
enum err seen_forget(struct env *env, struct arena *a, int64_t number) MUST_CHECK;
