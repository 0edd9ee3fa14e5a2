// Settings of a project by name.
#include "base/timefmt.h"
#include "core/project.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum err set(struct project *p, const char *key, const char *value) {
  static struct arena a;
  if (!a.max)
    arena_init(&a, 1 << 20);
  arena_reset(&a);
  return project_set(p, &a, str_of(key), str_of(value), false);
}

static void documented_defaults(void **state) {
  (void)state;
  struct project p;
  project_init(&p);
  assert_false(p.live);
  assert_true(p.enabled && p.public_status && p.policy.accept_late);
  assert_int_equal(p.policy.window_us, 30 * MINUTE_US);
  assert_int_equal(p.policy.quarantine_us, 48 * HOUR_US);
  assert_int_equal(p.min_amount.micro, 10000);
  assert_int_equal(p.max_amount.micro, INT64_C(1000000000000));
  assert_int_equal(p.surcharge_cap.micro, 100000);
  assert_int_equal(p.policy.tolerance.micro, 0);
}

static void good_and_bad_values(void **state) {
  (void)state;
  static const struct {
    const char *key, *value;
    enum err want;
  } cases[] = {
      {"mode", "live", ERR_NONE},
      {"mode", "Live", ERR_SETTING},
      {"enabled", "no", ERR_NONE},
      {"enabled", "maybe", ERR_SETTING},
      {"window", "5m", ERR_NONE},
      {"window", "299", ERR_SETTING},
      {"window", "24h", ERR_NONE},
      {"window", "25h", ERR_SETTING},
      {"window", "9223372036854775807d", ERR_SETTING},
      {"quarantine", "0", ERR_NONE},
      {"quarantine", "31d", ERR_SETTING},
      {"min-amount", "0.5", ERR_NONE},
      {"min-amount", "0", ERR_AMOUNT_ZERO},
      {"surcharge-cap", "0", ERR_NONE},
      {"surcharge-cap", "0.10", ERR_NONE},
      {"surcharge-cap", "1.01", ERR_SETTING},
      {"tolerance", "0.02", ERR_NONE},
      {"website", "https://shop.example.com", ERR_NONE},
      {"website", "https://127.0.0.1", ERR_WEBSITE},
      {"website", "", ERR_NONE},
      {"webhook", "https://shop.example.com/hook", ERR_NONE},
      {"webhook", "http://shop.example.com/hook", ERR_WEBHOOK_URL},
      {"webhook", "", ERR_NONE},
      {"webhook-events", "expired, underpaid", ERR_NONE},
      {"webhook-events", "none", ERR_NONE},
      {"webhook-events", "everything", ERR_SETTING},
      {"name", "Shop", ERR_NONE},
      {"name", " Shop", ERR_NAME},
      {"name", "", ERR_NAME},
      {"name", "a\nb", ERR_NAME},
      {"colour", "red", ERR_SETTING},
  };
  struct project p;
  project_init(&p);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (set(&p, cases[i].key, cases[i].value) != cases[i].want)
      fail_msg("%s = %s", cases[i].key, cases[i].value);
}

static void events_are_bits_and_paid_is_always_told(void **state) {
  (void)state;
  struct project p;
  project_init(&p);
  assert_int_equal(set(&p, "webhook-events", "expired,failed"), ERR_NONE);
  assert_int_equal(p.events, EVENT_PAID | EVENT_EXPIRED | EVENT_FAILED);
  assert_int_equal(set(&p, "webhook-events", ""), ERR_NONE);
  assert_int_equal(p.events, EVENT_PAID);
}

static void every_listed_setting_is_known(void **state) {
  (void)state;
  struct project p;
  project_init(&p);
  for (const struct project_setting *s = project_settings; s->name; s++)
    assert_true(set(&p, s->name, "\x01") != ERR_NONE); // a control character suits none
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(documented_defaults),
      cmocka_unit_test(good_and_bad_values),
      cmocka_unit_test(events_are_bits_and_paid_is_always_told),
      cmocka_unit_test(every_listed_setting_is_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
