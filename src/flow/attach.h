// A transfer that is in the book and unmatched gets its payment, through the same steps as a credit
// (flow/credit.h). Internal to flow/.
#pragma once
#include "flow/credit.h"

struct attach {
  struct chain_block block;
  struct chain_transfer transfer;
  struct owned owned;
  struct credit credit; // to be run by credit_step()
};

// `row` is of Q_TRANSFER_OWNED and its like. The payment and its project are as they are now.
void attach_begin(struct attach *a, const struct val *row, const struct payment *p,
                  const struct project *project);
