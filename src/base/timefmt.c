#include "base/timefmt.h"

#include <string.h>

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, DAYS_TO_1970 = 719468 }; // counted from 0000-03-01
#define LAST_S INT64_C(253402300799)                                        // 9999-12-31 23:59:59

struct civil {
  int year, month, day, hour, minute, second;
};

// Years are taken to begin in March, so that the leap day is the last of its year and months follow a fixed
// pattern.
static void civil_date(int64_t days, struct civil *c) {
  int64_t z = days + DAYS_TO_1970;
  int era = (int)(z / DAYS_PER_ERA), doe = (int)(z % DAYS_PER_ERA);
  int yoe = (doe - doe / 1460 + doe / 36524 - doe / (DAYS_PER_ERA - 1)) / 365;
  int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int march_month = (5 * doy + 2) / 153;
  c->day = doy - (153 * march_month + 2) / 5 + 1;
  c->month = march_month < 10 ? march_month + 3 : march_month - 9;
  c->year = yoe + era * YEARS_PER_ERA + (c->month <= 2);
}

static int64_t days_of(int year, int month, int day) {
  int y = year - (month <= 2), era = y / YEARS_PER_ERA, yoe = y % YEARS_PER_ERA;
  int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return (int64_t)era * DAYS_PER_ERA + yoe * 365 + yoe / 4 - yoe / 100 + doy - DAYS_TO_1970;
}

static struct civil civil_of(int64_t us) {
  int64_t s = us < 0 ? 0 : us / SECOND_US;
  if (s > LAST_S)
    s = LAST_S;
  int in_day = (int)(s % 86400);
  struct civil c = {.hour = in_day / 3600, .minute = in_day / 60 % 60, .second = in_day % 60};
  civil_date(s / 86400, &c);
  return c;
}

static void digits(char *out, int v, int n) {
  for (int i = n - 1; i >= 0; i--, v /= 10)
    out[i] = (char)('0' + v % 10);
}

static void put(int64_t us, char *out, const char *pattern) {
  struct civil c = civil_of(us);
  memcpy(out, pattern, strlen(pattern) + 1);
  digits(out, c.year, 4);
  digits(out + 5, c.month, 2);
  digits(out + 8, c.day, 2);
  digits(out + 11, c.hour, 2);
  digits(out + 14, c.minute, 2);
  digits(out + 17, c.second, 2);
}

void time_sql_put(int64_t us, char out[TIME_SQL_N + 1]) {
  put(us, out, "0000-00-00 00:00:00");
}

void time_iso_put(int64_t us, char out[TIME_ISO_N + 1]) {
  put(us, out, "0000-00-00T00:00:00Z");
}

struct str time_sql(struct arena *a, int64_t us) {
  char *p = arena_alloc(a, TIME_SQL_N + 1);
  time_sql_put(us, p);
  return (struct str){p, TIME_SQL_N};
}

struct str time_iso(struct arena *a, int64_t us) {
  char *p = arena_alloc(a, TIME_ISO_N + 1);
  time_iso_put(us, p);
  return (struct str){p, TIME_ISO_N};
}

// '0' in the pattern stands for a digit, '?' for a blank or a T, the rest for itself.
static bool matches(struct str s, const char *pattern) {
  if (s.n != strlen(pattern))
    return false;
  for (size_t i = 0; i < s.n; i++) {
    bool fits = pattern[i] == '0'   ? s.p[i] >= '0' && s.p[i] <= '9'
                : pattern[i] == '?' ? s.p[i] == ' ' || s.p[i] == 'T'
                                    : s.p[i] == pattern[i];
    if (!fits)
      return false;
  }
  return true;
}

static int number(const char *p, int n) {
  int v = 0;
  for (int i = 0; i < n; i++)
    v = v * 10 + (p[i] - '0');
  return v;
}

bool time_parse(struct str s, int64_t *us) {
  bool date_only = matches(s, "0000-00-00");
  if (!date_only && !matches(s, "0000-00-00?00:00:00") && !matches(s, "0000-00-00T00:00:00Z"))
    return false;
  int year = number(s.p, 4), month = number(s.p + 5, 2), day = number(s.p + 8, 2);
  int hour = date_only ? 0 : number(s.p + 11, 2), minute = date_only ? 0 : number(s.p + 14, 2);
  int second = date_only ? 0 : number(s.p + 17, 2);
  if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
    return false;
  int64_t days = days_of(year, month, day);
  struct civil back = {0};
  civil_date(days, &back);
  if (back.month != month || back.day != day) // the month has no such day
    return false;
  *us = (days * 86400 + hour * 3600 + minute * 60 + second) * SECOND_US;
  return true;
}
