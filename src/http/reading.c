#include "http/reading.h"

void reading_init(struct reading *w, struct request *r) {
  w->request = r;
  atomic_init(&w->met, false);
}

// The answer may come before the request is set aside: who is last resumes it, and the first touches nothing
// more.
void reading_done(struct reading *w) {
  if (atomic_exchange(&w->met, true))
    request_resume(w->request);
}

void reading_then(struct reading *w, bool ended, request_fn *then) {
  if (ended) {
    then(w->request);
  } else {
    request_suspend(w->request, then);
    reading_done(w);
  }
}
