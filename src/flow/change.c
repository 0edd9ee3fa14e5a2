#include "flow/change.h"
#include "base/bell.h"
#include "base/metrics.h"
#include "base/url.h"
#include "core/webhook.h"
#include "flow/rows.h"

// Bits of what has happened; a late part payment is told as expired and as underpaid.
static int events_of(const struct pay_effects *fx) {
  return (fx->became_paid ? EVENT_PAID : 0) | (fx->became_expired ? EVENT_EXPIRED : 0) |
         (fx->became_failed ? EVENT_FAILED : 0) | (fx->became_underpaid ? EVENT_UNDERPAID : 0);
}

struct str change_webhook_host(struct arena *a, struct str text) {
  struct url u;
  if (!text.p || !url_split(text, &u))
    return STR_NONE;
  return str_printf(a, "%.*s:%d", STR_FMT(u.host), u.port ? u.port : u.https ? 443 : 80);
}

static void queue_delivery(struct job *j, const struct payment *p, const struct project *project,
                           enum webhook_event event, int64_t now_us) {
  struct str host = change_webhook_host(j->arena, project->webhook_url);
  if (!host.p)
    return;
  struct buf body;
  buf_init(&body, j->arena, WEBHOOK_BODY_MAX);
  webhook_body(&body, p, event);
  JOB_OP(j, Q_DELIVERY_ADD, v_int(p->row), v_int(p->project_id), v_int(p->is_test), v_int(event),
         v_text(webhook_id(j->arena, p, event)), v_text(project->webhook_url), v_text(host),
         v_text(buf_view(&body)), v_int(now_us));
}

void change_queue(struct job *j, const struct payment *p, const struct project *project,
                  const struct pay_effects *fx, int64_t now_us) {
  job_update_payment(j, p);
  if (fx->event)
    JOB_OP(j, Q_EVENT_ADD, v_int(p->row), v_int(now_us), v_text(str_of(fx->event)), v_text(fx->detail));
  int told = events_of(fx) & (project->events | EVENT_PAID);
  for (int event = EVENT_PAID; event <= EVENT_UNDERPAID; event *= 2)
    if (told & event)
      queue_delivery(j, p, project, (enum webhook_event)event, now_us);
}

static void count(const struct payment *p) {
  switch (p->status) {
  case PAY_PENDING:
    return;
  case PAY_PAID:
    metric_add(p->is_test ? METRIC_PAID_TEST : METRIC_PAID_LIVE, 1);
    return;
  case PAY_EXPIRED:
    metric_add(METRIC_EXPIRED, 1);
    return;
  case PAY_FAILED:
    metric_add(METRIC_FAILED, 1);
    return;
  }
}

void change_committed(const struct env *env, const struct payment *p, enum pay_status was) {
  if (p->status != was)
    count(p);
  if (env->bell)
    bell_ring(env->bell, p->row, p->version);
}
