// `cryptopay reconcile`: page after page.
#include "daemon/cli_run.h"

#include <string.h>

static bool is(const json_t *row, const char *result) {
  return strcmp(json_string_value(json_object_get(row, "result")), result) == 0;
}

struct totals {
  long equal, differs, shown, unknown;
};

static void count(const json_t *page, struct totals *t) {
  size_t i;
  const json_t *row;
  json_array_foreach(page, i, row) {
    t->equal += is(row, "equal");
    t->differs += is(row, "differs");
    t->shown += is(row, "shown");
    t->unknown += is(row, "unknown");
  }
}

// People see what is not equal; programs see all.
static void show(const struct cli *c, const json_t *page) {
  json_t *worth = json_array();
  size_t i;
  json_t *row;
  json_array_foreach((json_t *)page, i, row) if (c->json || !is(row, "equal")) json_array_append(worth, row);
  if (json_array_size(worth))
    cli_show(c, worth);
  json_decref(worth);
}

int run_reconcile(struct cli *c) {
  struct totals t = {0};
  int status = EXIT_DONE;
  for (bool more = true; more;) {
    json_t *page = cli_call(c, "reconcile", false, &status);
    size_t n = json_array_size(page);
    if (!page)
      return status;
    count(page, &t);
    show(c, page);
    more = n > 0;
    if (more) {
      json_t *last = json_object_get(json_array_get(page, n - 1), "id");
      struct str id = str_printf(&c->arena, "%lld", (long long)json_integer_value(last));
      json_object_set_new(c->args, "after", json_stringn(id.p, id.n));
    }
    json_decref(page);
  }
  if (!c->json)
    printf("%ld equal, %ld differ, %ld in merchants' own hands and not equal, %ld not known\n", t.equal,
           t.differs, t.shown, t.unknown);
  return t.differs || t.unknown ? EXIT_REFUSED : EXIT_DONE;
}
