#include "http/page_proof.h"
#include "flow/proof.h"
#include "http/app.h"
#include "http/page.h"
#include "http/reading.h"

struct handing {
  struct flow_proof proof; // first: the job's address is this one's
  struct reading reading;
};

static void done(struct job *j) {
  reading_done(&((struct handing *)j)->reading);
}

static void hand_on(struct request *r) {
  const struct flow_proof *f = &((const struct handing *)r->user)->proof;
  if (f->job.result != ERR_NONE) {
    page_refuse(r, f->job.result, f->id, request_query(r, "lang"));
    return;
  }
  page_headers(r);
  request_add_header(
      r, "Content-Disposition",
      str_printf(r->arena, "attachment; filename=\"payment-%lld-proof.json\"", (long long)f->id));
  request_reply(r, 200, "application/json", f->file);
}

void page_proof(struct request *r) {
  const struct app *app = r->app;
  struct handing *h = ARENA_NEW(r->arena, struct handing);
  r->user = h;
  if (!str_to_i64(request_query(r, "id"), &h->proof.id))
    h->proof.id = 0; // which no payment has
  h->proof.job.done = done;
  reading_init(&h->reading, r);
  reading_then(&h->reading, flow_proof_start(app->env, r->arena, &h->proof), hand_on);
}
