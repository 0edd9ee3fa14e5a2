#include "http/visit.h"
#include "core/payment_id.h"
#include "http/app.h"
#include "http/page.h"

static struct env *env_of(const struct request *r) {
  return ((const struct app *)r->app)->env;
}

static void visit_done(struct job *j) {
  reading_done(&((struct visit *)j)->reading);
}

void visit(struct request *r, struct visit *v, int64_t id, request_fn *then) {
  r->user = v;
  v->find.id = id;
  v->find.whole = v->find.with_project = v->find.with_proof = true;
  v->find.job.done = visit_done;
  reading_init(&v->reading, r);
  reading_then(&v->reading, flow_payment_find_start(env_of(r), r->arena, &v->find), then);
}

enum err visit_view(struct request *r, struct str chosen, struct checkout_view *v) {
  const struct flow_find *f = &((const struct visit *)r->user)->find;
  struct checkout_facts facts = page_facts(r, chosen);
  if (f->job.result != ERR_NONE)
    return f->job.result;
  facts.project = &f->project;
  facts.proven = f->proven;
  if (f->payment.replaced_by)
    facts.newer_id = payment_id_from_row(&env_of(r)->id_key, f->payment.replaced_by);
  checkout_view_make(v, r->arena, &f->payment, &facts);
  return ERR_NONE;
}

void visit_redirect(struct request *r, int64_t id, struct str lang) {
  struct str chosen = page_facts(r, lang).chosen;
  page_headers(r);
  request_redirect(r, str_printf(r->arena, "%.*s/pay/?id=%lld%s%.*s", STR_FMT(page_prefix(r)), (long long)id,
                                 chosen.n ? "&lang=" : "", STR_FMT(chosen)));
}
