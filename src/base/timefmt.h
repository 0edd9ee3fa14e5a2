// Times as text, always UTC. Pure: no time zone, no locale, no state. The calendar is the proleptic Gregorian
// one.
#pragma once
#include "base/str.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

enum { TIME_SQL_N = 19, TIME_ISO_N = 20 }; // characters, without the NUL

// Microseconds since 1970, cut to the second, as "2026-07-01 18:30:00" and as "2026-07-01T18:30:00Z".
// Times before 1970 or after the year 9999 (only a lying clock or node has them) show as the nearest end of
// that range.
void time_sql_put(int64_t us, char out[TIME_SQL_N + 1]);
void time_iso_put(int64_t us, char out[TIME_ISO_N + 1]);
struct str time_sql(struct arena *a, int64_t us);
struct str time_iso(struct arena *a, int64_t us);

// Reads both forms, and a date alone as its midnight. False where it is not such a time.
bool time_parse(struct str s, int64_t *us);
