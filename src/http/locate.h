// Which route a request means.
#pragma once
#include "core/err.h"

struct server_request;

// Fills in path, query and route from the target's origin form. ERR_NOT_FOUND; ERR_METHOD, with `allow` set;
// wrong Content-Type.
enum err locate(struct server_request *q, struct str target) MUST_CHECK;

// Fills in the path alone, so that a refusal has the form its path asks for.
void locate_path(struct server_request *q, struct str target);

// Answers "/pay" where only "/pay/" exists, a page's address with its slash forgotten, with the way there.
bool locate_forgotten_slash(struct server_request *q);
