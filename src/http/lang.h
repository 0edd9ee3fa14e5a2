// Which of the languages in web/i18n a page is shown in.
#pragma once
#include "web.h"

// What the visitor chose on the page ("es"), else the best of Accept-Language (RFC 9110 12.5.4: quality, then
// order; the part before the hyphen counts), else the first language.
enum lang lang_pick(struct str chosen, struct str accept);
