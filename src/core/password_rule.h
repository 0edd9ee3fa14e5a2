// Which passwords are accepted: 8 to 1024 bytes of UTF-8, not a common one. No rules of composition.
#pragma once
#include "core/err.h"

enum { PASSWORD_MIN_CHARACTERS = 8, PASSWORD_MAX_BYTES = 1024 };

// ERR_PASSWORD where it is too short (in characters), too long, common, one character repeated, a run such as
// "12345678", or the e-mail address or the part of it before the @.
enum err password_check(struct str password, struct str email) MUST_CHECK;
