#include "flow/rows.h"
#include "base/bug.h"
#include "flow/chain_view.h"

void row_to_payment_state(const struct env *env, const struct val *v, struct payment *p) {
  BUG_IF(v[7].i < 0 || v[7].i >= PAY_STATUSES || v[8].i < 0 || v[8].i >= PAY_SUBS,
         "a payment's row has an unknown status");
  *p = (struct payment){
      .row = v[0].i,
      .id = payment_id_from_row(&env->id_key, v[0].i),
      .project_id = v[1].i,
      .is_test = v[2].i != 0,
      .order_id = v[3].s,
      .amount = {v[4].i},
      .scale = (int)v[5].i,
      .pay_amount = {v[6].i},
      .status = (enum pay_status)v[7].i,
      .sub = (enum pay_sub)v[8].i,
      .address = v[9].s,
      .expires_us = v[10].i,
      .cancelled_us = v[11].i,
      .txid = v[12].s,
      .paid_us = v[13].i,
      .replaced_by = v[14].i,
      .version = v[15].i,
      .seen_number = v[16].i,
  };
  // Never stored: it follows from the head.
  if (p->sub == SUB_SEEN && chain_view_head(env->chain) > p->seen_number)
    p->sub = SUB_CONFIRMING;
}

void row_to_payment(const struct env *env, const struct val *v, struct payment *p) {
  row_to_payment_state(env, v, p);
  p->received = (struct usdt){v[17].i};
  p->address_id = v[18].i;
  p->description = v[19].s;
  p->success_url = v[20].s;
  p->fail_url = v[21].s;
  p->created_us = v[22].i;
  p->match_from_us = v[23].i;
  p->first_expires_us = v[24].i;
  p->quarantine_us = v[25].i;
  p->extended = (int)v[26].i;
  p->due_us = v[27].i;
  p->seen_txid = v[28].s;
}

static enum pay_sub stored_sub(const struct payment *p) {
  return p->sub == SUB_CONFIRMING ? SUB_SEEN : p->sub;
}

void job_add_payment(struct job *j, const struct payment *p) {
  JOB_OP(j, Q_PAYMENT_ADD, v_int(p->project_id), v_int(p->is_test), v_text(p->order_id),
         v_int(p->amount.micro), v_int(p->scale), v_int(p->pay_amount.micro), v_int(p->received.micro),
         v_int(p->status), v_int(stored_sub(p)), v_int_or_null(p->address_id), v_text(p->address),
         v_text(p->description), v_text(p->success_url), v_text(p->fail_url), v_int(p->created_us),
         v_int(p->match_from_us), v_int(p->first_expires_us), v_int(p->expires_us), v_int(p->quarantine_us),
         v_int(p->extended), v_int_or_null(p->due_us), v_int_or_null(p->seen_number), v_text(p->seen_txid));
}

void job_update_payment(struct job *j, const struct payment *p) {
  JOB_OP(j, Q_PAYMENT_UPDATE, v_int(p->row), v_int(p->received.micro), v_int(p->status), v_int(stored_sub(p)),
         v_int(p->expires_us), v_int(p->quarantine_us), v_int(p->extended), v_int_or_null(p->cancelled_us),
         v_text(p->txid), v_int_or_null(p->paid_us), v_int_or_null(p->due_us), v_int_or_null(p->replaced_by),
         v_int_or_null(p->seen_number), v_text(p->seen_txid), v_int(p->version));
}

void row_to_project(const struct val *v, struct project *p) {
  *p = (struct project){
      .id = v[0].i,
      .merchant_id = v[1].i,
      .name = v[2].s,
      .live = v[3].i != 0,
      .enabled = v[4].i != 0,
      .website = v[5].s,
      .website_host = v[6].s,
      .webhook_url = v[7].s,
      .support = v[8].s,
      .events = (int)v[9].i,
      .public_status = v[10].i != 0,
      .require_v2 = v[11].i != 0,
      .min_amount = {v[12].i},
      .max_amount = {v[13].i},
      .surcharge_cap = {v[14].i},
      .policy =
          {
              .window_us = v[15].i,
              .quarantine_us = v[16].i,
              .accept_late = v[17].i != 0,
              .tolerance = {v[18].i},
          },
      .created_us = v[19].i,
      .version = v[20].i,
  };
}

void job_update_project(struct job *j, const struct project *p) {
  JOB_OP(j, Q_PROJECT_UPDATE, v_int(p->id), v_text(p->name), v_int(p->live), v_int(p->enabled),
         v_text(p->website), v_text(p->website_host), v_text(p->webhook_url), v_text(p->support),
         v_int(p->events), v_int(p->public_status), v_int(p->require_v2), v_int(p->min_amount.micro),
         v_int(p->max_amount.micro), v_int(p->surcharge_cap.micro), v_int(p->policy.window_us),
         v_int(p->policy.quarantine_us), v_int(p->policy.accept_late), v_int(p->policy.tolerance.micro),
         v_int(p->version));
}
