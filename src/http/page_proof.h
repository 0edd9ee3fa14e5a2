// The proof of a paid payment, for whoever has its page.
#pragma once
#include "http/server.h"

request_fn page_proof; // GET /pay/proof?id=N[&lang=xx]: the file, as a download; a page where there is none
